"""torch's own convolutions: as it dispatches them, and its engines by name."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, pair
from impls._packing import Packing
from suite import Problem, Unsupported, register

ALL_DTYPES = ("float32", "float64", "float16", "bfloat16")


@register("torch", family="vendor", dtypes=ALL_DTYPES, nan_policy="tile")
def torch_dispatch(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F.conv2d as torch dispatches it: oneDNN, cuDNN, or its own loops. The reference row.

    Which engine answers depends on sizes, dtype, layout and thread count
    (`aten/src/ATen/native/Convolution.cpp`, `_select_conv_backend`), so this row may change
    engine inside one grid. Extra memory is the engine's own business.
    """
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


for _function in (
    F.conv1d,
    F.conv3d,
    F.conv_transpose1d,
    F.conv_transpose2d,
    F.conv_transpose3d,
):
    # The functions themselves: nothing stands between them and the clock.
    register(
        "torch", kind=_function.__name__, family="vendor", dtypes=ALL_DTYPES, nan_policy="tile"
    )(_function)


@register("torch_channels_last", family="vendor", dtypes=ALL_DTYPES, nan_policy="tile")
def torch_channels_last(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F.conv2d on channels_last copies of input and weight, the copies included in the time."""
    input = input.contiguous(memory_format=torch.channels_last)
    weight = weight.contiguous(memory_format=torch.channels_last)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _why_not_slow2d(problem: Problem) -> str | None:
    if problem.groups != 1:
        return "needs groups 1"
    if problem.dilation != (1, 1):
        return "needs dilation 1"
    if problem.batch_size == 0:
        return "needs an image"
    return None


@register("aten_slow2d", family="vendor", devices=("cpu",), supports=_why_not_slow2d)
def aten_slow2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """ATen's own im2col and matrix product: what float64 gets, and float32 without oneDNN.

    Its gradient of the weight is wrong where the input is not contiguous (seen in 2.13), which
    conv2d makes it beforehand, as this row does.
    """
    return torch.ops.aten._slow_conv2d_forward(
        input.contiguous(), weight, weight.shape[2:], bias, pair(stride), pair(padding)
    )


def _needs_an_image(problem: Problem) -> str | None:
    return None if problem.batch_size else "needs an image"


def _why_no_onednn() -> str | None:
    return None if torch.backends.mkldnn.is_available() else "this torch was built without oneDNN"


# Overloads by name: looking for the one that fits takes a call 2 µs.
_pointwise = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
_pointwise_binary = getattr(_pointwise, "binary", None)
_pointwise = getattr(_pointwise, "default", None)


class Reordered(NamedTuple):
    """A weight as oneDNN keeps it, and what its operator takes after the bias."""

    weight: torch.Tensor
    settings: tuple[Any, ...]
    """(padding, stride, dilation, groups, what is fused, as the operator takes it). By order: names
    would take 2 µs a call to look up."""
    adds: bool
    """Whether a residual is added: another operator then,"""
    is_apart: bool
    """or after it."""


_FUSED: dict[str, tuple[Any, ...]] = {
    "none": ("none", [], ""),
    "relu": ("relu", [], ""),
    "relu6": ("hardtanh", [0.0, 6.0], ""),
    "silu": ("swish", [], ""),
    "hardswish": ("hardswish", [], ""),
    "gelu": ("gelu", [], "none"),
    "sigmoid": ("sigmoid", [], ""),
    "add": ("add", None, None, [], None),
    "add_relu": ("add", None, "relu", [], None),
}
"""Epilogue → (unary operation, its numbers, its algorithm), or (binary operation, alpha, unary
operation, its numbers, its algorithm): `torch/_inductor/fx_passes/mkldnn_fusion.py` has the names.
After a sum the operator takes ReLU alone."""


def _reorder_for_onednn(weight: torch.Tensor, problem: Problem) -> Reordered:
    padding, stride, dilation = problem.padding, problem.stride, problem.dilation
    fused = _FUSED[problem.epilogue]
    reordered = torch._C._nn.mkldnn_reorder_conv2d_weight(
        weight.detach().contiguous().to_mkldnn(),
        padding,
        stride,
        dilation,
        problem.groups,
        problem.input_shape,
    )
    # Of groups it fuses no sum, and makes 3.4e38 of infinity before ReLU (torch 2.13).
    is_apart = problem.groups > 1 and fused[0] == "add"
    settings = (padding, stride, dilation, problem.groups, *(_FUSED["none"] if is_apart else fused))
    return Reordered(reordered, settings, fused[0] == "add", is_apart)


_onednn = Packing("onednn_prepacked", _reorder_for_onednn, _needs_an_image)


@register(
    "onednn_prepacked",
    family="vendor",
    devices=("cpu",),
    dtypes=("float32",),
    via_float32=True,
    available=_why_no_onednn,
    supports=_needs_an_image,
    prepare=_onednn.prepare,
    epilogues=tuple(_FUSED)[1:],
)
def onednn_prepacked(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    *,
    epilogue="none",
    residual=None,
):
    """oneDNN with the weight reordered once, as frozen graphs call it, and what they fuse.

    Eager torch reorders the weight in every call, about a fifth of its time by a comment in
    `aten/src/ATen/native/mkldnn/MKLDNNConversions.cpp`. Its ReLU of NaN is 0.
    """
    arguments = stride, padding, dilation, groups
    packed = _onednn.of_call(input, weight, bias, *arguments, epilogue=epilogue, residual=residual)
    reordered, settings, adds, is_apart = packed.content
    bias = None if bias is None else bias.contiguous()  # it is read as if it were
    if adds and not is_apart:
        return _pointwise_binary(input, residual, reordered, bias, *settings)
    output = _pointwise(input, reordered, bias, *settings)
    if is_apart:
        output = output.add_(residual)
        return output.relu_() if epilogue == "add_relu" else output
    return output


def _why_no_nnpack() -> str | None:
    if torch._nnpack_available():
        return None
    return (
        "NNPACK does not start on this machine: it needs AVX2 and a visible L3 cache, which some "
        "virtual machines hide (Maratyszcza/NNPACK#207)"
    )


def _why_not_nnpack(problem: Problem) -> str | None:
    if problem.groups != 1 or problem.dilation != (1, 1):
        return "needs groups 1 and dilation 1"
    if problem.in_channels < 16:
        return "needs 16 input channels: with fewer, the rounding of its F(6×6, 3×3) shows"
    if max(problem.kernel) > 16:
        return "needs a kernel of at most 16×16"
    if problem.padding[0] >= problem.kernel_h or problem.padding[1] >= problem.kernel_w:
        return "needs padding below the kernel's size"
    if problem.batch_size == 0:
        return "needs an image"
    return None


@register(
    "nnpack",
    family="vendor",
    error_factor=8,
    devices=("cpu",),
    dtypes=("float32",),
    available=_why_no_nnpack,
    supports=_why_not_nnpack,
    nan_policy="plane",
)
def nnpack(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """NNPACK, its own choice among Winograd F(6×6, 3×3), tiled FFT and implicit im2col.

    It keeps a workspace and a thread pool of its own, the latter as large as at its first call.
    """
    try:
        return torch.ops.aten._nnpack_spatial_convolution(
            input.contiguous(), weight.contiguous(), bias, pair(padding), pair(stride)
        )
    except RuntimeError as error:
        raise Unsupported(f"NNPACK refuses: {error}") from error


def _why_no_xnnpack() -> str | None:
    if hasattr(torch.ops.prepacked, "conv2d_clamp_prepack"):
        return None
    return (
        "this torch was built without the XNNPACK operators (prepacked::conv2d_clamp_run); "
        "use a release that has them, 2.6 among others"
    )


def _reorder_for_xnnpack(weight: torch.Tensor, problem: Problem):
    return torch.ops.prepacked.conv2d_clamp_prepack(
        weight.detach(),
        None,
        problem.stride,
        problem.padding,
        problem.dilation,
        problem.groups,
        output_min=None,
        output_max=None,
    )


_xnnpack = Packing("xnnpack", _reorder_for_xnnpack, _needs_an_image)


@register(
    "xnnpack",
    family="vendor",
    devices=("cpu",),
    dtypes=("float32",),
    available=_why_no_xnnpack,
    supports=_needs_an_image,
    prepare=_xnnpack.prepare,
)
def xnnpack(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """XNNPACK's channels_last kernels with the weight packed once, through torch's operators."""
    packed = _xnnpack.of_call(input, weight, bias, stride, padding, dilation, groups)
    return add_bias(torch.ops.prepacked.conv2d_clamp_run(input, packed.content), bias)
