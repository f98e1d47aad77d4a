"""The textbook loops in plain Python: the definition of a convolution, runnable.

    y[n, k, p, q] = b[k] + Σ_{c, r, s} x[n, c, p·stride + r·dilation, q·stride + s·dilation]
                                       · w[k, c, r, s]

where x has been padded with zeros; with one axis or three there are as many sums over taps. A
transposed convolution adds each x to those y from which a convolution would read it. Each further
rung of the ladder (loops_numba.py) changes one thing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from impls._arguments import pair, per_channel, problem_of
from suite import Problem, Unsupported, register

# A step of the innermost loop is four torch calls of about 2 to 5 µs each; this many stay within
# about 10 s on a slow core.
MOST_STEPS = 300_000


def _too_large(problem: Problem) -> str | None:
    steps = problem.output_elements * (problem.in_channels // problem.groups)
    if steps <= MOST_STEPS:
        return None
    return (
        f"{steps:,} passes of the innermost Python loop (N·K·C/g·P·Q); the limit is "
        f"{MOST_STEPS:,}, about 10 s a call"
    )


# A tensor of one number: the number's own allocation, torch's record of it and Python's.
SCALAR_TENSOR_BYTES = 2048


def _padded_bytes(problem: Problem, itemsize: int) -> int:
    padded = problem.batch_size * problem.in_channels
    for size, pads in zip(problem.input_size, problem.pads, strict=True):
        padded *= size + sum(pads)
    return itemsize * padded + SCALAR_TENSOR_BYTES * problem.output_elements


def _windows(problem: Problem, places: Sequence[int]) -> list[tuple[slice, ...]]:
    """Return what each place of the small side, along every axis, meets of the padded large one."""
    axes = list(zip(problem.stride, problem.effective_kernel, problem.dilation, strict=True))
    return [
        tuple(
            slice(at * stride, at * stride + covered, dilation)
            for at, (stride, covered, dilation) in zip(place, axes, strict=True)
        )
        for place in itertools.product(*map(range, places))
    ]


@register(
    "loops",
    family="loops",
    kinds=("conv1d", "conv2d", "conv3d"),
    supports=_too_large,
    workspace_bytes=_padded_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def loops(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Python loops: batch, output channel, input channel, and the output's places along each axis.

    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q); as well with one axis or
    three.
    Cost: 2·N·K·P·Q·C/g·R·S operations, and four torch calls for every R·S of them.
    Extra memory: the padded input, and one scalar for each output element.

    Raises:
        Unsupported: beyond the size at which one call takes about 10 s.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _too_large(problem):
        raise Unsupported(reason)
    x = F.pad(input, [size for size in reversed(problem.padding) for _ in range(2)])
    group_in = problem.in_channels // groups
    group_out = problem.out_channels // groups
    windows = _windows(problem, problem.output_size)
    # Sums are kept apart, not written into one tensor, so that autograd can follow them.
    sums = [input.new_zeros(())] * problem.output_elements
    for n in range(problem.batch_size):
        for k in range(problem.out_channels):
            first_channel = k // group_out * group_in
            first = (n * problem.out_channels + k) * len(windows)
            for c in range(group_in):
                plane = x[n, first_channel + c]
                for at, window in enumerate(windows, start=first):
                    sums[at] = sums[at] + (plane[window] * weight[k, c]).sum()
    output = torch.stack(sums) if sums else input.new_zeros(0)
    output = output.reshape(problem.output_shape)
    return output if bias is None else output + per_channel(bias, problem.axes)


def _too_large_transposed(problem: Problem) -> str | None:
    steps = problem.input_elements
    if steps <= MOST_STEPS:
        return None
    return (
        f"{steps:,} passes of the innermost Python loop (N·C·H·W); the limit is {MOST_STEPS:,}, "
        "about 10 s a call"
    )


def _whole_output_bytes(problem: Problem, itemsize: int) -> int:
    whole = problem.batch_size * problem.out_channels
    for size, pads in zip(problem.output_size, problem.pads, strict=True):
        whole *= size + sum(pads)
    return 2 * itemsize * whole  # and once more where it is cut


@register(
    "loops",
    family="loops",
    kinds=("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    supports=_too_large_transposed,
    workspace_bytes=_whole_output_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def loops_transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """Python loops: batch, input channel and the input's places; each adds a kernel to the output.

    The same windows as `loops` has, the other way: what a convolution reads there is written.
    Shapes: input (N, C, H, W), weight (C, K/g, R, S), result (N, K, P, Q); as well with one axis or
    three.
    Cost: 2·N·C·H·W·K/g·R·S operations, and three torch calls for every K/g·R·S of them.
    Extra memory: the output before padding is cut off it.

    Raises:
        Unsupported: beyond the size at which one call takes about 10 s.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups, output_padding)
    if reason := _too_large_transposed(problem):
        raise Unsupported(reason)
    group_in = problem.in_channels // groups
    group_out = problem.out_channels // groups
    sizes = zip(problem.output_size, problem.padding, strict=True)
    whole = input.new_zeros(*problem.output_shape[:2], *(size + 2 * pad for size, pad in sizes))
    windows = _windows(problem, problem.input_size)
    for n in range(problem.batch_size):
        for c in range(problem.in_channels):
            first = c // group_in * group_out
            planes = whole[n, first : first + group_out]
            values = input[n, c].reshape(-1)
            for value, window in zip(values, windows, strict=True):
                planes[(slice(None), *window)] += value * weight[c]
    sizes = zip(problem.output_size, problem.padding, strict=True)
    output = whole[(..., *(slice(pad, pad + size) for size, pad in sizes))].contiguous()
    return output if bias is None else output + per_channel(bias, problem.axes)


# A product in plain Python takes about 0.1 µs.
MOST_PRODUCTS = 50_000_000


def _too_many_products(problem: Problem) -> str | None:
    products = problem.direct_flops // 2
    if products <= MOST_PRODUCTS:
        return None
    return (
        f"{products:,} products in Python numbers; the limit is {MOST_PRODUCTS:,}, "
        "about 10 s a call"
    )


def _python_numbers_bytes(problem: Problem, itemsize: int) -> int:
    padded = problem.batch_size * problem.in_channels * problem.padded_h * problem.padded_w
    # A Python float takes 24 bytes, in places of 32, and 8 more for its place in a list, which
    # grows ahead by an eighth.
    numbers = padded + problem.output_elements + problem.weight_elements
    return 41 * numbers + itemsize * (padded + problem.output_elements)


@register(
    "loops_numbers",
    family="loops",
    devices=("cpu",),
    supports=_too_many_products,
    workspace_bytes=_python_numbers_bytes,
    executed_flops=lambda problem: problem.direct_flops,
    on_request=True,
)
def loops_numbers(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Seven Python loops on Python numbers: image, output channel, row, column, channel, window.

    One change from `loops`: numbers in lists in place of tensors of one element, so that a product
    is two multiplications of indices and one of numbers, and no call of torch.
    Shapes: as `loops`. Not differentiable.
    Cost: 2·N·K·P·Q·C/g·R·S operations, about 0.2 µs for each product.
    Extra memory: all numbers as Python objects, 41 bytes each.

    Raises:
        Unsupported: beyond the size at which one call takes about 10 s.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _too_many_products(problem):
        raise Unsupported(reason)
    (pad_h, pad_w), (stride_h, stride_w) = pair(padding), pair(stride)
    dilation_h, dilation_w = pair(dilation)
    x = F.pad(input.detach(), (pad_w, pad_w, pad_h, pad_h)).tolist()
    w = weight.detach().tolist()
    group_in, group_out = problem.in_channels // groups, problem.out_channels // groups
    sums = []
    for n in range(problem.batch_size):
        for k in range(problem.out_channels):
            first_channel = k // group_out * group_in
            for p in range(problem.out_h):
                for q in range(problem.out_w):
                    total = 0.0
                    for c in range(group_in):
                        for r in range(problem.kernel_h):
                            row = x[n][first_channel + c][p * stride_h + r * dilation_h]
                            for s in range(problem.kernel_w):
                                total += w[k][c][r][s] * row[q * stride_w + s * dilation_w]
                    sums.append(total)
    output = torch.tensor(sums, dtype=input.dtype).reshape(problem.output_shape)
    return output if bias is None else output + bias.detach().view(1, -1, 1, 1)


@register(
    "loops_unrolled",
    family="loops",
    devices=("cpu",),
    supports=_too_many_products,
    workspace_bytes=_python_numbers_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def loops_unrolled(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The loops over channel and window unrolled into one list of taps, on Python numbers.

    One change from `loops`: no tensor operation per window. A tap is a factor and the distance
    from the window's corner to the element that it multiplies; all outputs share the list.
    Shapes: as `loops`. Not differentiable.
    Cost: 2·N·K·P·Q·C/g·R·S operations, about 0.1 µs for each product.
    Extra memory: all numbers as Python objects, 41 bytes each.

    Raises:
        Unsupported: beyond the size at which one call takes about 10 s.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _too_many_products(problem):
        raise Unsupported(reason)
    pad_h, pad_w = pair(padding)
    x = F.pad(input.detach(), (pad_w, pad_w, pad_h, pad_h)).flatten().tolist()
    kernels = weight.detach().flatten(1).tolist()
    row, plane = problem.padded_w, problem.padded_h * problem.padded_w
    group_in, group_out = problem.in_channels // groups, problem.out_channels // groups
    distances = [
        c * plane + r * row + s
        for c in range(group_in)
        for r in range(0, problem.effective_kernel_h, problem.dilation_h)
        for s in range(0, problem.effective_kernel_w, problem.dilation_w)
    ]
    down, along = problem.stride_h * row, problem.stride_w
    sums = []
    for n in range(problem.batch_size):
        for k in range(problem.out_channels):
            taps = list(zip(kernels[k], distances, strict=True))
            first = (n * problem.in_channels + k // group_out * group_in) * plane
            for p in range(problem.out_h):
                for q in range(problem.out_w):
                    corner = first + p * down + q * along
                    sums.append(sum([factor * x[corner + step] for factor, step in taps]))
    output = torch.tensor(sums, dtype=input.dtype).reshape(problem.output_shape)
    return output if bias is None else output + bias.detach().view(1, -1, 1, 1)


def custom_conv2d(
    input: torch.Tensor,
    kernel: torch.Tensor,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> torch.Tensor:
    """Convolve as a first lesson does: the loops above, with the fewest arguments.

    A well-known version of this function takes the number of output channels from
    `kernel.shape[1]`, accepts `padding` without padding, and returns float32 on the CPU whatever
    comes in. Here the channels come from `kernel.shape[0]`, padding pads, and dtype and device
    are the input's.

    Args:
        input: (N, C, H, W).
        kernel: (K, C, R, S).
        stride: step between windows, one number or (rows, columns).
        padding: zeros added on each side, one number or (rows, columns).

    Returns:
        (N, K, P, Q) in the input's dtype and on its device.

    Raises:
        UsageError: the shapes do not fit together.
        Unsupported: beyond the size at which one call takes about 10 s.
    """
    return loops(input, kernel, None, stride, padding)
