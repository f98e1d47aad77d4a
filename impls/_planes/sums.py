"""Sums of shifted planes, for groups of few channels: rows joined, or four rows at once.

How the planes lie, and why the sums are right, is told in plan.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from impls._kernels.copies import copy_rows, prefetch, prefetch_to_write
from impls._kernels.finish import finish_rows
from impls._kernels.pointers import View, at
from impls._kernels.taps import stack_product, tap_product
from impls._kernels.vector import BLOCK_ROWS
from impls._numba import inlined, part
from impls._parallel import OnThreads
from impls._planes.fill import fill_planes
from impls._planes.plan import MOST_VECTORS, STACK, Plan

MOST_AHEAD = 1024
"""Elements, 4 KiB of float32: what is worth asking for. More the processor foresees by itself."""

# The more rows, the fewer vectors: sums, vectors of the input and a weight share the registers.
JOINED_VECTORS = (0, 4, 4, 4, 3, 2, 2)
"""Vectors in a block of a joined row, by the output channels that it computes at once."""
_BY_ROWS = {rows: (rows, vectors) for rows, vectors in enumerate(JOINED_VECTORS) if rows}
_BY_VECTORS = {vectors: (STACK, vectors) for vectors in (1, 2, 3, 4)}
MOST_STACK_VECTORS = max(_BY_VECTORS)

_sum_joined = tap_product(_BY_ROWS)
_sum_joined_wide = tap_product({1: (1, MOST_VECTORS)})
_sum_stack = tap_product(_BY_VECTORS)
_sum_two_stacks = tap_product({1: (STACK, 2)})
_sum_neighbour_stack = stack_product(_BY_VECTORS)
_sum_two_neighbour_stacks = stack_product({1: (STACK, 2)})


class Operands(NamedTuple):
    """Flat arrays, contiguous in NCHW."""

    x: Any
    """The input."""
    w: Any
    """The weight, or `stack_weights` of it."""
    bias: Any
    """(K), or for other stacks than neighbours each channel's once for each row of a stack."""
    y: Any
    """The output."""
    residual: Any
    """What is added to it, lying alike; anything where nothing is."""
    shifts: Any
    """Table of shifts, one for each tap of a group or of a stack."""
    row_phases: Any
    """How the rows of the input fall into phases: see `plan_for`."""
    column_phases: Any
    """How its columns do."""
    scratch: Any
    """For each thread a row for planes, and for sums that are copied to y."""


@inlined
def _vectors_of(columns, lanes):
    """Return how many vectors the next block of a stack has, of so many columns that are left."""
    # Comparisons: a division by what is no constant takes longer than all of them.
    return 1 + (columns > lanes) + (columns > 2 * lanes) + (columns > 3 * lanes)


@inlined
def _sum_channels(rows, plan, out, w, bias, planes, shifts):
    """Compute the joined output rows of 1 to 6 channels."""
    weights = View(w, plan.taps)
    j = 0
    if rows == 1:
        width = MOST_VECTORS * plan.lanes
        whole = (plan.length + width // 2 - 1) // width * width
        while j < whole:
            target = View(at(out, j), plan.out_row)
            _sum_joined_wide(1, target, weights, bias, at(planes, j), shifts, plan.taps, None)
            j += width
    width = JOINED_VECTORS[rows] * plan.lanes
    while j < plan.length:
        target = View(at(out, j), plan.out_row)
        _sum_joined(rows, target, weights, bias, at(planes, j), shifts, plan.taps, None)
        j += width


@inlined
def _sum_neighbours(plan, y, w, bias, planes, shifts):
    """Compute the output rows of one channel in y, four at once; the last four overlap.

    A row of a single vector leaves four sums, which would wait for each other: two stacks then.
    """
    lanes, last = plan.lanes, plan.out_h - STACK
    columns = plan.out_w
    p = 0
    while p < plan.out_h:
        p = min(p, last)
        out, x = at(y, p * plan.out_w), at(planes, p * plan.pitch)
        apart = min(STACK, last - p)
        if columns <= lanes and apart > 0:
            sizes = columns, plan.kernel_h, plan.kernel_w
            steps = apart * plan.out_w, apart * plan.pitch
            target = View(out, plan.out_w)
            _sum_two_neighbour_stacks(1, target, w, bias, x, shifts, sizes, steps)
            p += STACK
        else:
            j = 0
            while j < columns:
                sizes = columns - j, plan.kernel_h, plan.kernel_w
                vectors = _vectors_of(columns - j, lanes)
                target = View(at(out, j), plan.out_w)
                _sum_neighbour_stack(vectors, target, w, bias, at(x, j), shifts, sizes, None)
                j += MOST_STACK_VECTORS * lanes
        p += STACK


@inlined
def _sum_stacks(plan, out, w, bias, planes, shifts, upcoming):
    """Do the same for rows that are no neighbours, whose weights have zeros; into `out`."""
    row, taps, lanes, last = plan.stack_row, plan.stack_taps, plan.lanes, plan.out_h - STACK
    weights = View(w, taps)
    p = 0
    while p < plan.out_h:
        p = min(p, last)
        apart = min(STACK, last - p)
        _ask_for_rows(plan, upcoming, p, 2 * STACK if row == lanes else STACK)
        if row == lanes and apart > 0:
            target, x = View(at(out, p * row), row), at(planes, p * plan.pitch)
            steps = apart * row, apart * plan.pitch
            _sum_two_stacks(1, target, weights, bias, x, shifts, taps, steps)
            p += STACK
        else:
            j = 0
            while j < row:
                target, x = View(at(out, p * row + j), row), at(planes, p * plan.pitch + j)
                vectors = _vectors_of(row - j, lanes)
                _sum_stack(vectors, target, weights, bias, x, shifts, taps, None)
                j += MOST_STACK_VECTORS * lanes
        p += STACK


@inlined
def _fill(plan, planes, item, last_item, operands):
    """Copy a group's planes; let its outputs and the next group's planes come nearer meanwhile."""
    outputs, length = plan.out_h * plan.out_w, plan.group_in * plan.in_h * plan.in_w
    prefetch_to_write(at(operands.y, item * plan.group_out * outputs), min(outputs, MOST_AHEAD))
    x = at(operands.x, item * length)
    fill_planes(plan, plan.group_in, planes, x, operands.row_phases, operands.column_phases)
    if item + 1 < last_item and length <= MOST_AHEAD:
        prefetch(at(x, length), length)


@inlined
def _ask_for_rows(plan, upcoming, first, count):
    """Let the next channel's rows that `count` output rows from `first` on read come nearer.

    A stride's phases are read one after the other, every second row: nothing foresees that.
    `upcoming` is a pointer to the next channel and how many elements it has; 0 asks for nothing.
    """
    x, length = upcoming
    position = first * plan.stride_h * plan.in_w
    if position < length:
        prefetch(at(x, position), min(count * plan.stride_h * plan.in_w, length - position))


@inlined
def _finish(plan, operands, plane):
    """Finish a plane of the output that was just written."""
    outputs = plan.out_h * plan.out_w
    y = View(at(operands.y, plane * outputs), outputs)
    residual = View(at(operands.residual, plane * outputs), outputs)
    finish_rows(plan.finish, y, residual, 1, outputs)


# Three functions and not one with three branches: what is not called need not be compiled.


@OnThreads
def sum_neighbours(step, worker, threads, sizes, arrays):
    """Fill y where the output rows of a stack are neighbours; the shifts are `stack_shifts`.

    `sizes` are a Plan's values and `arrays` those of `Operands`.
    """
    plan, operands = Plan(*sizes), Operands(*arrays)
    first_item, last_item = part(plan.images * plan.groups, worker, threads)
    scratch = operands.scratch[worker]
    scratch[: plan.planes] = 0
    planes, shifts = at(scratch, 0), at(operands.shifts, 0)
    for item in range(first_item, last_item):
        _fill(plan, planes, item, last_item, operands)
        for i in range(plan.group_out):
            k = item % plan.groups * plan.group_out + i
            y = at(operands.y, (item * plan.group_out + i) * plan.out_h * plan.out_w)
            w, bias = at(operands.w, k * plan.taps), at(operands.bias, k)
            _sum_neighbours(plan, y, w, bias, planes, shifts)
            _finish(plan, operands, item * plan.group_out + i)


@OnThreads
def sum_stacks(step, worker, threads, sizes, arrays):
    """Do the same for other stacks: the weights are `stack_weights`."""
    plan, operands = Plan(*sizes), Operands(*arrays)
    first_item, last_item = part(plan.images * plan.groups, worker, threads)
    scratch = operands.scratch[worker]
    scratch[: plan.planes] = 0
    planes, out, shifts = at(scratch, 0), at(scratch, plan.planes), at(operands.shifts, 0)
    length = plan.in_h * plan.in_w
    for item in range(first_item, last_item):
        _fill(plan, planes, item, last_item, operands)
        for i in range(plan.group_out):
            k = (item % plan.groups * plan.group_out + i) * STACK
            # The first output channel asks for all of it.
            upcoming = (
                at(operands.x, (item + 1) * length),
                (length if i == 0 and item + 1 < last_item else 0),
            )
            w, bias = at(operands.w, k * plan.stack_taps), at(operands.bias, k)
            _sum_stacks(plan, out, w, bias, planes, shifts, upcoming)
            y = at(operands.y, (item * plan.group_out + i) * plan.out_h * plan.out_w)
            copy_rows(View(y, plan.out_w), View(out, plan.stack_row), plan.out_h, plan.out_w)
            _finish(plan, operands, item * plan.group_out + i)


@OnThreads
def sum_joined_rows(step, worker, threads, sizes, arrays):
    """Do the same without stacks: the shifts are those of every tap of a group."""
    plan, operands = Plan(*sizes), Operands(*arrays)
    first_item, last_item = part(plan.images * plan.groups, worker, threads)
    scratch = operands.scratch[worker]
    scratch[: plan.planes] = 0
    planes, out, shifts = at(scratch, 0), at(scratch, plan.planes), at(operands.shifts, 0)
    blocks = (plan.group_out + BLOCK_ROWS - 1) // BLOCK_ROWS
    for item in range(first_item, last_item):
        _fill(plan, planes, item, last_item, operands)
        for block in range(blocks):
            first, last = part(plan.group_out, block, blocks)
            k = item % plan.groups * plan.group_out + first
            w, bias = at(operands.w, k * plan.taps), at(operands.bias, k)
            _sum_channels(last - first, plan, out, w, bias, planes, shifts)
            for i in range(last - first):
                channel = item * plan.group_out + first + i
                y = View(at(operands.y, channel * plan.out_h * plan.out_w), plan.out_w)
                row = View(at(out, i * plan.out_row), plan.pitch)
                copy_rows(y, row, plan.out_h, plan.out_w)
                _finish(plan, operands, channel)
