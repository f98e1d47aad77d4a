"""Kernels of low rank as two passes: columns, then rows; space, then time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from impls._packing import Packed, Packing
from suite import Problem, register

FIRST_AXES = {"conv2d": (0,), "conv3d": (1, 2)}
"""The axes of the kernel that the first pass has taps along: rows, or a slice's; the second has the
others."""


@dataclass(frozen=True)
class Factors:
    """The two passes, and what is left out."""

    columns: torch.Tensor
    """(g·L, C/g, R, 1), or (g·L, C/g, 1, R, S)"""
    rows: torch.Tensor
    """(K, L, 1, S), or (K, L, D, 1, 1)"""
    rank: int
    """L, intermediate channels of a group."""
    relative_error: float
    """Frobenius norm of what was left out, over the weight's."""


def _passes(problem: Problem) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the kernel's sizes in the first and in the second pass, 1 where it has no taps."""
    first = FIRST_AXES[problem.kind]
    sizes = list(enumerate(problem.kernel))
    return (
        tuple(taps if axis in first else 1 for axis, taps in sizes),
        tuple(1 if axis in first else taps for axis, taps in sizes),
    )


def factorise(weight: torch.Tensor, problem: Problem) -> Factors:
    """Return the shortest pair of passes that leaves nothing out.

    As a matrix with C/g·R rows and K/g·S columns (C/g·R·S and K/g·D in three axes), the kernels of
    a group have a rank L. The factors of its singular value decomposition are L kernels of the
    first pass, and for each output channel those of the second that recombine them.
    """
    groups, first = problem.groups, FIRST_AXES[problem.kind]
    second = [axis for axis in range(problem.axes) if axis not in first]
    kernels = weight.detach().double().unflatten(0, (groups, -1))  # (g, K/g, C/g, …)
    order = 0, 2, *(3 + axis for axis in first), 1, *(3 + axis for axis in second)
    matrices = kernels.permute(order).flatten(2 + len(first)).flatten(1, 1 + len(first))
    if matrices.isfinite().all():
        left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    else:  # no decomposition, but a pass for each column's tap that lets NaN and infinity through
        values = matrices.new_ones(matrices.shape[:2])
        left, right = values.diag_embed(), matrices
    largest = values[:, :1].clamp_min(torch.finfo(torch.float64).tiny)
    # Singular values below this share are rounding errors: of the weight, or of these factors.
    negligible = max(torch.finfo(weight.dtype).eps, 1e-14)
    rank = max(1, int((values > negligible * largest).sum(dim=1).max()))
    scale = values[:, :rank].sqrt()
    columns = (left[:, :, :rank] * scale[:, None]).transpose(1, 2)
    rows = scale[:, :, None] * right[:, :rank]
    left_out = values[:, rank:].norm() / values.norm().clamp_min(torch.finfo(torch.float64).tiny)
    group_in, group_out = kernels.shape[2], kernels.shape[1]
    of_columns, of_rows = _passes(problem)
    return Factors(
        columns.reshape(groups * rank, group_in, *of_columns).to(weight.dtype),
        rows.view(groups, rank, group_out, *of_rows)
        .transpose(1, 2)
        .reshape(problem.out_channels, rank, *of_rows)
        .to(weight.dtype),
        rank,
        float(left_out),
    )


def describe(weight: torch.Tensor, problem: Problem) -> str:
    """Return a sentence on the rank of these weights, for the report."""
    factors = factorise(weight, problem)
    full = _full_rank(problem) // problem.groups
    return f"rank {factors.rank} of at most {full}, {factors.relative_error:.1e} left out"


def _full_rank(problem: Problem) -> int:
    """Return the most channels that there can be between the passes."""
    of_columns, of_rows = map(math.prod, _passes(problem))
    return problem.groups * min(
        problem.in_channels // problem.groups * of_columns,
        problem.out_channels // problem.groups * of_rows,
    )


def _places_between(problem: Problem) -> int:
    """Return the size of what stands between the passes, of one image and channel."""
    first = FIRST_AXES[problem.kind]
    sizes = enumerate(zip(problem.output_size, problem.input_size, strict=True))
    return math.prod(after if axis in first else before for axis, (after, before) in sizes)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes between the passes at full rank, three times: oneDNN reorders them."""
    between = problem.batch_size * _full_rank(problem) * _places_between(problem)
    return itemsize * (3 * between + problem.input_elements + problem.output_elements)


def _executed_flops(problem: Problem) -> float:
    """Return the operations at full rank; weights of lower rank need proportionally fewer."""
    of_columns, of_rows = map(math.prod, _passes(problem))
    group_in, group_out = (
        channels // problem.groups for channels in (problem.in_channels, problem.out_channels)
    )
    first = _places_between(problem) * group_in * of_columns
    second = math.prod(problem.output_size) * group_out * of_rows
    return 2 * problem.batch_size * _full_rank(problem) * (first + second)


_packing = Packing("separable", factorise)


@register(
    "separable",
    family="direct",
    # Factors are rounded, so that even whole numbers come out inexact.
    precision="approximate",
    prepare=_packing.prepare,
    accuracy_note=describe,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
)
def separable(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A low-rank kernel as a pass down the columns and a pass along the rows, exact at its rank.

    Wins where the weights have a low rank: Gaussian, Sobel and box filters have rank 1. Random
    weights have full rank and make it slower than one pass.
    Shapes: input (N, C, H, W), between the passes (N, g·L, P, W), result (N, K, P, Q).
    Cost: 2·N·L·(P·W·C·R + P·Q·K·S) operations at rank L, in place of 2·N·P·Q·K·C/g·R·S.
    Extra memory: what stands between the passes.
    Source: M. Jaderberg, A. Vedaldi, A. Zisserman, "Speeding up convolutional neural networks
    with low rank expansions" (2014), section 2.1, scheme 2, with the rank taken from the weights.
    """
    packed = _packing.of_call(input, weight, bias, stride, padding, dilation, groups)
    return _two_passes(F.conv2d, packed, input, bias)


@register(
    "separable",
    family="direct",
    kind="conv3d",
    precision="approximate",
    prepare=_packing.prepare,
    accuracy_note=describe,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
)
def separable_volume(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A low-rank kernel of three axes as a pass through space and one through time, (2+1)D.

    Wins where the weights have a low rank, as those made of two such passes have; random weights
    have full rank and make it slower than one pass.
    Shapes: input (N, C, D, H, W), between the passes (N, g·L, D, P, Q), result (N, K, O, P, Q).
    Cost: 2·N·L·P·Q·(D·C·R·S + O·K·T) operations at rank L with T taps in time, in place of
    2·N·O·P·Q·K·C/g·T·R·S.
    Extra memory: what stands between the passes.
    Source: D. Tran et al., "A closer look at spatiotemporal convolutions for action recognition"
    (2018), section 3.4, with the channels in between taken from the weights' rank.
    """
    packed = _packing.of_call(input, weight, bias, stride, padding, dilation, groups)
    return _two_passes(F.conv3d, packed, input, bias)


def _two_passes(
    convolve: Callable[..., torch.Tensor],
    packed: Packed,
    input: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    problem, factors = packed.problem, packed.content
    first = FIRST_AXES[problem.kind]

    def along(axes: Collection[int]) -> list[tuple[int, ...]]:
        """Return stride, padding and dilation along some axes, those of no effect elsewhere."""
        usual = (problem.stride, 1), (problem.padding, 0), (problem.dilation, 1)
        return [
            tuple(size if axis in axes else none for axis, size in enumerate(sizes))
            for sizes, none in usual
        ]

    second = [axis for axis in range(problem.axes) if axis not in first]
    between = convolve(input, factors.columns, None, *along(first), problem.groups)
    return convolve(between, factors.rows, bias, *along(second), problem.groups)
