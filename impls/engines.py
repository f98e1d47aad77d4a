"""Inference engines for every kind of convolution; the extra `engines` brings them.

How they become rows: impls/_engine.py.
"""

from __future__ import annotations

import operator
import sys
import threading
from typing import Any

import torch

from impls._arguments import add_bias
from impls._engine import engine, needs_an_image
from impls._onnx import convolution_model
from impls._packing import Packed
from suite import Problem
from suite.kinds import KINDS


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
    return needs_an_image(problem)


@engine(
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
    return needs_an_image(problem)


@engine("openvino", _load_openvino, "openvino", kinds=KINDS, supports=_why_not_openvino)
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


@engine("jax", _load_jax, "jax", "jaxlib", kinds=KINDS)
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
