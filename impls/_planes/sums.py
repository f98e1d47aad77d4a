"""Sums of shifted planes, for groups of few channels: rows joined, or four rows at once.

How the planes lie, and why the sums are right, is told in impls/_planes/plan.py.
"""

from __future__ import annotations

from numba import njit, prange

from impls._kernels.copies import copy_rows, prefetch, prefetch_to_write
from impls._kernels.taps import stack_product, tap_product
from impls._planes.plan import MOST_ROWS, STACK, Plan, fill_planes

MOST_AHEAD = 1024
"""Elements, 4 KiB of float32: what is worth asking for. More the processor foresees by itself."""

_taps_1x8 = tap_product(1, 8)
_taps_1x4 = tap_product(1, 4)
_taps_2x4 = tap_product(2, 4)
_taps_3x4 = tap_product(3, 4)
_taps_4x3 = tap_product(4, 3)
_taps_5x2 = tap_product(5, 2)
_taps_6x2 = tap_product(6, 2)
_taps_4x1, _taps_4x2, _taps_4x4 = (tap_product(4, vectors) for vectors in (1, 2, 4))
_taps_two_4x1 = tap_product(4, 2, apart=True)
_stack_x1, _stack_x2, _stack_x3, _stack_x4 = (
    stack_product(STACK, vectors) for vectors in (1, 2, 3, 4)
)
_two_stacks = stack_product(STACK, 2, apart=True)


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
def _sum_neighbours(plan, y, y_at, w, w_at, bias, b_at, planes, shifts):
    """Compute the output rows of one channel in y, four at once; the last four overlap.

    A row of a single vector leaves four sums, which would wait for each other: two stacks then.
    """
    lanes, last = plan.lanes, plan.out_h - STACK
    height, width, columns = plan.kernel_h, plan.kernel_w, plan.out_w
    p = 0
    while p < plan.out_h:
        p = min(p, last)
        to, at = y_at + p * plan.out_w, p * plan.pitch
        apart = min(STACK, last - p)
        if columns <= lanes and apart > 0:
            _two_stacks(
                *(y, to, plan.out_w, columns, w, w_at, bias, b_at, planes, at, shifts),
                *(height, width, apart * plan.out_w, apart * plan.pitch),
            )
            p += STACK
        else:
            for j in range(0, columns, 4 * lanes):
                _sum_vectors(
                    *(y, to + j, plan.out_w, columns - j, w, w_at, bias, b_at, planes, at + j),
                    *(shifts, height, width, lanes),
                )
        p += STACK


@njit(cache=True)
def _sum_vectors(
    y, y_at, y_row, columns, w, w_at, bias, b_at, planes, at, shifts, height, width, lanes
):
    """Compute up to four vectors of four output rows."""
    if columns > 3 * lanes:
        _stack_x4(y, y_at, y_row, columns, w, w_at, bias, b_at, planes, at, shifts, height, width)
    elif columns > 2 * lanes:
        _stack_x3(y, y_at, y_row, columns, w, w_at, bias, b_at, planes, at, shifts, height, width)
    elif columns > lanes:
        _stack_x2(y, y_at, y_row, columns, w, w_at, bias, b_at, planes, at, shifts, height, width)
    else:
        _stack_x1(y, y_at, y_row, columns, w, w_at, bias, b_at, planes, at, shifts, height, width)


@njit(cache=True)
def _sum_stacks(plan, out, w, w_at, bias, b_at, planes, shifts, x, item, last_item):
    """Do the same for rows that are no neighbours, whose weights have zeros; into `out`."""
    row, taps, lanes, last = plan.stack_row, plan.stack_taps, plan.lanes, plan.out_h - STACK
    p = 0
    while p < plan.out_h:
        p = min(p, last)
        apart = min(STACK, last - p)
        _ask_for_rows(plan, item, last_item, p, 2 * STACK if row == lanes else STACK, x)
        if row == lanes and apart > 0:
            _taps_two_4x1(
                *(out, p * row, row, w, w_at, taps, bias, b_at, planes, p * plan.pitch, shifts),
                *(taps, apart * row, apart * plan.pitch),
            )
            p += STACK
        else:
            for j in range(0, row, 4 * lanes):
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
        p += STACK


@njit(cache=True)
def _fill(plan, planes, item, last_item, x, y, tables):
    """Copy a group's planes; let its outputs and the next group's planes come nearer meanwhile."""
    _, row_phases, column_phases = tables
    outputs, length = plan.out_h * plan.out_w, plan.group_in * plan.in_h * plan.in_w
    prefetch_to_write(y, item * plan.group_out * outputs, min(outputs, MOST_AHEAD))
    fill_planes(plan, plan.group_in, planes, 0, x, item * length, row_phases, column_phases)
    if item + 1 < last_item and length <= MOST_AHEAD:
        prefetch(x, (item + 1) * length, length)


@njit(cache=True)
def _ask_for_rows(plan, item, last_item, first, count, x):
    """Let the next channel's rows that `count` output rows from `first` on read come nearer.

    A stride's phases are read one after the other, every second row: nothing foresees that.
    """
    length = plan.in_h * plan.in_w
    at = first * plan.stride_h * plan.in_w
    if item + 1 < last_item and at < length:
        ahead = min(count * plan.stride_h * plan.in_w, length - at)
        prefetch(x, (item + 1) * length + at, ahead)


@njit(cache=True)
def _neighbours(plan, first_item, last_item, x, w, bias, y, tables, scratch):
    """Compute the groups of all images from `first_item` to `last_item`; so do the next two."""
    planes, length = scratch[: plan.planes], plan.out_h * plan.out_w
    planes[:] = 0
    for item in range(first_item, last_item):
        _fill(plan, planes, item, last_item, x, y, tables)
        for i in range(plan.group_out):
            k = item % plan.groups * plan.group_out + i
            to = (item * plan.group_out + i) * length
            _sum_neighbours(plan, y, to, w, k * plan.taps, bias, k, planes, tables[0])


@njit(cache=True)
def _stacks(plan, first_item, last_item, x, w, bias, y, tables, scratch):
    planes, out = scratch[: plan.planes], scratch[plan.planes :]
    planes[:] = 0
    for item in range(first_item, last_item):
        _fill(plan, planes, item, last_item, x, y, tables)
        for i in range(plan.group_out):
            k = (item % plan.groups * plan.group_out + i) * STACK
            last = last_item if i == 0 else 0  # the first output channel asks for all of it
            _sum_stacks(
                *(plan, out, w, k * plan.stack_taps, bias, k, planes, tables[0], x, item, last)
            )
            to = (item * plan.group_out + i) * plan.out_h * plan.out_w
            copy_rows(y, to, plan.out_w, out, 0, plan.stack_row, plan.out_h, plan.out_w)


@njit(cache=True)
def _joined(plan, first_item, last_item, x, w, bias, y, tables, scratch):
    planes, out = scratch[: plan.planes], scratch[plan.planes :]
    planes[:] = 0
    blocks = (plan.group_out + MOST_ROWS - 1) // MOST_ROWS
    for item in range(first_item, last_item):
        _fill(plan, planes, item, last_item, x, y, tables)
        for block in range(blocks):
            first = plan.group_out * block // blocks
            rows = plan.group_out * (block + 1) // blocks - first
            k = item % plan.groups * plan.group_out + first
            _sum_taps(rows, plan, out, w, k * plan.taps, bias, k, planes, tables[0])
            to = (item * plan.group_out + first) * plan.out_h * plan.out_w
            for i in range(rows):
                at = i * plan.out_row
                copy_rows(y, to, plan.out_w, out, at, plan.pitch, plan.out_h, plan.out_w)
                to += plan.out_h * plan.out_w


# Three functions and not one with three branches: what is not called need not be compiled.


@njit(parallel=True, cache=True)
def sum_neighbours(sizes, threads, x, w, bias, y, tables, scratch):
    """Fill y where the output rows of a stack are neighbours.

    x, w and y are flat and contiguous in NCHW, `sizes` is a Plan's values, `tables` begin with
    `stack_shifts`. `scratch` has a row for each thread. One thread works without the others' being
    woken.
    """
    plan = Plan(*sizes)
    items = plan.images * plan.groups
    if threads == 1:
        _neighbours(plan, 0, items, x, w, bias, y, tables, scratch[0])
        return
    for worker in prange(threads):
        first, last = items * worker // threads, items * (worker + 1) // threads
        _neighbours(plan, first, last, x, w, bias, y, tables, scratch[worker])


@njit(parallel=True, cache=True)
def sum_stacks(sizes, threads, x, w, bias, y, tables, scratch):
    """Do the same for other stacks: `w` holds `stack_weights`, and `bias` each channel's once for
    each row of a stack."""
    plan = Plan(*sizes)
    items = plan.images * plan.groups
    if threads == 1:
        _stacks(plan, 0, items, x, w, bias, y, tables, scratch[0])
        return
    for worker in prange(threads):
        first, last = items * worker // threads, items * (worker + 1) // threads
        _stacks(plan, first, last, x, w, bias, y, tables, scratch[worker])


@njit(parallel=True, cache=True)
def sum_joined_rows(sizes, threads, x, w, bias, y, tables, scratch):
    """Do the same without stacks: `tables` begin with the shift of every tap of a group."""
    plan = Plan(*sizes)
    items = plan.images * plan.groups
    if threads == 1:
        _joined(plan, 0, items, x, w, bias, y, tables, scratch[0])
        return
    for worker in prange(threads):
        first, last = items * worker // threads, items * (worker + 1) // threads
        _joined(plan, first, last, x, w, bias, y, tables, scratch[worker])
