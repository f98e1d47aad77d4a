"""Direct convolution of whole planes, the rows of a plane joined into one long row.

Let a padded plane have rows of `pitch` elements. Output (p, q) needs, for tap (r, s), the element
(p + r)·pitch + (q + s) = (p·pitch + q) + (r·pitch + s): the position of the output plus a shift
that depends on the tap alone. So the whole plane is one sum of shifted copies, in full vectors
whatever the width; the few positions past the end of each row compute nonsense that nobody reads.

Stride splits the padded plane into stride_h·stride_w smaller ones (even and odd rows and columns
for stride 2). Each tap reads one of them, and the sum is one of shifted copies again.

With one input channel a group every load would serve a single product, and most loads straddle two
lines of the cache. There, four output rows are computed at once: an input row meets the kernel in
all of them, each time in another row of the kernel, zero where it reaches beyond it.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy
from numba import njit, prange

from impls._copies import copy_rows, split_rows
from impls._products import tap_product
from impls._vector import VECTOR_BYTES
from suite import Problem

_taps_1x8 = tap_product(1, 8)
_taps_1x4 = tap_product(1, 4)
_taps_2x4 = tap_product(2, 4)
_taps_3x4 = tap_product(3, 4)
_taps_4x3 = tap_product(4, 3)
_taps_5x2 = tap_product(5, 2)
_taps_6x2 = tap_product(6, 2)
_taps_4x1, _taps_4x2, _taps_4x4 = (tap_product(4, vectors) for vectors in (1, 2, 4))
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
    """Taps of a stack of output rows; 0 where rows are joined."""
    stack_row: int
    """Elements reserved for an output row of a stack."""
    scratch: int
    """Elements that a thread needs: a group's phases, and the output rows of a block or stack."""


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
        stack_taps=len(stack_rows(p)) * p.kernel_w if group_in == 1 else 0,
        stack_row=stack_row,
        scratch=planes + max(MOST_ROWS * out_row, p.out_h * stack_row),
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
def _sum_taps(  # noqa: PLR0912 - one branch for each compiled block
    rows, plan, out, w, w_at, bias, b_at, planes, shifts
):
    """Compute the joined output rows of 1 to 6 channels."""
    row, taps, lanes = plan.out_row, plan.taps, plan.lanes
    if rows == 1:
        whole = (plan.length + 4 * lanes - 1) // (8 * lanes) * (8 * lanes)
        for j in range(0, whole, 8 * lanes):
            _taps_1x8(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)
        if whole < plan.length:
            _taps_1x4(out, whole, row, w, w_at, taps, bias, b_at, planes, whole, shifts, taps)
    elif rows == 2:
        for j in range(0, plan.length, 4 * lanes):
            _taps_2x4(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)
    elif rows == 3:
        for j in range(0, plan.length, 4 * lanes):
            _taps_3x4(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)
    elif rows == 4:
        for j in range(0, plan.length, 3 * lanes):
            _taps_4x3(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)
    elif rows == 5:
        for j in range(0, plan.length, 2 * lanes):
            _taps_5x2(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)
    else:
        for j in range(0, plan.length, 2 * lanes):
            _taps_6x2(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)


@njit(cache=True)
def _sum_stacks(plan, out, w, w_at, bias, b_at, planes, shifts):
    """Compute the output rows of one channel, four at once; the last four overlap."""
    row, taps, lanes = plan.stack_row, plan.stack_taps, plan.lanes
    p = 0
    while p < plan.out_h:
        p = min(p, plan.out_h - STACK)
        j = 0
        while j < row:
            to, at = p * row + j, p * plan.pitch + j
            vectors = (row - j) // lanes
            if vectors >= 4:
                _taps_4x4(out, to, row, w, w_at, taps, bias, b_at, planes, at, shifts, taps)
            elif vectors == 3:
                _taps_4x3(out, to, row, w, w_at, taps, bias, b_at, planes, at, shifts, taps)
            elif vectors == 2:
                _taps_4x2(out, to, row, w, w_at, taps, bias, b_at, planes, at, shifts, taps)
            else:
                _taps_4x1(out, to, row, w, w_at, taps, bias, b_at, planes, at, shifts, taps)
            j += 4 * lanes
        p += STACK


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


@njit(cache=True)
def _compute(plan, first_item, last_item, x, w, bias, y, tables, scratch):
    """Compute the groups of all images from `first_item` to `last_item`."""
    shifts, row_phases, column_phases = tables
    planes, out = scratch[: plan.planes], scratch[plan.planes :]
    planes[:] = 0
    blocks = (plan.group_out + MOST_ROWS - 1) // MOST_ROWS
    for item in range(first_item, last_item):
        x_at = item * plan.group_in * plan.in_h * plan.in_w
        fill_planes(plan, plan.group_in, planes, 0, x, x_at, row_phases, column_phases)
        group = item % plan.groups
        for i in range(plan.group_out if plan.stack_taps else 0):
            k = group * plan.group_out + i
            w_at = k * STACK * plan.stack_taps
            _sum_stacks(plan, out, w, w_at, bias, k * STACK, planes, shifts)
            to = (item * plan.group_out + i) * plan.out_h * plan.out_w
            copy_rows(y, to, plan.out_w, out, 0, plan.stack_row, plan.out_h, plan.out_w)
        for block in range(0 if plan.stack_taps else blocks):
            first = plan.group_out * block // blocks
            rows = plan.group_out * (block + 1) // blocks - first
            k = group * plan.group_out + first
            _sum_taps(rows, plan, out, w, k * plan.taps, bias, k, planes, shifts)
            to = (item * plan.group_out + first) * plan.out_h * plan.out_w
            for i in range(rows):
                at = i * plan.out_row
                copy_rows(y, to, plan.out_w, out, at, plan.pitch, plan.out_h, plan.out_w)
                to += plan.out_h * plan.out_w


@njit(parallel=True, cache=True)
def convolve(sizes, threads, x, w, bias, y, tables, scratch):
    """Fill y; x, w and y are flat and contiguous in NCHW, `sizes` is a Plan's values.

    Where the plan has stacks, `w` holds `stack_weights`, `tables` begin with `stack_shifts`, and
    the bias of each channel stands in `bias` as often as a stack has rows. `scratch` has a row for
    each thread. One thread works without the others' being woken.
    """
    plan = Plan(*sizes)
    items = plan.images * plan.groups
    if threads == 1:
        _compute(plan, 0, items, x, w, bias, y, tables, scratch[0])
        return
    for worker in prange(threads):
        first, last = items * worker // threads, items * (worker + 1) // threads
        _compute(plan, first, last, x, w, bias, y, tables, scratch[worker])
