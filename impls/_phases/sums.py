"""The sums over a tile, phase after phase, and their interleaving into the output.

How things lie is told in plan.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import int64

from impls._kernels.copies import copy_rows, join_rows
from impls._kernels.pointers import View, at
from impls._kernels.taps import panel_tap_product
from impls._kernels.vector import BLOCK_ROWS
from impls._numba import inlined, part
from impls._parallel import OnThreads
from impls._phases.plan import Plan

# The more rows, the fewer vectors: sums, vectors of the input and a weight share the registers.
VECTORS = (0, 4, 4, 4, 3, 2, 2)
"""Vectors in a block of a joined row, by the output channels that it computes at once."""
_sum_taps = panel_tap_product(
    {rows: (rows, vectors) for rows, vectors in enumerate(VECTORS) if rows}
)


class Operands(NamedTuple):
    """Flat arrays, contiguous in NCHW, and the tables of `plan.Tables`."""

    x: Any
    """The input."""
    w: Any
    """The weights, see `plan.pack`."""
    bias: Any
    """(K)"""
    y: Any
    """The output."""
    phases: Any
    """See `plan.Tables`."""
    taps: Any
    """See `plan.Tables`."""
    tiles: Any
    """For each thread a row for a tile of the input."""
    sums: Any
    """For each thread a row for joined rows of output."""


@inlined
def _fill(plan, tile, x, d, h, w):
    """Copy the inputs that outputs from the d-th, h-th and w-th of their phases on read.

    `x` is a pointer to a group's first channel.
    """
    # Where a row of the tile meets the input: the same for all.
    left = min(max(0, -(plan.start_w + w)), plan.pitch)
    first = max(0, plan.start_w + w)
    count = max(0, min(plan.in_w - first, plan.pitch - left))
    for c in range(plan.group_in):
        for i in range(plan.tile_slices):
            for j in range(plan.tile_rows):
                to = c * plan.channel_step + (i * plan.tile_rows + j) * plan.pitch
                slice_, row = d + plan.start_d + i, h + plan.start_h + j
                if slice_ < 0 or slice_ >= plan.in_d or row < 0 or row >= plan.in_h:
                    tile[to : to + plan.pitch] = 0
                    continue
                tile[to : to + left] = 0
                tile[to + left + count : to + plan.pitch] = 0
                source = ((c * plan.in_d + slice_) * plan.in_h + row) * plan.in_w + first
                copy_rows(View(at(tile, to + left), 0), View(at(x, source), 0), 1, count)


@inlined
def _sum_phase(plan, operands, tile, sums, channels, phase, length):
    """Compute the joined row of a phase for some output channels, `sums` one row for each."""
    first, last = channels
    first_tap, count, weights = operands.phases[phase]
    bias = at(operands.bias, first)
    rows, width = last - first, VECTORS[last - first] * plan.lanes
    # Some taps at a time, which stay in the first cache; once where there are none.
    for tap in range(0, max(count, 1), plan.depth):
        depth = min(plan.depth, count - tap)
        w, taps = (
            at(operands.w, weights + first * count + tap * rows),
            at(operands.taps, first_tap + tap),
        )
        j = 0
        while j < length:
            target = View(at(sums, j), plan.joined)
            _sum_taps(rows, target, w, bias, at(tile, j), taps, depth, tap)
            j += width


@inlined
def _interleave(plan, y, sums, width):
    """Write `width` outputs of a row from its phases, which lie BLOCK_ROWS joined rows apart."""
    step = BLOCK_ROWS * plan.joined
    if plan.stride_w == 1:
        copy_rows(View(y, 0), View(sums, 0), 1, width)
    elif plan.stride_w == 2:
        pairs = width // 2
        join_rows(y, sums, at(sums, step), pairs)
        if width % 2:
            y[2 * pairs] = sums[pairs]
    else:
        for phase in range(plan.phases_w):
            own = at(sums, phase * step)
            for j in range((width - phase + plan.stride_w - 1) // plan.stride_w):
                y[phase + j * plan.stride_w] = own[j]


@inlined
def _compute_channels(plan, operands, tile, sums, channels, place, rows, columns):
    """Compute the outputs of up to six channels, in all phases, that read a tile.

    Args:
        channels: the first and the one after the last, counted through all groups.
        place: which image, and which outputs of a phase along the depth.
        rows, columns: which outputs of a phase, the first and the one after the last.
    """
    (first, last), (image, d) = channels, place
    start, stop = columns[0] * plan.stride_w, min(columns[1] * plan.stride_w, plan.out_w)
    for phase_d in range(plan.phases_d):
        out_d = phase_d + d * plan.stride_d
        if out_d >= plan.out_d:
            continue
        for phase_h in range(plan.phases_h):
            many = (plan.out_h - phase_h + plan.stride_h - 1) // plan.stride_h
            count = min(rows[1], many) - rows[0]
            if count <= 0:
                continue
            length = (count - 1) * plan.pitch + columns[1] - columns[0]
            for phase_w in range(plan.phases_w):
                phase = (phase_d * plan.phases_h + phase_h) * plan.phases_w + phase_w
                own = at(sums, phase_w * BLOCK_ROWS * plan.joined)
                _sum_phase(plan, operands, tile, own, channels, phase, length)
            for k in range(first, last):
                plane = (image * plan.groups * plan.group_out + k) * plan.out_d + out_d
                for i in range(count):
                    row = plane * plan.out_h + phase_h + (rows[0] + i) * plan.stride_h
                    y = at(operands.y, row * plan.out_w + start)
                    own = at(sums, (k - first) * plan.joined + i * plan.pitch)
                    _interleave(plan, y, own, stop - start)


@OnThreads
def convolve(step, worker, threads, sizes, arrays):
    """Fill a share of y: items of work are tiles by parts of the output channels that read them.

    `sizes` are a Plan's values and `arrays` those of `Operands`.
    """
    plan, operands = Plan(*sizes), Operands(*arrays)
    tile, sums = operands.tiles[worker], operands.sums[worker]
    places = plan.images * plan.groups * plan.many_d * plan.row_blocks * plan.column_blocks
    first_item, last_item = part(places * plan.channel_parts, worker, threads)
    tile[:] = 0
    filled = int64(-1)
    for item in range(first_item, last_item):
        place, piece = item // plan.channel_parts, item % plan.channel_parts
        column, block = place % plan.column_blocks, place // plan.column_blocks
        row, block = block % plan.row_blocks, block // plan.row_blocks
        d, block = block % plan.many_d, block // plan.many_d
        group, image = block % plan.groups, block // plan.groups
        columns = part(plan.many_w, column, plan.column_blocks)
        rows = part(plan.many_h, row, plan.row_blocks)
        if place != filled:
            channel = (image * plan.groups + group) * plan.group_in
            x = at(operands.x, channel * plan.in_d * plan.in_h * plan.in_w)
            _fill(plan, tile, x, d, rows[0], columns[0])
            filled = place
        blocks = (plan.group_out + BLOCK_ROWS - 1) // BLOCK_ROWS
        first, last = part(blocks, piece, plan.channel_parts)
        for number in range(first, last):
            begin, end = part(plan.group_out, number, blocks)
            start = group * plan.group_out
            channels = start + begin, start + end
            _compute_channels(plan, operands, tile, sums, channels, (image, d), rows, columns)
