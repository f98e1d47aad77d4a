"""Inference engines, each with one convolution as its whole model; the extra `engines` brings them.

Every engine gets torch's number of threads. Building, optimising and loading its model counts as
preparation; what it reorders in each call (most prefer a blocked layout) counts as its time. No
engine keeps its threads spinning after its turn where it can be told not to.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import torch

from impls._arguments import add_bias
from impls._onnx import convolution_model
from impls._packing import Packing
from suite import Problem, register

DISTRIBUTIONS = {"cv2": "opencv-python-headless", "jaxlib": "jax"}
"""What brings a module of another name."""


def _why_absent(*packages: str) -> str | None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    wanted = dict.fromkeys(DISTRIBUTIONS.get(name, name) for name in missing)
    return (
        f"{' and '.join(missing)} not installed: pip install {' '.join(wanted)}, or the extra "
        "engines"
    )


def _why_not(problem: Problem) -> str | None:
    return None if problem.batch_size else "needs an image"


def _packing(name: str, load, *, supports=_why_not) -> Packing:
    return Packing(
        name,
        load,
        supports,
        why_not_plain="the model is built from it",
        keeps_threads=True,
    )


def _register(packing: Packing, *packages: str, error_factor: float = 1):
    return register(
        packing.row,
        family="engine",
        devices=("cpu",),
        dtypes=("float32",),
        nan_policy="tile",
        available=functools.partial(_why_absent, *packages),
        supports=packing.why_not,
        prepare=packing.prepare,
        error_factor=error_factor,
    )


def _load_onnxruntime(weight: torch.Tensor, problem: Problem) -> Any:
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its threads would spin into the next implementation's time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        convolution_model(weight, problem), options, providers=["CPUExecutionProvider"]
    )


_onnxruntime = _packing("onnxruntime", _load_onnxruntime)


@_register(_onnxruntime, "onnxruntime", "onnx")
def onnxruntime_(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """ONNX Runtime's MLAS kernels, at its highest optimisation level, without copies.

    Channels in blocks (NCHWc) inside; a model of one layer pays for the reordering in each call.
    """
    packed = _onnxruntime.of_call(input, weight, bias, stride, padding, dilation, groups)
    x = input.detach().contiguous()
    y = torch.empty(packed.problem.output_shape)
    binding = packed.content.io_binding()
    tensors = [("x", x)] if bias is None else [("x", x), ("b", bias.detach().contiguous())]
    for name, tensor in tensors:
        binding.bind_input(name, "cpu", 0, "float32", tuple(tensor.shape), tensor.data_ptr())
    binding.bind_output("y", "cpu", 0, "float32", tuple(y.shape), y.data_ptr())
    packed.content.run_with_iobinding(binding)
    return y


def _load_openvino(weight: torch.Tensor, problem: Problem) -> Any:
    # Its telemetry reports each import by a process of its own, beside the calls that are timed.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino  # noqa: PLC0415
    from openvino import opset13 as ops  # noqa: PLC0415

    x = ops.parameter(problem.input_shape, openvino.Type.f32)
    arguments = (problem.stride, problem.padding, problem.padding, problem.dilation)
    matrix = weight.detach().contiguous()
    if problem.groups == 1:
        y = ops.convolution(x, ops.constant(matrix.numpy()), *arguments)
    else:
        grouped = matrix.unflatten(0, (problem.groups, -1))
        y = ops.group_convolution(x, ops.constant(grouped.numpy()), *arguments)
    settings = {
        # On machines with bfloat16 instructions it would otherwise compute in bfloat16.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
    }
    return _Requests(openvino.Core().compile_model(openvino.Model([y], [x]), "CPU", settings))


class _Requests(threading.local):
    """A request for each thread: it holds the call's tensors, and threads may call at once."""

    def __init__(self, compiled: Any) -> None:
        self.request = compiled.create_infer_request()


_openvino = _packing("openvino", _load_openvino)


@_register(_openvino, "openvino")
def openvino_(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """OpenVINO's CPU plug-in (a fork of oneDNN), pinned to float32; the bias is added after it."""
    import openvino  # noqa: PLC0415

    packed = _openvino.of_call(input, weight, bias, stride, padding, dilation, groups)
    x = input.detach().contiguous()
    y = torch.empty(packed.problem.output_shape)
    request = packed.content.request
    request.set_input_tensor(openvino.Tensor(x.numpy(), shared_memory=True))
    request.set_output_tensor(openvino.Tensor(y.numpy(), shared_memory=True))
    request.infer()
    return add_bias(y, bias)


def _load_jax(weight: torch.Tensor, problem: Problem) -> Any:
    import jax  # noqa: PLC0415

    # Where the process sees a GPU as well, this row is still the CPU's.
    cpu = jax.devices("cpu")[0]
    kernel = jax.device_put(weight.detach().contiguous().numpy(), cpu)

    @jax.jit
    def convolve(x):
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            problem.stride,
            [(pad, pad) for pad in problem.padding],
            rhs_dilation=problem.dilation,
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=problem.groups,
        )

    shape = jax.ShapeDtypeStruct(problem.input_shape, "float32")
    return convolve.lower(shape).compile()


_jax = _packing("jax", _load_jax)


@_register(_jax, "jax", "jaxlib")
def jax_(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """XLA for CPU: one convolution, compiled ahead. Its pool has as many threads as the machine.

    XLA offers no setting for the number of its threads after it has started.
    """
    import jax  # noqa: PLC0415

    packed = _jax.of_call(input, weight, bias, stride, padding, dilation, groups)
    # An axis of length 1 may have any stride, and the compiled function wants a certain one.
    canonical = input.detach().contiguous().view(-1).view(input.shape)
    x = jax.dlpack.from_dlpack(canonical)
    y = packed.content(x).block_until_ready()
    return add_bias(
        torch.from_dlpack(y).clone() if bias is not None else torch.from_dlpack(y), bias
    )


def _load_opencv(weight: torch.Tensor, problem: Problem) -> Any:
    import cv2  # noqa: PLC0415
    import numpy  # noqa: PLC0415

    cv2.setNumThreads(torch.get_num_threads())
    model = convolution_model(weight, problem)
    return cv2.dnn.readNetFromONNX(numpy.frombuffer(model, numpy.uint8))


def _why_not_opencv(problem: Problem) -> str | None:
    if problem.kernel == (1, 1) and problem.padding != (0, 0):
        return "its 1×1 kernels read beyond a padded input (seen in 5.0)"
    if problem.kernel in ((1, 9), (9, 1)):
        return "its 1×9 and 9×1 kernels read what is not theirs (seen in 5.0)"
    return _why_not(problem)


_opencv = _packing("opencv", _load_opencv, supports=_why_not_opencv)


@_register(_opencv, "cv2", "onnx", error_factor=8)
def opencv_(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """OpenCV's dnn module: Winograd F(6×6, 3×3) where it fits, blocked loops elsewhere.

    It clamps its sums to finite numbers: NaN does not come through, which `check` reports.
    """
    packed = _opencv.of_call(input, weight, bias, stride, padding, dilation, groups)
    packed.content.setInput(input.detach().contiguous().numpy(), "x")
    if bias is not None:
        packed.content.setInput(bias.detach().numpy(), "b")
    return torch.from_numpy(packed.content.forward().copy())


def _describe_for_ncnn(problem: Problem) -> str:
    """Return ncnn's text for a model of one convolution; the numbers are its parameters' ids."""
    plain = problem.groups == 1
    values = {
        0: problem.out_channels,
        1: problem.kernel_w,
        11: problem.kernel_h,
        2: problem.dilation_w,
        12: problem.dilation_h,
        3: problem.stride_w,
        13: problem.stride_h,
        4: problem.padding[1],
        14: problem.padding[0],
        6: problem.weight_elements,
        **({} if plain else {7: problem.groups}),
    }
    layer = "Convolution" if plain else "ConvolutionDepthWise"
    parameters = " ".join(f"{key}={value}" for key, value in values.items())
    return f"7767517\n2 2\nInput x 0 1 x\n{layer} y 1 1 x y {parameters}\n"


FLOAT32_FOLLOWS = bytes(4)
"""What stands before a weight in ncnn's file to say that it is neither float16 nor int8."""
NCNN_PLANE_ELEMENTS = 4
"""Its own tensors' planes begin at multiples of so many numbers; a clone of another one's do."""


def _load_ncnn(weight: torch.Tensor, problem: Problem) -> Any:
    import ncnn  # noqa: PLC0415

    net = ncnn.Net()
    net.opt.num_threads = torch.get_num_threads()
    net.opt.openmp_blocktime = 0
    # By default it computes in 16 bits where the machine can.
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        if hasattr(net.opt, f"use_{name}"):
            setattr(net.opt, f"use_{name}", False)
    net.load_param_mem(_describe_for_ncnn(problem))
    with tempfile.TemporaryDirectory() as folder:
        # From memory it takes text only.
        path = Path(folder) / "weights.bin"
        path.write_bytes(FLOAT32_FOLLOWS + weight.detach().contiguous().numpy().tobytes())
        net.load_model(str(path))
    return net


_ncnn = _packing("ncnn", _load_ncnn)


@_register(_ncnn, "ncnn", error_factor=8)
def ncnn_(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """ncnn, made for phones: Winograd up to F(6×6, 3×3) where it fits, blocked products elsewhere.

    Channels in blocks inside; the reordering before and after, and one copy each of input and
    result, are in its time. A batch is computed image by image, the bias added after it.
    """
    import ncnn  # noqa: PLC0415

    packed = _ncnn.of_call(input, weight, bias, stride, padding, dilation, groups)
    outputs = []
    for image in input.detach().contiguous():
        x = ncnn.Mat(image.numpy())
        if image[0].numel() % NCNN_PLANE_ELEMENTS:
            # Where it takes groups apart, it expects planes of whole 16 bytes and does not look.
            x = x.clone()
        extractor = packed.content.create_extractor()
        extractor.input("x", x)
        failed, output = extractor.extract("y")
        if failed:
            raise RuntimeError(f"ncnn refuses to compute this layer (code {failed})")
        outputs.append(torch.from_numpy(output.numpy()))
    return add_bias(torch.stack(outputs), bias)
