"""Direct convolution of whole planes, the rows of a plane joined into one long row.

Let a padded plane have rows of `pitch` elements. Output (p, q) needs, for tap (r, s), the element
(p + r)·pitch + (q + s) = (p·pitch + q) + (r·pitch + s): the position of the output plus a shift
that depends on the tap alone. So the whole plane is one sum of shifted copies, in full vectors
whatever the width; the few positions past the end of each row compute nonsense that nobody reads.

Stride splits the padded plane into stride_h·stride_w smaller ones (even and odd rows and columns
for stride 2). Each tap reads one of them, and the sum is one of shifted copies again.

With one input channel a group every load would serve a single product, and most loads straddle two
lines of the cache. There, four output rows are computed at once: an input row meets the kernel in
all of them, each time in another row of the kernel. Where it reaches beyond it, nothing is added
(or zeros are, where stride or dilation leave gaps).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy
from numba import njit

from impls._kernels.copies import copy_rows, split_rows
from impls._kernels.vector import VECTOR_BYTES
from suite import Problem

MOST_ROWS = 6
MOST_VECTORS = 8
STACK = 4
"""Output rows that are computed at once where a group has one input channel."""


class Plan(NamedTuple):
    """Sizes in elements. h and w are the two axes, a phase one of the planes that stride makes."""

    lanes: int
    images: int
    in_h: int
    in_w: int
    out_h: int
    out_w: int
    stride_h: int
    stride_w: int
    groups: int
    group_in: int
    group_out: int
    taps: int
    pitch: int
    phase: int
    """Elements of one phase."""
    plane: int
    """Elements of all phases of a channel."""
    length: int
    """Positions of the joined output row."""
    out_row: int
    """Elements reserved for it."""
    planes: int
    """Elements of a group's phases, and of what the last block of vectors reads beyond them."""
    stack_taps: int
    """Taps that a stack of output rows reads; 0 where rows are joined."""
    kernel_h: int
    kernel_w: int
    neighbours: bool
    """Whether the output rows of a stack meet neighbouring input rows: no zeros are needed then."""
    stack_row: int
    """Elements reserved for an output row of a stack."""
    scratch: int
    """Elements that a thread needs: a group's phases, and output rows that are copied out."""


@functools.lru_cache(maxsize=256)
def plan_for(problem: Problem, itemsize: int) -> tuple[Plan, tuple[numpy.ndarray, ...]]:
    """Return the plan and its tables.

    They hold the shift of each tap in the order of the weight, and how the rows and the columns of
    the input fall into phases.
    """
    p = problem
    lanes = VECTOR_BYTES // itemsize
    rows = -(-p.padded_h // p.stride_h)
    # The zeros to the right of a row are those to the left of the next one.
    pitch = max(-(-(p.width + p.pad_left) // p.stride_w), p.out_w)
    phase = rows * pitch + p.pad_left
    plane = p.stride_h * p.stride_w * phase
    length = (p.out_h - 1) * pitch + p.out_w
    group_in = p.in_channels // p.groups
    shifts = [
        c * plane
        + (r % p.stride_h * p.stride_w + s % p.stride_w) * phase
        + r // p.stride_h * pitch
        + s // p.stride_w
        for c in range(group_in)
        for r in range(0, p.effective_kernel_h, p.dilation_h)
        for s in range(0, p.effective_kernel_w, p.dilation_w)
    ]
    planes = -(-(group_in * plane + MOST_VECTORS * lanes) // lanes) * lanes
    stack_row = -(-p.out_w // lanes) * lanes
    out_row = -(-(length + MOST_VECTORS * lanes) // lanes) * lanes
    stack_taps = len(stack_rows(p)) * p.kernel_w if group_in == 1 else 0
    neighbours = (
        stack_taps > 0 and p.stride_h == 1 and p.dilation_h == 1 and p.kernel_h >= STACK - 1
    )
    plan = Plan(
        lanes=lanes,
        images=p.batch_size,
        in_h=p.height,
        in_w=p.width,
        out_h=p.out_h,
        out_w=p.out_w,
        stride_h=p.stride_h,
        stride_w=p.stride_w,
        groups=p.groups,
        group_in=group_in,
        group_out=p.out_channels // p.groups,
        taps=p.reduction_length,
        pitch=pitch,
        phase=phase,
        plane=plane,
        length=length,
        out_row=out_row,
        planes=planes,
        stack_taps=stack_taps,
        kernel_h=p.kernel_h,
        kernel_w=p.kernel_w,
        neighbours=neighbours,
        stack_row=stack_row,
        scratch=planes + (0 if neighbours else max(MOST_ROWS * out_row, p.out_h * stack_row)),
    )
    row_phases = _phases(p.height, p.pad_top, p.stride_h, p.stride_w * phase, pitch)
    column_phases = _phases(p.width, p.pad_left, p.stride_w, phase, 1)
    return plan, (numpy.array(shifts, dtype=numpy.int64), row_phases, column_phases)


def stack_rows(problem: Problem) -> list[int]:
    """Return the padded rows that a stack of output rows reads; none where there is no stack."""
    if problem.out_h < STACK or problem.kernel_h == 1:
        return []
    tops = range(0, STACK * problem.stride_h, problem.stride_h)
    taps = range(0, problem.effective_kernel_h, problem.dilation_h)
    return sorted({top + tap for top in tops for tap in taps})


def stack_shifts(problem: Problem, plan: Plan) -> numpy.ndarray:
    """Return the shift of each tap of a stack: row by row, then along the kernel's columns."""
    p = problem
    shifts = [
        (row % p.stride_h * p.stride_w + s % p.stride_w) * plan.phase
        + row // p.stride_h * plan.pitch
        + s // p.stride_w
        for row in stack_rows(p)
        for s in range(0, p.effective_kernel_w, p.dilation_w)
    ]
    return numpy.array(shifts, dtype=numpy.int64)


def stack_weights(weight: numpy.ndarray, problem: Problem) -> numpy.ndarray:
    """Return (K, output row of a stack, row read, S): the kernel's rows where they meet, else 0."""
    rows = stack_rows(problem)
    stacked = numpy.zeros((len(weight), STACK, len(rows), problem.kernel_w), dtype=weight.dtype)
    for i in range(STACK):
        for r in range(problem.kernel_h):
            row = rows.index(i * problem.stride_h + r * problem.dilation_h)
            stacked[:, i, row] = weight[:, 0, r]
    return stacked


def _phases(size: int, pad: int, stride: int, phase_step: int, step: int) -> numpy.ndarray:
    """Return (first index, how many, place of the first) of each phase along one axis."""
    table = []
    for phase in range(stride):
        first = (phase - pad) % stride
        count = len(range(first, size, stride))
        table.append((first, count, phase * phase_step + (first + pad) // stride * step))
    return numpy.array(table, dtype=numpy.int64)


@njit(cache=True)
def fill_planes(plan, channels, planes, start, x, x_at, row_phases, column_phases):
    """Copy channels into their phases, from planes[start] on; the zeros around them stay.

    A row of `row_phases` is one phase: first input row, number of rows, place of the first; so
    for the columns.
    """
    x_row = plan.stride_h * plan.in_w
    for c in range(channels):
        for a in range(plan.stride_h):
            first, rows, place = row_phases[a, 0], row_phases[a, 1], row_phases[a, 2]
            at = x_at + (c * plan.in_h + first) * plan.in_w
            to = start + c * plan.plane + place
            if plan.stride_w == 1:
                to += column_phases[0, 2]
                copy_rows(planes, to, plan.pitch, x, at, x_row, rows, plan.in_w)
            elif plan.stride_w == 2:
                even = column_phases[0, 0]  # the phase that the first column falls into
                ends = to + column_phases[even, 2], to + column_phases[1 - even, 2]
                split_rows(planes, ends[0], ends[1], plan.pitch, x, at, x_row, rows, plan.in_w)
            else:
                for b in range(plan.stride_w):
                    column, columns, shift = column_phases[b]
                    for i in range(rows):
                        for j in range(columns):
                            source = at + i * x_row + column + j * plan.stride_w
                            planes[to + shift + i * plan.pitch + j] = x[source]
