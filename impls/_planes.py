"""Direct convolution of whole planes, the rows of a plane joined into one long row.

Let a padded plane have rows of `pitch` elements. Output (p, q) needs, for tap (r, s), the element
(p + r)·pitch + (q + s) = (p·pitch + q) + (r·pitch + s): the position of the output plus a shift
that depends on the tap alone. So the whole plane is one sum of shifted copies, in full vectors
whatever the width; the few positions past the end of each row compute nonsense that nobody reads.

Stride splits the padded plane into stride_h·stride_w smaller ones (even and odd rows and columns
for stride 2). Each tap reads one of them, and the sum is one of shifted copies again.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy
from numba import njit, prange

from impls._blocks import copy_row
from impls._vector import VECTOR_BYTES, tap_product
from suite import Problem

_taps_1x8 = tap_product(1, 8)
_taps_2x4 = tap_product(2, 4)
_taps_3x4 = tap_product(3, 4)
_taps_4x3 = tap_product(4, 3)
_taps_5x2 = tap_product(5, 2)
_taps_6x2 = tap_product(6, 2)
MOST_ROWS = 6
MOST_VECTORS = 8


class Plan(NamedTuple):
    """Sizes in elements. h and w are the two axes, a phase one of the planes that stride makes."""

    lanes: int
    images: int
    in_h: int
    in_w: int
    out_h: int
    out_w: int
    pad_h: int
    pad_w: int
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


@functools.lru_cache(maxsize=256)
def plan_for(problem: Problem, itemsize: int) -> tuple[Plan, numpy.ndarray]:
    """Return the plan, and the shift of each tap in the order of the weight."""
    p = problem
    lanes = VECTOR_BYTES // itemsize
    rows = -(-p.padded_h // p.stride_h)
    pitch = -(-p.padded_w // p.stride_w)
    phase = rows * pitch
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
    plan = Plan(
        lanes=lanes,
        images=p.batch_size,
        in_h=p.height,
        in_w=p.width,
        out_h=p.out_h,
        out_w=p.out_w,
        pad_h=p.pad_top,
        pad_w=p.pad_left,
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
        out_row=length + MOST_VECTORS * lanes,
    )
    return plan, numpy.array(shifts, dtype=numpy.int64)


def scratch_elements(plan: Plan) -> tuple[int, int]:
    """Return the elements that one thread needs for a group's inputs and for its outputs."""
    # The last block of vectors reads and writes past the end.
    return plan.group_in * plan.plane + MOST_VECTORS * plan.lanes, MOST_ROWS * plan.out_row


@njit(cache=True)
def _sum_taps(rows, plan, out, w, w_at, bias, b_at, planes, shifts):
    """Compute the joined output rows of 1 to 6 channels."""
    row, taps, lanes = plan.out_row, plan.taps, plan.lanes
    if rows == 1:
        for j in range(0, plan.length, 8 * lanes):
            _taps_1x8(out, j, row, w, w_at, taps, bias, b_at, planes, j, shifts, taps)
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
def _fill_planes(plan, planes, x, x_at):
    """Copy a group's channels into their phases; the zeros around them stay."""
    for c in range(plan.group_in):
        for h in range(plan.in_h):
            at = x_at + (c * plan.in_h + h) * plan.in_w
            row = h + plan.pad_h
            to = c * plan.plane + row % plan.stride_h * plan.stride_w * plan.phase
            to += row // plan.stride_h * plan.pitch
            if plan.stride_w == 1:
                copy_row(planes, to + plan.pad_w, x, at, plan.in_w, plan.lanes)
                continue
            for first in range(plan.stride_w):
                column = first + plan.pad_w
                start = to + column % plan.stride_w * plan.phase + column // plan.stride_w
                for j in range((plan.in_w - first + plan.stride_w - 1) // plan.stride_w):
                    planes[start + j] = x[at + first + j * plan.stride_w]


@njit(parallel=True, cache=True)
def convolve(sizes, threads, x, w, bias, y, shifts, all_planes, all_outs):
    """Fill y; x, w and y are flat and contiguous in NCHW, `sizes` is a Plan's values."""
    plan = Plan(*sizes)
    items = plan.images * plan.groups
    blocks = (plan.group_out + MOST_ROWS - 1) // MOST_ROWS
    for worker in prange(threads):
        planes, out = all_planes[worker], all_outs[worker]
        planes[:] = 0
        for item in range(items * worker // threads, items * (worker + 1) // threads):
            _fill_planes(plan, planes, x, item * plan.group_in * plan.in_h * plan.in_w)
            group = item % plan.groups
            for block in range(blocks):
                first = plan.group_out * block // blocks
                rows = plan.group_out * (block + 1) // blocks - first
                k = group * plan.group_out + first
                _sum_taps(rows, plan, out, w, k * plan.taps, bias, k, planes, shifts)
                to = (item * plan.group_out + first) * plan.out_h * plan.out_w
                for i in range(rows):
                    for p in range(plan.out_h):
                        at = i * plan.out_row + p * plan.pitch
                        copy_row(y, to, out, at, plan.out_w, plan.lanes)
                        to += plan.out_w
