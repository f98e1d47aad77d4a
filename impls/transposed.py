"""Transposed convolution, written down in four ways: each a page of torch, for any number of axes.

What torch calls conv_transpose2d is the gradient of a convolution of that stride: each input adds
its multiple of the kernel to the output, `stride` apart from its neighbour's. The fast rows
(phases_packed, winograd_tile6, …) do what `phases` does here, through code of their own.
"""

from __future__ import annotations

import itertools
import math

import torch.nn.functional as F

from impls._arguments import add_bias, problem_of
from impls._transposed import convolve_pieces, outputs_of, pieces_of
from suite import Problem, register
from suite.kinds import TRANSPOSED
from suite.phases import PACK, PRODUCT, UNPACK

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
"""By number of axes."""


def _full_output(problem: Problem) -> tuple[int, ...]:
    """Return the output's size along each axis before `padding` takes its share."""
    axes = zip(problem.input_size, problem.stride, problem.effective_kernel, strict=True)
    return tuple((size - 1) * stride + covered for size, stride, covered in axes)


def _spread_elements(problem: Problem) -> int:
    axes = zip(problem.output_size, problem.effective_kernel, strict=True)
    spread = math.prod(size + covered - 1 for size, covered in axes)
    return problem.batch_size * problem.in_channels * spread


@register(
    "zero_insertion",
    family="direct",
    kinds=TRANSPOSED,
    workspace_bytes=lambda problem, itemsize: (
        itemsize * (3 * _spread_elements(problem) + 2 * problem.weight_elements)
    ),
    executed_flops=lambda problem: (
        2 * problem.output_elements * problem.in_channels // problem.groups * problem.taps
    ),
)
def zero_insertion(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The definition: zeros between the inputs, then a convolution by the kernel in reverse.

    Shapes: input (N, C, …), weight (C, K/g, …), result (N, K, …).
    Cost: 2·N·K·C/g·taps operations for each output, stride² times (in two axes) what is not zero.
    Extra memory: the input with its zeros and borders.
    Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning" (2016),
    chapter 4.
    """
    call = input, weight, bias, stride, padding, dilation, groups, output_padding
    problem = problem_of(*call)
    with PACK:
        sizes = zip(problem.input_size, problem.stride, strict=True)
        spread = input.new_zeros(*input.shape[:2], *((n - 1) * s + 1 for n, s in sizes))
        spread[(..., *(slice(None, None, step) for step in problem.stride))] = input
        borders: list[int] = []
        axes = zip(problem.effective_kernel, problem.padding, problem.output_padding, strict=True)
        for covered, pad, longer in reversed(list(axes)):
            # Negative widths crop: padding beyond the kernel's reach takes inputs away.
            borders += [covered - 1 - pad, covered - 1 - pad + longer]
        spread = F.pad(spread, borders)
        kernel = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
        kernel = kernel.flip(*range(2, kernel.dim()))
    with PRODUCT:
        convolve = CONVOLUTIONS[problem.axes]
        return convolve(spread, kernel, bias, dilation=problem.dilation, groups=groups)


@register(
    "col2im",
    family="im2col",
    kinds=TRANSPOSED,
    workspace_bytes=lambda problem, itemsize: (
        itemsize
        * (
            problem.input_elements // max(1, problem.in_channels) * problem.out_channels
            * problem.taps
            + 2 * problem.batch_size * problem.out_channels * math.prod(_full_output(problem))
            + problem.input_elements
            + problem.output_elements
        )
    ),
    executed_flops=lambda problem: problem.direct_flops,
)  # fmt: skip
def col2im(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """One matrix product gives every input's multiple of the kernel; they are added where they lie.

    Shapes: columns (N, g, K/g·taps, L) = weight (g, K/g·taps, C/g) · input (N, g, C/g, L);
    tap by tap they are added to the output, `stride` apart.
    Cost: 2·N·C·K/g·taps operations for each input, and as many additions as there are columns.
    Extra memory: the columns, K·taps numbers for each input.
    Source: the backward pass of im2col: Y. Jia, "Learning semantic image representations at a large
    scale" (2014), section 3.3.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups, output_padding)
    n, k = problem.batch_size, problem.out_channels
    with PRODUCT:
        matrix = weight.unflatten(0, (groups, -1)).flatten(2).transpose(1, 2)
        inputs = input.flatten(2).unflatten(1, (groups, -1))
        columns = (matrix @ inputs).view(n, k, *problem.kernel, *problem.input_size)
    with UNPACK:
        full = _full_output(problem)
        longest = (
            max(a, p + o)
            for a, p, o in zip(full, problem.padding, problem.output_size, strict=True)
        )
        y = input.new_zeros(n, k, *longest)
        for taps in itertools.product(*map(range, problem.kernel)):
            places = tuple(
                slice(tap * spread, tap * spread + (size - 1) * step + 1, step)
                for tap, spread, size, step in zip(
                    taps, problem.dilation, problem.input_size, problem.stride, strict=True
                )
            )
            y[(..., *places)] += columns[(slice(None), slice(None), *taps)]
        kept = zip(problem.padding, problem.output_size, strict=True)
        return add_bias(y[(..., *(slice(pad, pad + size) for pad, size in kept))], bias)


def _piece_flops(problem: Problem) -> float:
    return sum(piece.problem.direct_flops for piece in pieces_of(problem))


@register(
    "phases",
    family="direct",
    devices=("cpu",),
    via_float32=True,
    kinds=TRANSPOSED,
    workspace_bytes=lambda problem, itemsize: (
        itemsize * (2 * outputs_of(pieces_of(problem)) + 2 * problem.weight_elements
                    + problem.input_elements)
    ),
    executed_flops=_piece_flops,
)  # fmt: skip
def phases(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """One convolution of stride 1 for each residue of the stride, the results interleaved.

    Shapes: input (N, C, …), weight (C, K/g, …), result (N, K, …).
    Cost: 2·N·C·K/g·taps operations for each input: nothing is multiplied by a zero, but where
    `padding` leaves a margin on one side only.
    Extra memory: the outputs of the largest phase.
    Source: impls/_transposed.py.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups, output_padding)
    with PACK:
        packs = [(piece, piece.kernel(weight, groups)) for piece in pieces_of(problem)]
    convolve = CONVOLUTIONS[problem.axes]

    def by_torch(piece, kernel, x, added):
        own = piece.problem
        return convolve(x, kernel, added, 1, own.padding, own.dilation, groups)

    with PRODUCT:
        return convolve_pieces(by_torch, packs, problem, input, bias)
