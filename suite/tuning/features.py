"""A problem as a kind and a point: what makes two convolutions alike to an implementation.

Kinds differ in which algorithms apply at all, so nothing learnt about one says anything about
another. Within a kind, sizes count by their ratios: coordinates are octaves.
"""

from __future__ import annotations

import math

from suite.kinds import KINDS as PROBLEM_KINDS
from suite.problem import Problem

KINDS = ("one_pixel", "pointwise", "patches", "depthwise", "grouped", "dense", "wide")
"""Of two axes."""
WIDE_TAPS = 50
"""A kernel beyond 7×7: where sums in the frequency domain begin to pay."""

OTHER_KINDS = tuple(
    f"{kind} {work}" for kind in PROBLEM_KINDS if kind != "conv2d" for work in KINDS
)
"""Of other numbers of axes and transposed: the same words, and what it is."""
ALL_KINDS = (*KINDS, *OTHER_KINDS)

# A stride decides more than its octave says: what it leaves out, which methods apply. Taps, too:
# 3×3 and 5×5 are different worlds.
STRIDE_OCTAVES = 3.0
TAP_OCTAVES = 2.0


def kind_of(problem: Problem) -> str:
    """Return which of `ALL_KINDS` a problem is."""
    work = work_of(problem)
    return work if problem.kind == "conv2d" else f"{problem.kind} {work}"


def work_of(problem: Problem) -> str:
    """Return which of `KINDS` a problem's work is, whatever its axes are."""
    if problem.is_depthwise:
        return "depthwise"
    if problem.groups > 1:
        return "grouped"
    if math.prod(problem.output_size) == 1 and not problem.is_padded and _sees_all(problem):
        return "one_pixel"
    if problem.taps == 1:
        return "pointwise"
    if problem.kernel == problem.stride and not problem.is_padded:
        return "patches"
    return "wide" if problem.taps >= WIDE_TAPS else "dense"


def _sees_all(problem: Problem) -> bool:
    """Whether the one window is the whole plane, or the one pixel of it that a stride leaves."""
    return problem.taps == 1 or problem.kernel == problem.input_size


def point_of(problem: Problem) -> tuple[float, ...]:
    """Return the problem's coordinates among those of its kind."""
    log = math.log2
    dilation = problem.dilation_d * problem.dilation_h * problem.dilation_w
    depth = (
        log(problem.out_d),
        TAP_OCTAVES * log(problem.kernel_d),
        STRIDE_OCTAVES * log(problem.stride_d),
    )
    return (
        log(max(problem.batch_size, 1)),
        log(problem.out_h),
        log(problem.out_w),
        log(max(problem.in_channels // problem.groups, 1)),
        log(problem.out_channels // problem.groups),
        log(problem.groups),
        TAP_OCTAVES * log(problem.kernel_h),
        TAP_OCTAVES * log(problem.kernel_w),
        STRIDE_OCTAVES * log(problem.stride_h),
        STRIDE_OCTAVES * log(problem.stride_w),
        STRIDE_OCTAVES * log(dilation),
        *(depth if problem.axes == 3 else ()),
    )
