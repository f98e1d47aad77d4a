"""Kernels of low rank as two passes: a column of R taps, then a row of S taps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from impls._arguments import pair
from impls._packing import Packing
from suite import Problem, register


@dataclass(frozen=True)
class Factors:
    """The two passes, and what is left out."""

    columns: torch.Tensor
    """(g·L, C/g, R, 1)"""
    rows: torch.Tensor
    """(K, L, 1, S)"""
    rank: int
    """L, intermediate channels of a group."""
    relative_error: float
    """Frobenius norm of what was left out, over the weight's."""


def factorise(weight: torch.Tensor, problem: Problem) -> Factors:
    """Return the shortest pair of passes that leaves nothing out.

    As a matrix with C/g·R rows and K/g·S columns, the kernels of a group have a rank L. The
    factors of its singular value decomposition are L columns of kernels, and for each output
    channel the rows that recombine them.
    """
    groups = problem.groups
    kernels = weight.detach().double().unflatten(0, (groups, -1))  # (g, K/g, C/g, R, S)
    matrices = kernels.permute(0, 2, 3, 1, 4).flatten(3).flatten(1, 2)
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
    return Factors(
        columns.reshape(groups * rank, group_in, problem.kernel_h, 1).to(weight.dtype),
        rows.view(groups, rank, group_out, 1, problem.kernel_w)
        .transpose(1, 2)
        .reshape(problem.out_channels, rank, 1, problem.kernel_w)
        .to(weight.dtype),
        rank,
        float(left_out),
    )


def describe(weight: torch.Tensor, problem: Problem) -> str:
    """Return a sentence on the rank of these weights, for the report."""
    factors = factorise(weight, problem)
    full = min(
        problem.in_channels // problem.groups * problem.kernel_h,
        problem.out_channels // problem.groups * problem.kernel_w,
    )
    return f"rank {factors.rank} of at most {full}, {factors.relative_error:.1e} left out"


def _full_rank(problem: Problem) -> int:
    return problem.groups * min(
        problem.in_channels // problem.groups * problem.kernel_h,
        problem.out_channels // problem.groups * problem.kernel_w,
    )


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes between the passes at full rank, three times: oneDNN reorders them."""
    between = problem.batch_size * _full_rank(problem) * problem.out_h * problem.width
    return itemsize * (3 * between + problem.input_elements + problem.output_elements)


def _executed_flops(problem: Problem) -> float:
    """Return the operations at full rank; weights of lower rank need proportionally fewer."""
    rank = _full_rank(problem)
    group_in = problem.in_channels // problem.groups
    first = problem.out_h * problem.width * group_in * problem.kernel_h
    group_out = problem.out_channels // problem.groups
    second = problem.out_h * problem.out_w * group_out * problem.kernel_w
    return 2 * problem.batch_size * rank * (first + second)


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
    factors = _packing.of_call(input, weight, bias, stride, padding, dilation, groups).content
    (stride_h, stride_w), (pad_h, pad_w) = pair(stride), pair(padding)
    dilation_h, dilation_w = pair(dilation)
    between = F.conv2d(
        input, factors.columns, None, (stride_h, 1), (pad_h, 0), (dilation_h, 1), groups
    )
    return F.conv2d(between, factors.rows, bias, (1, stride_w), (0, pad_w), (1, dilation_w), groups)
