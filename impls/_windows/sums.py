"""Direct convolution with the output channels in the lanes: a product of gathered windows.

The items of work are those of plan.py, divided among the threads. A finished item is copied to its
place in the output, for NCHW with rows and columns exchanged, and finished there: an activation,
a residual sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from impls._kernels.copies import copy_rows, copy_transposed, prefetch
from impls._kernels.finish import FIRST_ADDING, finish_rows
from impls._kernels.gather import Windows, gather_product
from impls._kernels.pointers import View, at
from impls._kernels.vector import BLOCK_ROWS, BLOCKS
from impls._launch import Launch
from impls._numba import inlined, part
from impls._parallel import OnThreads
from impls._windows.plan import SINGLE_VECTORS, Plan

_multiply_rows = gather_product(BLOCKS)
_multiply_single = gather_product({1: (1, SINGLE_VECTORS)})


class Operands(NamedTuple):
    """Flat arrays."""

    x: Any
    """The input; where it needs padding, memory that is filled with the padded one."""
    w: Any
    """The weight in panels: (group, panel, tap, lane of the panel)."""
    bias: Any
    """(group, output channel rounded up to whole panels)."""
    y: Any
    """The output."""
    residual: Any
    """What is added to it, lying alike; anything where nothing is."""
    corners: Any
    """Table of the windows' corners, one for each output of an image."""
    taps: Any
    """Table of distances within a window, one for each tap."""
    places: Any
    """Table of where the outputs of an image lie; empty where they follow each other."""
    channels: Any
    """Table of where the output channels begin; empty where they follow each other."""
    unpadded: Any
    """The input as it lies."""
    items: Any
    """For each thread a row that holds the outputs of an item."""


@inlined
def _multiply(plan, rows, c, d, windows, b, depth, keep):
    """Multiply a chunk of outputs, divided evenly: 13 as 5 + 4 + 4, not as 6 + 6 + 1."""
    if plan.panel == SINGLE_VECTORS * plan.lanes:
        _multiply_single(1, c, d, windows, b, depth, keep)
        return
    blocks = (rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    for block in range(blocks):
        first, last = part(rows, block, blocks)
        own = Windows(windows.x, at(windows.places, first), windows.taps)
        _multiply_rows(last - first, at(c, first * plan.panel), d, own, b, depth, keep)


@inlined
def _pad(plan, first, last, x, padded):
    """Copy the padded rows from `first` to `last` that are read, zeros around what is input."""
    for row in range(first, last):
        h, d = row % plan.padded_rows, row // plan.padded_rows % plan.padded_slices
        plane = row // (plan.padded_rows * plan.padded_slices)
        if h % plan.stride_h >= plan.reach_h or d % plan.stride_d >= plan.reach_d:
            continue
        to = plane * plan.padded_plane + (d * plan.padded_rows + h) * plan.padded_row
        h -= plan.pad_rows
        d -= plan.pad_slices
        if h < 0 or h >= plan.rows or d < 0 or d >= plan.slices:
            padded[to : to + plan.padded_row] = 0
            continue
        padded[to : to + plan.pad_left] = 0
        padded[to + plan.pad_left + plan.row : to + plan.padded_row] = 0
        source = View(at(x, ((plane * plan.slices + d) * plan.rows + h) * plan.row), 0)
        copy_rows(View(at(padded, to + plan.pad_left), 0), source, 1, plan.row)


@inlined
def _scatter(plan, operands, image_start, lanes, outputs, item_outputs):
    """Write an item, channels in its lanes, output by output to where the tables say."""
    first_channel, channels = lanes
    first, last = outputs
    if plan.out_channel_step == 1:
        for i in range(last - first):
            place = image_start + operands.places[first + i]
            for lane in range(channels):
                value = item_outputs[i * plan.panel + lane]
                operands.y[place + operands.channels[first_channel + lane]] = value
        return
    for lane in range(channels):
        start = image_start + operands.channels[first_channel + lane]
        for i in range(last - first):
            value = item_outputs[i * plan.panel + lane]
            operands.y[start + operands.places[first + i]] = value


@inlined
def _ask_for_residual(plan, operands, y, sizes):
    """Let what is added to an item, whose outputs begin at y, come nearer meanwhile."""
    if plan.finish < FIRST_ADDING:
        return
    outputs, channels = sizes
    if plan.out_channel_step == 1:
        for i in range(outputs):
            place = y + i * plan.groups * plan.group_out
            prefetch(at(operands.residual, place), channels)
    else:
        for i in range(channels):
            prefetch(at(operands.residual, y + i * plan.out_channel_step), outputs)


@inlined
def _compute(plan, first_item, last_item, operands, item_outputs):
    """Compute the items from `first_item` to `last_item`, one after the other."""
    chunks = (plan.outputs + plan.chunk - 1) // plan.chunk
    c = at(item_outputs, 0)
    for item in range(first_item, last_item):
        panel, piece = item // (plan.images * chunks), item % (plan.images * chunks)
        image, chunk = piece // chunks, piece % chunks
        first, last = part(plan.outputs, chunk, chunks)
        group, column = panel // plan.panels, panel % plan.panels * plan.panel
        channels = min(plan.panel, plan.group_out - column)
        channel = group * plan.group_out + column
        in_lanes = plan.out_channel_step == 1
        y = image * plan.out_image_step + channel * plan.out_channel_step
        y += first * (plan.groups * plan.group_out if in_lanes else 1)
        _ask_for_residual(plan, operands, y, (last - first, channels))
        x = at(operands.x, image * plan.image_step + group * plan.group_in * plan.channel_step)
        corners = at(operands.corners, first)
        d = at(operands.bias, panel * plan.panel)
        for tap in range(0, plan.taps, plan.depth):
            windows = Windows(x, corners, at(operands.taps, tap))
            b = at(operands.w, (panel * plan.taps + tap) * plan.panel)
            depth = min(plan.depth, plan.taps - tap)
            _multiply(plan, last - first, c, d, windows, b, depth, tap)
        sums = View(c, plan.panel)
        step = plan.groups * plan.group_out if in_lanes else plan.out_channel_step
        target, residual = View(at(operands.y, y), step), View(at(operands.residual, y), step)
        if plan.scatters:
            image_start = image * plan.out_image_step
            lanes = channel, channels
            _scatter(plan, operands, image_start, lanes, (first, last), item_outputs)
        elif in_lanes:
            # In the item, as pixels of many channels lie in few places of a cache.
            finish_rows(plan.finish, sums, residual, last - first, channels)
            copy_rows(target, sums, last - first, channels)
        else:
            copy_transposed(target, sums, last - first, channels, plan.lanes)
            finish_rows(plan.finish, target, residual, channels, last - first)


PAD, COMPUTE, END = range(3)
"""Steps of `_share`, and what follows them."""


@OnThreads
def _share(step, worker, threads, sizes, arrays):
    """Fill a share of the padded input, or of y.

    `sizes` are a Plan's values and `arrays` those of `Operands`.
    """
    plan, operands = Plan(*sizes), Operands(*arrays)
    if step == PAD:
        rows = plan.planes * plan.padded_slices * plan.padded_rows
        first, last = part(rows, worker, threads)
        _pad(plan, first, last, operands.unpadded, operands.x)
    else:
        chunks = (plan.outputs + plan.chunk - 1) // plan.chunk
        items = plan.groups * plan.panels * plan.images * chunks
        first, last = part(items, worker, threads)
        _compute(plan, first, last, operands, operands.items[worker])


def launch_for(
    plan: Plan, operands: Operands, most_threads: int, like: torch.Tensor | None
) -> Launch:
    """Return what fills y."""
    steps = PAD if plan.copies else COMPUTE, END
    return _share.laid_out(tuple(plan), tuple(operands), steps, most_threads, like)
