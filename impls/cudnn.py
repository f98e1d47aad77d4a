"""cuDNN by name, in each way that torch lets it choose; and torch's own CUDA kernels without it.

torch keeps the plan it found for a problem whatever the benchmark flag was
(`aten/src/ATen/native/cudnn/Conv_v8.cpp`): rows that choose differently must not share a process,
and here none do.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, pair
from suite import register

_by_cudnn = torch.ops.aten.cudnn_convolution
_backward = torch.ops.aten.convolution_backward
DTYPES = ("float32", "float64", "float16", "bfloat16")


class Flags(NamedTuple):
    """What cuDNN is asked for, in the order of torch's operator: names take longer to look up."""

    benchmark: bool
    deterministic: bool
    allow_tf32: bool


def _why_no_cudnn() -> str | None:
    if reason := _why_no_cuda():
        return reason
    if not torch.backends.cudnn.is_available():
        return "this torch was built without cuDNN"
    return None


def _why_no_cuda() -> str | None:
    if torch.cuda.is_available():
        return None
    return "needs an NVIDIA GPU and a torch built for CUDA"


class _Convolution(torch.autograd.Function):
    """cuDNN's convolution with its own gradients, at the same flags."""

    @staticmethod
    def forward(ctx, input, weight, arguments, flags):
        stride, padding, dilation, groups = arguments
        ctx.save_for_backward(input, weight)
        ctx.arguments, ctx.flags = arguments, flags
        return _by_cudnn(input, weight, padding, stride, dilation, groups, *flags)

    @staticmethod
    def backward(ctx, grad):
        input, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.arguments
        with torch.backends.cudnn.flags(enabled=True, **ctx.flags._asdict()):
            of_input, of_weight, _ = _backward(
                grad,
                input,
                weight,
                bias_sizes=None,
                stride=stride,
                padding=padding,
                dilation=dilation,
                transposed=False,
                output_padding=(0, 0),
                groups=groups,
                output_mask=(ctx.needs_input_grad[0], ctx.needs_input_grad[1], False),
            )
        return of_input, of_weight, None, None


def _convolve(
    input, weight, bias, stride, padding, dilation, groups, *, benchmark=False,
    deterministic=False, allow_tf32=False,
):  # fmt: skip
    """Return the convolution by cuDNN; torch adds the bias in a second kernel, as eager does."""
    arguments = pair(stride), pair(padding), pair(dilation), groups
    flags = Flags(benchmark, deterministic, allow_tf32)
    if torch.is_grad_enabled() and (input.requires_grad or weight.requires_grad):
        return add_bias(_Convolution.apply(input, weight, arguments, flags), bias)
    stride, padding, dilation, groups = arguments
    output = _by_cudnn(input, weight, padding, stride, dilation, groups, *flags)
    return add_bias(output, bias)


def _cudnn(name: str, precision: str | None = None, dtypes: tuple[str, ...] = DTYPES):
    return register(
        name,
        family="vendor",
        error_factor=4,  # it may choose Winograd's F(4×4, 3×3) or an FFT, and does not say so
        devices=("cuda",),
        dtypes=dtypes,
        precision=precision,
        nan_policy="tile",
        available=_why_no_cudnn,
    )


@_cudnn("cudnn")
def cudnn(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """cuDNN, the plan that its heuristic ranks first, in the tensors' own precision (no TF32)."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups)


@_cudnn("cudnn_benchmark")
def cudnn_benchmark(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """cuDNN, the fastest of up to ten plans in one trial each, tried in the first call."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups, benchmark=True)


@_cudnn("cudnn_deterministic")
def cudnn_deterministic(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """cuDNN, only plans that give the same bits every time."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups, deterministic=True)


@_cudnn("cudnn_tf32", precision="tf32", dtypes=("float32",))
def cudnn_tf32(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """cuDNN with products in TF32 (10 bits of mantissa), which torch allows it by default."""
    return _convolve(input, weight, bias, stride, padding, dilation, groups, allow_tf32=True)


@_cudnn("cudnn_tf32_benchmark", precision="tf32", dtypes=("float32",))
def cudnn_tf32_benchmark(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """cuDNN with products in TF32, the fastest of up to ten plans."""
    return _convolve(
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        groups,
        benchmark=True,
        allow_tf32=True,
    )


@register(
    "native_cuda",
    family="vendor",
    devices=("cuda",),
    dtypes=DTYPES,
    available=_why_no_cuda,
)
def native_cuda(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """torch's own CUDA kernels: im2col with cuBLAS, or direct for depthwise; cuDNN switched off."""
    # flags() sets what is not named, too: benchmark to False among others.
    with torch.backends.cudnn.flags(enabled=False, allow_tf32=False):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
