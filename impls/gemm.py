"""Matrix products on the tensors as they lie: no windows are copied, no columns are built."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, pair, problem_of
from impls._axes import along_a_row, of_plane
from impls._bands import columns_product, finish_, rows_product
from impls._packing import Packed, Packing
from suite import Problem, Unsupported, register
from suite.epilogues import EPILOGUES, NONE
from suite.kinds import CONVOLUTIONS
from suite.phases import PACK, PRODUCT, UNPACK

FUSED = EPILOGUES[1:]


def _why_not_1x1(problem: Problem) -> str | None:
    if problem.kernel != (1, 1):
        return f"needs a 1×1 kernel, this one is {problem.kernel_h}×{problem.kernel_w}"
    if problem.padding != (0, 0) or problem.is_asymmetric:
        return "needs padding 0"
    return None


def _one_copy(problem: Problem, itemsize: int) -> int:
    """Return the bytes of the input that the product reads, copied where strides ask for it."""
    outputs = problem.batch_size * math.prod(problem.output_size)
    read = problem.in_channels * outputs * problem.taps
    return itemsize * (read + problem.output_elements)


class Kernel(NamedTuple):
    """A 1×1 kernel as a matrix."""

    matrix: torch.Tensor
    """(K, C/g)"""
    is_times_a_vector: bool
    """Whether there is one pixel in one image, and one group."""


def _as_matrix(weight: torch.Tensor, problem: Problem) -> Kernel:
    pixels = problem.batch_size * problem.height * problem.width
    return Kernel(weight.flatten(1), pixels == 1 and problem.groups == 1)


_packing = Packing("gemm_1x1", _as_matrix, _why_not_1x1)


@register(
    "gemm_1x1",
    family="gemm",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    supports=_why_not_1x1,
    prepare=_packing.prepare,
    workspace_bytes=_one_copy,
    executed_flops=lambda problem: problem.direct_flops,
    epilogues=FUSED,
)
def gemm_1x1(
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
    """A 1×1 convolution is a matrix product over channels, in either memory format.

    Shapes: NCHW (K×C)·(C×P·Q) for each image, channels_last (N·P·Q×C)·(C×K) for all at once.
    Cost: 2·N·P·Q·K·C/g operations. A stride leaves rows and columns out before the product, so
    that nothing is computed in vain. One pixel of one image is a matrix times a vector.
    Extra memory: none; with a stride or groups the part of the input that is read.
    Source: M. Lin, Q. Chen, S. Yan, "Network in network" (2014), section 3.
    """
    arguments = stride, padding, dilation, groups
    packed = _packing.of_call(input, weight, bias, *arguments, epilogue=epilogue, residual=residual)
    matrix, is_times_a_vector = packed.content
    if is_times_a_vector:
        pixel = input.reshape(-1)
        y = matrix.mv(pixel) if bias is None else bias.addmv(matrix, pixel)
        y = y.view(1, -1, 1, 1)
        return y if epilogue == NONE else finish_(y, epilogue, residual)
    if epilogue != NONE:
        return _finished_1x1(packed, input, bias, residual)
    return _product_1x1(packed, input, bias)


def _pixels_1x1(problem: Problem, input: torch.Tensor) -> torch.Tensor:
    """Return the pixels of an input that a stride leaves."""
    if problem.stride == (1, 1):
        return input
    return input[:, :, :: problem.stride_h, :: problem.stride_w]


def _product_1x1(packed: Packed, input: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return the product and the bias, nothing following."""
    matrix, problem = packed.content.matrix, packed.problem
    groups = problem.groups
    n, k, p, q = problem.output_shape
    input = _pixels_1x1(problem, input)
    if groups > 1:
        with PACK:
            x = input.reshape(n, groups, problem.in_channels // groups, p * q)
        with PRODUCT:
            y = matrix.view(groups, k // groups, -1) @ x
        with UNPACK:
            return add_bias(y.view(n, k, p, q), bias)
    if input.is_contiguous() and n == 1:  # one operator in place of the five that matmul calls
        with PRODUCT:
            x = input.view(problem.in_channels, p * q)
            y = matrix.mm(x) if bias is None else torch.addmm(bias.unsqueeze(1), matrix, x)
            return y.view(1, k, p, q)
    if input.is_contiguous():
        with PRODUCT:
            y = torch.matmul(matrix, input.view(n, problem.in_channels, p * q))
            return add_bias(y.view(n, k, p, q), bias)
    with PACK:
        pixels = input.permute(0, 2, 3, 1).reshape(n * p * q, problem.in_channels)
    with PRODUCT:
        return F.linear(pixels, matrix, bias).view(n, p, q, k).permute(0, 3, 1, 2)


def _finished_1x1(
    packed: Packed,
    input: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
) -> torch.Tensor:
    """Return the product, the bias and what follows, in bands."""
    matrix, problem = packed.content.matrix, packed.problem
    n, k, p, q = problem.output_shape
    if problem.groups > 1:
        return finish_(_product_1x1(packed, input, bias), problem.epilogue, residual)
    input = _pixels_1x1(problem, input)
    if input.is_contiguous():
        y = input.new_empty(n, k, p * q)
        with PRODUCT:
            for image in range(n):
                x = input[image].view(problem.in_channels, p * q)
                own = None if residual is None else residual[image].reshape(k, p * q)
                columns_product(y[image], matrix, x, bias, problem.epilogue, own)
        return y.view(n, k, p, q)
    with PACK:
        pixels = input.permute(0, 2, 3, 1).reshape(n * p * q, problem.in_channels)
        if residual is not None:
            residual = residual.permute(0, 2, 3, 1).reshape(n * p * q, k)
    y = input.new_empty(n * p * q, k)
    with PRODUCT:
        rows_product(y, pixels, matrix.t(), bias, problem.epilogue, residual)
    return y.view(n, p, q, k).permute(0, 3, 1, 2)


_gemm_1x1_along, _along_packing = along_a_row(gemm_1x1, _packing)
register(
    "gemm_1x1",
    family="gemm",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    kind="conv1d",
    supports=of_plane(_why_not_1x1),
    prepare=_along_packing.prepare,
    workspace_bytes=_one_copy,
    executed_flops=lambda problem: problem.direct_flops,
)(_gemm_1x1_along)


def _why_not_patches(problem: Problem) -> str | None:
    if problem.kernel not in (problem.stride, problem.input_size):
        return "needs a kernel as large as the stride, or as the input"
    if problem.is_padded:
        return "needs padding 0"
    if problem.is_dilated and problem.taps != 1:
        return "needs dilation 1"
    return None


@register(
    "gemm_patches",
    family="gemm",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    kinds=CONVOLUTIONS,
    supports=_why_not_patches,
    workspace_bytes=_one_copy,
    executed_flops=lambda problem: problem.direct_flops,
    epilogues=FUSED,
)
def gemm_patches(
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
    """Windows that do not overlap are a reshape of the input: one copy, one matrix product.

    So is the one window of a kernel as large as the input, whatever its stride; that is no copy.
    Shapes: patches (g, N·P·Q, C/g·R·S), weight (g, C/g·R·S, K/g), result (N, K, P, Q) in
    channels_last order; with one axis or three alike.
    Cost: 2·N·P·Q·K·C/g·R·S operations.
    Extra memory: the input once more, in the patches' order.
    Source: A. Dosovitskiy et al., "An image is worth 16×16 words" (2021), section 3.1.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _why_not_patches(problem):
        raise Unsupported(reason)
    n, k, outputs = problem.batch_size, problem.out_channels, problem.output_size
    taps, axes = problem.reduction_length, range(problem.axes)
    with PACK:
        kept = (slice(0, size * tap) for size, tap in zip(outputs, problem.kernel, strict=True))
        x = input[(..., *kept)]
        # (N, g, C/g, P, R, Q, S): places of patches and places within one in turn.
        pairs = [size for both in zip(outputs, problem.kernel, strict=True) for size in both]
        x = x.reshape(n, groups, problem.in_channels // groups, *pairs)
        places, within = [3 + 2 * axis for axis in axes], [4 + 2 * axis for axis in axes]
        patches = x.permute(1, 0, *places, 2, *within).reshape(groups, -1, taps)
        if residual is not None and groups == 1:
            residual = residual.movedim(1, -1).reshape(-1, k)
    if groups == 1:
        matrix = weight.reshape(k, taps)
        with PRODUCT:
            if epilogue == NONE:
                y = F.linear(patches[0], matrix, bias)
            else:
                y = patches.new_empty(patches.shape[1], k)
                rows_product(y, patches[0], matrix.t(), bias, epilogue, residual)
        return y.view(n, *outputs, k).movedim(-1, 1)
    with PRODUCT:
        y = patches @ weight.reshape(groups, k // groups, -1).transpose(1, 2)
    with UNPACK:
        y = y.view(groups, n, *outputs, k // groups).movedim(0, 1).movedim(-1, 2)
        y = add_bias(y.reshape(problem.output_shape), bias)
    return y if epilogue == NONE else finish_(y, epilogue, residual)


def _why_not_separate(problem: Problem) -> str | None:
    if problem.kernel != problem.stride and set(problem.input_size) != {1}:
        return "needs a kernel as large as the stride, or an input of one place"
    if problem.is_padded or any(problem.output_padding):
        return "needs padding 0, and no output padding"
    if problem.is_dilated and problem.taps != 1:
        return "needs dilation 1"
    return None


@register(
    "gemm_patches",
    family="gemm",
    kinds=("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    dtypes=("float32", "float64", "float16", "bfloat16"),
    supports=_why_not_separate,
    workspace_bytes=lambda problem, itemsize: (
        itemsize * (problem.input_elements + 2 * problem.output_elements)
    ),
    executed_flops=lambda problem: problem.direct_flops,
)
def gemm_patches_transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """What patches come from: each place becomes one, and none overlaps another.

    Shapes: places (g, N·H·W, C/g), weight (g, C/g, K/g·R·S), result (N, K, H·R, W·S); as well with
    one axis or three.
    Cost: 2·N·H·W·C·K/g·R·S operations in one matrix product.
    Extra memory: the product in its own order, which is then put into the output's.
    Source: O. Ronneberger, P. Fischer, T. Brox, "U-Net" (2015), section 2: its up-convolution.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups, output_padding)
    if reason := _why_not_separate(problem):
        raise Unsupported(reason)
    n, axes, places = problem.batch_size, problem.axes, problem.input_size
    group_in, group_out = problem.in_channels // groups, problem.out_channels // groups
    with PACK:
        x = input.reshape(n, groups, group_in, math.prod(places)).permute(1, 0, 3, 2)
        x = x.reshape(groups, n * math.prod(places), group_in)
    with PRODUCT:
        y = x @ weight.reshape(groups, group_in, group_out * problem.taps)
    with UNPACK:
        y = y.view(groups, n, *places, group_out, *problem.kernel)
        interleaved = (axis for pair in range(axes) for axis in (2 + pair, 3 + axes + pair))
        y = y.permute(1, 0, 2 + axes, *interleaved)
        return add_bias(y.reshape(problem.output_shape), bias)


def _kn2row_sizes(problem: Problem) -> tuple[int, int, int]:
    """Return rows and pitch of one phase plane, and the length of the joined output rows."""
    rows = -(-problem.padded_h // problem.stride_h)
    pitch = -(-problem.padded_w // problem.stride_w)
    return rows, pitch, (problem.out_h - 1) * pitch + problem.out_w


def _kn2row_bytes(problem: Problem, itemsize: int) -> int:
    rows, pitch, length = _kn2row_sizes(problem)
    phases = problem.stride_h * problem.stride_w
    planes = problem.batch_size * problem.in_channels * phases * rows * pitch
    joined = problem.batch_size * problem.out_channels * (length + pitch)
    return itemsize * (2 * planes + joined + problem.output_elements)


@register(
    "kn2row",
    family="gemm",
    workspace_bytes=_kn2row_bytes,
    executed_flops=lambda problem: (
        2 * problem.batch_size * problem.out_channels * problem.reduction_length
        * _kn2row_sizes(problem)[2]
    ),
)  # fmt: skip
def kn2row(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One accumulating matrix product for each tap, on a shifted view of the padded input.

    With the rows of a padded plane joined, tap (r, s) needs for every output the element that is
    r·pitch + s further on: a view of the same memory, which BLAS takes as it is. With a stride,
    the plane is first split into stride_h·stride_w planes, so that no product is thrown away.
    Shapes: for each tap (K/g×C/g)·(C/g×P·pitch), result (N, K, P, Q).
    Cost: 2·N·K·C/g·R·S·P·pitch operations, pitch = padded W / stride.
    Extra memory: the padded input and the joined output rows.
    Source: A. Anderson, A. Vasudevan, C. Keane, D. Gregg, "Low-memory GEMM-based convolution
    algorithms for deep neural networks" (2017), section 4, "kn2row-aa".
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    rows, pitch, length = _kn2row_sizes(problem)
    (stride_h, stride_w), (pad_h, pad_w) = problem.stride, pair(padding)
    below = rows * stride_h - problem.height - pad_h
    right = pitch * stride_w - problem.width - pad_w
    with PACK:
        x = F.pad(input, (pad_w, right, pad_h, below))
        x = x.unflatten(3, (pitch, stride_w)).unflatten(2, (rows, stride_h))
        shape = (problem.batch_size, groups, problem.in_channels // groups, rows * pitch)
        x = x.permute(3, 5, 0, 1, 2, 4).reshape(stride_h, stride_w, *shape)
    kernels = weight.unflatten(0, (groups, -1))
    images = []
    with PRODUCT:
        for n in range(problem.batch_size):
            for g in range(groups):
                y = input.new_zeros(kernels.shape[1], problem.out_h * pitch)
                joined = y[:, :length]
                for r in range(problem.kernel_h):
                    for s in range(problem.kernel_w):
                        down, phase_h = divmod(r * problem.dilation_h, stride_h)
                        along, phase_w = divmod(s * problem.dilation_w, stride_w)
                        shift = down * pitch + along
                        plane = x[phase_h, phase_w, n, g, :, shift : shift + length]
                        joined.addmm_(kernels[g, :, :, r, s], plane)
                images.append(y)
    if not images:
        return input.new_zeros(problem.output_shape)
    with UNPACK:
        y = torch.stack(images).view(problem.batch_size, -1, problem.out_h, pitch)
        return add_bias(y[..., : problem.out_w], bias)
