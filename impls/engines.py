"""Inference engines, each with one convolution as its whole model; the extra `engines` brings them.

Every engine gets torch's number of threads. Building, optimising and loading its model counts as
preparation; what it reorders in each call (most prefer a blocked layout) counts as its time. No
engine keeps its threads spinning after its turn where it can be told not to.
"""

from __future__ import annotations

import functools
import importlib.util
import operator
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from impls._arguments import add_bias
from impls._onnx import convolution_model
from impls._packing import Packed, Packing
from suite import Problem, register
from suite.kinds import CONVOLUTIONS, KINDS, TRANSPOSED

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


Compute = Callable[[Packed, torch.Tensor, Any], torch.Tensor]


def _engine(
    name: str,
    load: Callable[[torch.Tensor, Problem], Any],
    *packages: str,
    kinds: Sequence[str] = ("conv2d",),
    supports: Callable[[Problem], str | None] = _why_not,
    error_factor: float = 1,
) -> Callable[[Compute], Compute]:
    """Register what runs a loaded model, for each kind that the engine covers.

    Args:
        load: returns the engine's own model of one convolution, which the packed weight holds.
        packages: what has to be installed.
    """
    packing = Packing(
        name,
        load,
        supports,
        why_not_plain="the model is built from it",
        keeps_threads=True,
    )

    def registered(compute: Compute) -> Compute:
        def plain(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
            packed = packing.of_call(input, weight, bias, stride, padding, dilation, groups)
            return compute(packed, input, bias)

        def transposed(
            input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
        ):
            packed = packing.of_call(
                input,
                weight,
                bias,
                stride,
                padding,
                dilation,
                groups,
                output_padding=output_padding,
            )
            return compute(packed, input, bias)

        for function, of_kinds in ((plain, CONVOLUTIONS), (transposed, TRANSPOSED)):
            function.__doc__ = compute.__doc__
            covered = [kind for kind in of_kinds if kind in kinds]
            if covered:
                register(
                    name,
                    family="engine",
                    kinds=covered,
                    devices=("cpu",),
                    dtypes=("float32",),
                    nan_policy="tile",
                    available=functools.partial(_why_absent, *packages),
                    supports=supports,
                    prepare=packing.prepare,
                    error_factor=error_factor,
                )(function)
        return compute

    return registered


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


def _why_not_onnxruntime(problem: Problem) -> str | None:
    if any(map(operator.ge, problem.output_padding, problem.stride)):
        return "needs an output padding smaller than the stride"
    return _why_not(problem)


@_engine(
    "onnxruntime",
    _load_onnxruntime,
    "onnxruntime",
    "onnx",
    kinds=KINDS,
    supports=_why_not_onnxruntime,
)
def _run_onnxruntime(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """ONNX Runtime's MLAS kernels, at its highest optimisation level, without copies.

    Channels in blocks (NCHWc) inside; a model of one layer pays for the reordering in each call.
    """
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
    stride, dilation, pads = problem.stride, problem.dilation, problem.padding
    is_grouped = problem.groups > 1
    matrix = weight.detach().contiguous()
    if is_grouped:
        matrix = matrix.unflatten(0, (problem.groups, -1))
    constant = ops.constant(matrix.numpy())
    if problem.is_transposed:
        convolve = (
            ops.group_convolution_backprop_data if is_grouped else ops.convolution_backprop_data
        )
        y = convolve(
            x,
            constant,
            stride,
            pads_begin=pads,
            pads_end=pads,
            dilations=dilation,
            output_padding=problem.output_padding,
        )
    else:
        convolve = ops.group_convolution if is_grouped else ops.convolution
        y = convolve(x, constant, stride, pads, pads, dilation)
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


def _why_not_openvino(problem: Problem) -> str | None:
    axes = zip(
        problem.output_padding,
        problem.stride,
        problem.padding,
        problem.effective_kernel,
        strict=True,
    )
    if any(beyond >= stride and pad >= covered for beyond, stride, pad, covered in axes):
        return "is wrong where more than the stride is added behind padding beyond the kernel"
    return _why_not(problem)


@_engine("openvino", _load_openvino, "openvino", kinds=KINDS, supports=_why_not_openvino)
def _run_openvino(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """OpenVINO's CPU plug-in (a fork of oneDNN), pinned to float32; the bias is added after it."""
    import openvino  # noqa: PLC0415

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
    one = (1,) * problem.axes
    stride, spread = problem.stride, one
    pads = [(pad, pad) for pad in problem.padding]
    if problem.is_transposed:
        # The definition: zeros between the inputs, and the kernel turned round.
        weight = _turned_round(weight, problem.groups)
        stride, spread = one, problem.stride
        pads = [
            (covered - 1 - pad, covered - 1 - pad + beyond)
            for covered, pad, beyond in zip(
                problem.effective_kernel, problem.padding, problem.output_padding, strict=True
            )
        ]
    kernel = jax.device_put(weight.detach().contiguous().numpy(), cpu)
    axes = "DHW"[-problem.axes :]

    @jax.jit
    def convolve(x):
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            stride,
            pads,
            lhs_dilation=spread,
            rhs_dilation=problem.dilation,
            dimension_numbers=(f"NC{axes}", f"OI{axes}", f"NC{axes}"),
            feature_group_count=problem.groups,
        )

    shape = jax.ShapeDtypeStruct(problem.input_shape, "float32")
    return convolve.lower(shape).compile()


def _turned_round(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """Return a transposed convolution's weight (C, K/g, …) as an ordinary one's (K, C/g, …)."""
    by_group = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return by_group.flip(*range(2, weight.dim()))


@_engine("jax", _load_jax, "jax", "jaxlib", kinds=KINDS)
def _run_jax(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """XLA for CPU: one convolution, compiled ahead. Its pool has as many threads as the machine.

    XLA offers no setting for the number of its threads after it has started.
    """
    import jax  # noqa: PLC0415

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


@_engine("opencv", _load_opencv, "cv2", "onnx", supports=_why_not_opencv, error_factor=8)
def _run_opencv(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """OpenCV's dnn module: Winograd F(6×6, 3×3) where it fits, blocked loops elsewhere.

    It clamps its sums to finite numbers: NaN does not come through, which `check` reports.
    """
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


@_engine("ncnn", _load_ncnn, "ncnn", error_factor=8)
def _run_ncnn(packed: Packed, input: torch.Tensor, bias: Any) -> torch.Tensor:
    """ncnn, made for phones: Winograd up to F(6×6, 3×3) where it fits, blocked products elsewhere.

    Channels in blocks inside; the reordering before and after, and one copy each of input and
    result, are in its time. A batch is computed image by image, the bias added after it.
    """
    import ncnn  # noqa: PLC0415

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
