"""Sums of shifted planes, for groups of few channels: rows joined, or four rows at once.

How the planes lie, and why the sums are right, is told in impls/_planes.py.
"""

from __future__ import annotations

from numba import njit, prange

from impls._copies import copy_rows
from impls._planes import MOST_ROWS, STACK, Plan, fill_planes
from impls._products import tap_product

_taps_1x8 = tap_product(1, 8)
_taps_1x4 = tap_product(1, 4)
_taps_2x4 = tap_product(2, 4)
_taps_3x4 = tap_product(3, 4)
_taps_4x3 = tap_product(4, 3)
_taps_5x2 = tap_product(5, 2)
_taps_6x2 = tap_product(6, 2)
_taps_4x1, _taps_4x2, _taps_4x4 = (tap_product(4, vectors) for vectors in (1, 2, 4))
_taps_two_4x1 = tap_product(4, 2, apart=True)


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
def _sum_narrow_stacks(plan, out, w, w_at, bias, b_at, planes, shifts):
    """Do as `_sum_stacks` where a row is one vector: two stacks at once, or sums would wait."""
    row, taps = plan.stack_row, plan.stack_taps
    stacks, last = (plan.out_h + STACK - 1) // STACK, plan.out_h - STACK
    for stack in range(0, stacks, 2):
        p, q = min(STACK * stack, last), min(STACK * (stack + 1), last)
        to, at = p * row, p * plan.pitch
        if q > p:
            _taps_two_4x1(
                *(out, to, row, w, w_at, taps, bias, b_at, planes, at, shifts, taps),
                *((q - p) * row, (q - p) * plan.pitch),
            )
        else:
            _taps_4x1(out, to, row, w, w_at, taps, bias, b_at, planes, at, shifts, taps)


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
            if plan.stack_row == plan.lanes:
                _sum_narrow_stacks(plan, out, w, w_at, bias, k * STACK, planes, shifts)
            else:
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
