"""Lowering: copy every window into a column, then one matrix product does all the work."""

from __future__ import annotations

import math
import operator

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, pair, problem_of
from suite import Problem, register
from suite.phases import PACK, PRODUCT, TRANSFORM, UNPACK


def _columns_bytes(problem: Problem, itemsize: int) -> int:
    windows = problem.batch_size * problem.out_h * problem.out_w
    columns = windows * problem.in_channels * problem.kernel_h * problem.kernel_w
    # A product in batches is written apart and copied into the result where groups or strides
    # ask for it.
    return itemsize * (columns + problem.output_elements)


@register(
    "unfold",
    family="im2col",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    workspace_bytes=_columns_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def unfold(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F.unfold writes the windows as columns; the weight as a matrix multiplies them.

    Shapes: columns (N, g, C/g·R·S, P·Q), weight (g, K/g, C/g·R·S), result (N, K, P, Q).
    Cost: 2·N·K·P·Q·C/g·R·S operations in large matrix products.
    Extra memory: the columns, R·S times the input at stride 1.
    Source: K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks
    for document processing" (2006), section 4.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, k = problem.batch_size, problem.out_channels
    taps = problem.reduction_length
    with TRANSFORM:
        columns = F.unfold(
            input, weight.shape[2:], pair(dilation), padding=pair(padding), stride=pair(stride)
        )
    with PRODUCT:
        if groups == 1:
            output = weight.reshape(k, taps) @ columns
        else:
            output = weight.reshape(groups, k // groups, taps) @ columns.view(n, groups, taps, -1)
    with UNPACK:
        return add_bias(output.view(n, k, problem.out_h, problem.out_w), bias)


def _windows_bytes(problem: Problem, itemsize: int) -> int:
    places = math.prod(problem.output_size)
    padded = problem.batch_size * problem.in_channels
    for size, pads in zip(problem.input_size, problem.pads, strict=True):
        padded *= size + sum(pads)
    columns = problem.batch_size * places * problem.in_channels * problem.taps
    return itemsize * (padded + columns + 2 * problem.output_elements)


@register(
    "unfold",
    family="im2col",
    kinds=("conv1d", "conv3d"),
    dtypes=("float32", "float64", "float16", "bfloat16"),
    workspace_bytes=_windows_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def unfold_any(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The same for one axis or three: windows as a strided view of the padded input, copied once.

    Shapes: windows (N, C, taps…, places…) as a view, columns (N, g, C/g·taps, places), weight
    (g, K/g, C/g·taps), result (N, K, places…).
    Cost: 2·N·K·places·C/g·taps operations in large matrix products.
    Extra memory: the columns, as many times the input at stride 1 as there are taps.
    Source: as `unfold`.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, k = problem.batch_size, problem.out_channels
    taps = problem.reduction_length
    with TRANSFORM:
        x = F.pad(input, [size for size in reversed(problem.padding) for _ in range(2)])
        step_n, step_c, *steps = x.stride()
        windows = x.as_strided(
            (n, problem.in_channels, *problem.kernel, *problem.output_size),
            (
                step_n,
                step_c,
                *map(operator.mul, steps, problem.dilation),
                *map(operator.mul, steps, problem.stride),
            ),
            x.storage_offset(),
        )
        columns = windows.reshape(n, groups, taps, math.prod(problem.output_size))
    with PRODUCT:
        output = weight.reshape(groups, k // groups, taps) @ columns
    with UNPACK:
        return add_bias(output.reshape(problem.output_shape), bias)


def _rows_bytes(problem: Problem, itemsize: int) -> int:
    padded = problem.batch_size * problem.in_channels * problem.padded_h * problem.padded_w
    windows = problem.batch_size * problem.out_h * problem.out_w
    rows = windows * problem.in_channels * problem.kernel_h * problem.kernel_w
    return itemsize * (2 * padded + rows + problem.weight_elements + problem.output_elements)


def _padded_channels_last(input: torch.Tensor, problem: Problem) -> torch.Tensor:
    """Return the padded input as (N, H, W, C), contiguous."""
    pad_h, pad_w = problem.padding
    return F.pad(input.permute(0, 2, 3, 1), (0, 0, pad_w, pad_w, pad_h, pad_h)).contiguous()


@register(
    "im2row",
    family="im2col",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    workspace_bytes=_rows_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def im2row(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Windows as rows, from a strided view over channels_last: runs of C elements are copied.

    Shapes: windows (N, P, Q, R, S, g, C/g) as a view, rows (g, N·P·Q, R·S·C/g), weight
    (g, R·S·C/g, K/g), result (N, K, P, Q) in channels_last order.
    Cost: 2·N·K·P·Q·C/g·R·S operations in one matrix product for each group.
    Extra memory: the rows, R·S times the input at stride 1, and the padded input.
    Source: A. Vasudevan, A. Anderson, D. Gregg, "Parallel multi channel convolution using general
    matrix multiplication" (2017), section II.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, k, p, q = problem.output_shape
    group_in = problem.in_channels // groups
    with PACK:
        x = _padded_channels_last(input, problem)
    step_n, step_h, step_w, _ = x.stride()
    steps = step_n, step_h * problem.stride_h, step_w * problem.stride_w
    taps_steps = step_h * problem.dilation_h, step_w * problem.dilation_w
    windows = x.as_strided(
        (n, p, q, *problem.kernel, groups, group_in), (*steps, *taps_steps, group_in, 1)
    )
    taps = problem.reduction_length
    with TRANSFORM:
        rows = windows.permute(5, 0, 1, 2, 3, 4, 6).reshape(groups, n * p * q, taps)
    with PACK:
        matrix = weight.unflatten(0, (groups, -1)).permute(0, 3, 4, 2, 1)
        matrix = matrix.reshape(groups, taps, k // groups)
    with PRODUCT:
        y = rows @ matrix
    with UNPACK:
        y = y.view(groups, n, p, q, k // groups).permute(1, 0, 4, 2, 3)
        return add_bias(y.reshape(n, k, p, q) if groups > 1 else y[:, 0], bias)


def _mec_bytes(problem: Problem, itemsize: int) -> int:
    padded = problem.batch_size * problem.in_channels * problem.padded_h * problem.padded_w
    strips = padded * problem.kernel_w // problem.stride_w + problem.in_channels
    return itemsize * (
        2 * padded + 2 * strips + problem.weight_elements + 2 * problem.output_elements
    )


@register(
    "mec",
    family="im2col",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    workspace_bytes=_mec_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def mec(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Memory-efficient convolution: only the columns are lowered, rows are found by shifting.

    A strip holds the S columns that one output column reads, over the whole height. The windows
    of all output rows lie within it, each a contiguous run further on by the stride, so that one
    matrix product for each output row needs no further copy.
    Shapes: strips (g, N·Q, H·S·C/g), weight (g, R·S·C/g, K/g), result (N, K, P, Q).
    Cost: 2·N·K·P·Q·C/g·R·S operations in P matrix products for each group.
    Extra memory: the strips, S times the input at stride 1: R times less than im2col.
    Source: M. Cho, D. Brand, "MEC: memory-efficient convolution for deep neural network" (2017),
    section 3.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, k, p, q = problem.output_shape
    with PACK:
        x = _padded_channels_last(input, problem).unflatten(3, (groups, -1))
    with TRANSFORM:
        columns = torch.arange(q).view(-1, 1) * problem.stride_w
        columns = columns + torch.arange(problem.kernel_w) * problem.dilation_w
        strips = x[:, :, columns.to(x.device)].permute(4, 0, 2, 1, 3, 5)  # (g, N, Q, H, S, C/g)
        taken = strips.shape[4] * strips.shape[5]
        strips = strips.reshape(groups, n * q, problem.padded_h, taken)
    with PACK:
        matrix = weight.unflatten(0, (groups, -1)).permute(0, 3, 4, 2, 1)
        matrix = matrix.reshape(groups, problem.kernel_h * taken, k // groups)
    with PRODUCT:
        rows = []
        for top in range(0, p * problem.stride_h, problem.stride_h):
            window = strips[:, :, top : top + problem.effective_kernel_h : problem.dilation_h]
            rows.append(window.flatten(2) @ matrix)
    with UNPACK:
        y = torch.stack(rows).view(p, groups, n, q, k // groups).permute(2, 1, 4, 0, 3)
        return add_bias(y.reshape(n, k, p, q), bias)
