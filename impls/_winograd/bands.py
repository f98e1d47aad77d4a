"""The three phases of Winograd's algorithm over one band of tile rows after the other.

    strip   input rows of one row of tiles, padded, (n, columns, channels of a chunk)
    v       transformed inputs, (position, tile of the band, channel)
    u       transformed kernels, (position, group, panel, channel, lane of the panel)
    m       products, (position, tile of the band, output channel)

A chunk is as many channels as keep a strip inside a core's own cache. Channels of a group are
padded to whole panels in u and m.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from impls._kernels.copies import copy_rows, copy_transposed
from impls._kernels.finish import finish_rows
from impls._kernels.pointers import TileView, View, at
from impls._kernels.products import multiply_rows
from impls._launch import Array, Launch
from impls._numba import inlined, part
from impls._parallel import OnThreads
from impls._winograd.plan import Plan
from impls._winograd.tiles import to_outputs, to_products
from suite.phases import INVERSE, PRODUCT, TRANSFORM, Phase

INPUTS, PRODUCTS, OUTPUTS, ALL = range(4)


class Operands(NamedTuple):
    """Flat arrays."""

    x: Any
    """The input, in either memory format."""
    x_strides: Any
    """Its strides along N, C, H and W, in elements."""
    u: Any
    """The transformed kernels."""
    bias: Any
    """(group, output channel rounded up to whole panels)"""
    y: Any
    """The output."""
    residual: Any
    """What is added to it, lying alike; anything where nothing is."""
    y_strides: Any
    """The output's strides along N, K, P and Q, in elements."""


class Workspace(NamedTuple):
    """What one thread writes to on the way."""

    v: Any
    """Transformed inputs of a band."""
    m: Any
    """Products of a band."""
    strip: Any
    """Inputs, and later outputs, of a row of tiles."""


@inlined
def _fill_strip(plan, strip, operands, image, first, top):
    """Copy the input rows from `top` on, channels from `first` on, with their padding."""
    step_n, step_c, step_h, step_w = operands.x_strides
    chunk = plan.in_chunk
    length = plan.strip_w * chunk
    count = min(chunk, plan.groups * plan.group_in - first)
    left = min(plan.pad_w, plan.strip_w)
    right = max(left, min(plan.strip_w, plan.in_w + plan.pad_w))
    for i in range(plan.n_h):
        row = i * length
        h = top + i
        if h < 0 or h >= plan.in_h:
            strip[row : row + length] = 0
            continue
        strip[row : row + left * chunk] = 0
        strip[row + right * chunk : row + length] = 0
        position = image * step_n + first * step_c + h * step_h + (left - plan.pad_w) * step_w
        x, target = at(operands.x, position), View(at(strip, row + left * chunk), chunk)
        if step_c == 1:
            copy_rows(target, View(x, step_w), right - left, count)
        else:
            copy_transposed(target, View(x, step_c), count, right - left, plan.lanes)
        if count < chunk:
            for j in range(left, right):
                strip[row + j * chunk + count : row + (j + 1) * chunk] = 0


@inlined
def _write_strip(plan, strip, operands, image, first, top):
    """Copy and finish the output rows from `top` on, channels from `first` on, no padding."""
    step_n, step_c, step_h, step_w = operands.y_strides
    chunk = plan.out_chunk
    for i in range(min(plan.m_h, plan.out_h - top)):
        done = 0
        while done < chunk:  # once for each group that the chunk touches
            group = (first + done) // plan.group_padded
            within = (first + done) % plan.group_padded
            count = min(chunk - done, plan.group_padded - within)
            valid = min(count, plan.group_out - within)
            channel = group * plan.group_out + within
            place = image * step_n + channel * step_c + (top + i) * step_h
            y, residual = at(operands.y, place), at(operands.residual, place)
            source = View(at(strip, i * plan.strip_w * chunk + done), chunk)
            if valid > 0 and step_c == 1:
                # In the strip, as pixels of many channels lie in few places of a cache.
                finish_rows(plan.finish, source, View(residual, step_w), plan.out_w, valid)
                copy_rows(View(y, step_w), source, plan.out_w, valid)
            elif valid > 0:
                copy_transposed(View(y, step_c), source, plan.out_w, valid, plan.lanes)
                finish_rows(plan.finish, View(y, step_c), View(residual, step_c), valid, plan.out_w)
            done += count


@inlined
def transform_input_row(plan, image, tile_row, first, row, operands, workspace):
    """Transform a row of tiles, a chunk of channels from `first` on, to row `row` of the band."""
    chunk = plan.in_chunk
    strip_row, v_row = plan.strip_w * chunk, plan.n_w * plan.v_step
    strip = workspace.strip
    _fill_strip(plan, strip, operands, image, first, tile_row * plan.m_h - plan.pad_h)
    for tile in range(plan.tiles_w):
        v = at(workspace.v, (row * plan.tiles_w + tile) * plan.v_row + first)
        x = at(strip, tile * plan.m_w * chunk)
        for c in range(0, chunk, plan.lanes):
            transformed = TileView(at(v, c), v_row, plan.v_step)
            to_products(plan.shape, transformed, TileView(at(x, c), strip_row, chunk), x)


@inlined
def _transform_inputs(plan, start, items, operands, workspace):
    """Transform items of the band that starts at tile row `start`: tile rows by chunks."""
    chunks = plan.v_row // plan.in_chunk
    for item in range(*items):
        row, first = item // chunks, item % chunks * plan.in_chunk
        image, tile_row = (start + row) // plan.tiles_h, (start + row) % plan.tiles_h
        transform_input_row(plan, image, tile_row, first, row, operands, workspace)


@inlined
def _multiply(plan, items, tiles, operands, workspace):
    """Multiply items of a band: positions by panels of output channels."""
    panels = plan.group_padded // plan.panel
    for item in range(*items):
        position, group = item // (plan.groups * panels), item // panels % plan.groups
        column = group * plan.group_padded + item % panels * plan.panel
        m = View(at(workspace.m, position * plan.m_step + column), plan.m_row)
        v = at(workspace.v, position * plan.v_step + group * plan.group_in)
        u = at(operands.u, item * plan.group_in * plan.panel)
        for channel in range(0, plan.group_in, plan.depth):
            depth = min(plan.depth, plan.group_in - channel)
            panel = View(at(u, channel * plan.panel), plan.panel)
            multiply_rows(tiles, m, View(at(v, channel), plan.v_row), panel, depth, channel)


@inlined
def transform_output_row(plan, image, tile_row, first, row, operands, workspace):
    """Transform row `row` of the band back, a chunk of channels, and write it where it belongs."""
    chunk = plan.out_chunk
    strip_row, m_row = plan.strip_w * chunk, plan.n_w * plan.m_step
    strip = workspace.strip
    for tile in range(plan.tiles_w):
        y = at(strip, tile * plan.m_w * chunk)
        m = at(workspace.m, (row * plan.tiles_w + tile) * plan.m_row + first)
        for k in range(0, chunk, plan.lanes):
            products = TileView(at(m, k), m_row, plan.m_step)
            bias = at(operands.bias, first + k)
            to_outputs(plan.shape, TileView(at(y, k), strip_row, chunk), products, bias)
    _write_strip(plan, strip, operands, image, first, tile_row * plan.m_h)


@inlined
def _transform_outputs(plan, start, items, operands, workspace):
    """Transform items of a band back and write them: tile rows by chunks."""
    chunks = plan.m_row // plan.out_chunk
    for item in range(*items):
        row, first = item // chunks, item % chunks * plan.out_chunk
        image, tile_row = (start + row) // plan.tiles_h, (start + row) % plan.tiles_h
        transform_output_row(plan, image, tile_row, first, row, operands, workspace)


@OnThreads
def _advance(step, worker, threads, sizes, arrays):
    """Take a share of a band through a phase or, fused, a thread's own bands through all of them.

    `sizes` are a Plan's values and the strides of x and y along N, C, H and W, `arrays` the others
    of `Operands`, and of `Workspace` with rows: a strip for each thread; v and m one that all
    threads share, a band going through one phase after the other, or, where the plan is fused, one
    for each thread.
    """
    plan = Plan(*sizes[:-8])
    x, u, bias, y, residual, v, m, strips = arrays
    operands = Operands(x, sizes[-8:-4], u, bias, y, residual, sizes[-4:])
    if plan.fused:
        first_band, last_band = part(plan.bands, worker, threads)
        phase, copy, which, shares = ALL, worker, 0, 1
    else:
        first_band = step // ALL
        last_band = first_band + 1
        phase, copy, which, shares = step % ALL, 0, worker, threads
    workspace = Workspace(v[copy], m[copy], strips[worker])
    for band in range(first_band, last_band):
        start, stop = part(plan.images * plan.tiles_h, band, plan.bands)
        if phase in (INPUTS, ALL):
            items = part((stop - start) * (plan.v_row // plan.in_chunk), which, shares)
            _transform_inputs(plan, start, items, operands, workspace)
        if phase in (PRODUCTS, ALL):
            panels = plan.groups * (plan.group_padded // plan.panel)
            items = part(plan.n_h * plan.n_w * panels, which, shares)
            _multiply(plan, items, (stop - start) * plan.tiles_w, operands, workspace)
        if phase in (OUTPUTS, ALL):
            items = part((stop - start) * (plan.m_row // plan.out_chunk), which, shares)
            _transform_outputs(plan, start, items, operands, workspace)


def launch_for(
    plan: Plan, strides: tuple[int, ...], arrays: tuple[Array, ...], like: torch.Tensor
) -> Launch:
    """Return what fills an output: see `_advance`."""
    steps = 0, 1 if plan.fused else ALL * plan.bands
    return _advance.laid_out((*plan, *strides), arrays, steps, like=like)


def launches_of_phases(
    plan: Plan, strides: tuple[int, ...], arrays: tuple[Array, ...]
) -> Iterator[tuple[Phase, Launch]]:
    """Return what does so one phase after the other, and each one's mark; the plan is not fused."""
    for band in range(plan.bands):
        for phase, mark in enumerate((TRANSFORM, PRODUCT, INVERSE)):
            step = ALL * band + phase
            yield mark, _advance.laid_out((*plan, *strides), arrays, (step, step + 1))
