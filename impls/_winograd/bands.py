"""The three phases of Winograd's algorithm over one band of tile rows after the other.

    strip   input rows of one row of tiles, padded, (n, columns, channels of a chunk)
    v       transformed inputs, (position, tile of the band, channel)
    u       transformed kernels, (position, group, panel, channel, lane of the panel)
    m       products, (position, tile of the band, output channel)

A chunk is as many channels as keep a strip inside a core's own cache. Channels of a group are
padded to whole panels in u and m.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import int64, njit, prange

from impls._kernels.blocks import copy_transposed, multiply_rows
from impls._kernels.copies import copy_rows
from impls._winograd.tiles import to_outputs, to_products
from suite.phases import INVERSE, PRODUCT, TRANSFORM

INPUTS, PRODUCTS, OUTPUTS, ALL = range(4)


class Plan(NamedTuple):
    """Sizes and strides, in elements. h and w are the two axes."""

    shape: int
    """Index into `impls._winograd.tiles.SHAPES`."""
    lanes: int
    panel: int
    """Output channels that one block of the product computes."""
    depth: int
    """Input channels that one block sums before it writes."""
    images: int
    in_h: int
    in_w: int
    out_h: int
    out_w: int
    pad_h: int
    pad_w: int
    groups: int
    group_in: int
    group_out: int
    group_padded: int
    """group_out in whole panels."""
    tiles_h: int
    tiles_w: int
    m_h: int
    m_w: int
    n_h: int
    n_w: int
    strip_w: int
    bands: int
    """Into how many the rows of tiles are divided."""
    fused: bool
    """Each thread takes bands of its own through all phases."""
    in_chunk: int
    out_chunk: int
    v_row: int
    v_step: int
    m_row: int
    m_step: int


@njit(cache=True)
def _fill_strip(plan, strip, x, image, first, top, x_steps):
    """Copy the input rows from `top` on, channels from `first` on, with their padding."""
    step_n, step_c, step_h, step_w = x_steps
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
        at = image * step_n + first * step_c + h * step_h + (left - plan.pad_w) * step_w
        to = row + left * chunk
        if step_c == 1:
            copy_rows(strip, to, chunk, x, at, step_w, right - left, count)
        else:
            copy_transposed(strip, to, chunk, x, at, step_c, count, right - left, plan.lanes)
        if count < chunk:
            for j in range(left, right):
                strip[row + j * chunk + count : row + (j + 1) * chunk] = 0


@njit(cache=True)
def _write_strip(plan, strip, y, image, first, top, y_steps):
    """Copy the output rows from `top` on, channels from `first` on, without what is padding."""
    step_n, step_c, step_h, step_w = y_steps
    chunk = plan.out_chunk
    for i in range(min(plan.m_h, plan.out_h - top)):
        done = 0
        while done < chunk:  # once for each group that the chunk touches
            group = (first + done) // plan.group_padded
            within = (first + done) % plan.group_padded
            count = min(chunk - done, plan.group_padded - within)
            valid = min(count, plan.group_out - within)
            channel = group * plan.group_out + within
            to = image * step_n + channel * step_c + (top + i) * step_h
            at = i * plan.strip_w * chunk + done
            if valid > 0 and step_c == 1:
                copy_rows(y, to, step_w, strip, at, chunk, plan.out_w, valid)
            elif valid > 0:
                copy_transposed(y, to, step_c, strip, at, chunk, plan.out_w, valid, plan.lanes)
            done += count


@njit(cache=True)
def _transform_inputs(plan, start, first_item, last_item, x, x_steps, v, strip):
    """Transform items of the band that starts at tile row `start`: tile rows by chunks."""
    chunk = plan.in_chunk
    chunks = plan.v_row // chunk
    for item in range(first_item, last_item):
        row, first = item // chunks, item % chunks * chunk
        image, tile_row = (start + row) // plan.tiles_h, (start + row) % plan.tiles_h
        _fill_strip(plan, strip, x, image, first, tile_row * plan.m_h - plan.pad_h, x_steps)
        for tile in range(plan.tiles_w):
            to = (row * plan.tiles_w + tile) * plan.v_row + first
            at = tile * plan.m_w * chunk
            for c in range(0, chunk, plan.lanes):
                to_products(
                    *(plan.shape, v, to + c, plan.n_w * plan.v_step, plan.v_step),
                    *(strip, at + c, plan.strip_w * chunk, chunk, strip, 0),
                )


@njit(cache=True)
def _multiply(plan, first_item, last_item, tiles, v, u, m):
    """Multiply items of a band: positions by panels of output channels."""
    panels = plan.group_padded // plan.panel
    for item in range(first_item, last_item):
        position, group = item // (plan.groups * panels), item // panels % plan.groups
        column = group * plan.group_padded + item % panels * plan.panel
        for depth in range(0, plan.group_in, plan.depth):
            multiply_rows(
                *(tiles, m, position * plan.m_step + column, plan.m_row),
                *(v, position * plan.v_step + group * plan.group_in + depth, plan.v_row),
                *(u, (item * plan.group_in + depth) * plan.panel, plan.panel),
                *(min(plan.depth, plan.group_in - depth), depth),
            )


@njit(cache=True)
def _transform_outputs(plan, start, first_item, last_item, m, bias, y, y_steps, strip):
    """Transform items of a band back and write them: tile rows by chunks."""
    chunk = plan.out_chunk
    chunks = plan.m_row // chunk
    for item in range(first_item, last_item):
        row, first = item // chunks, item % chunks * chunk
        image, tile_row = (start + row) // plan.tiles_h, (start + row) % plan.tiles_h
        for tile in range(plan.tiles_w):
            to = tile * plan.m_w * chunk
            at = (row * plan.tiles_w + tile) * plan.m_row + first
            for k in range(0, chunk, plan.lanes):
                to_outputs(
                    *(plan.shape, strip, to + k, plan.strip_w * chunk, chunk),
                    *(m, at + k, plan.n_w * plan.m_step, plan.m_step, bias, first + k),
                )
        _write_strip(plan, strip, y, image, first, tile_row * plan.m_h, y_steps)


@njit(cache=True)
def _part(size, index, count):
    """Return the beginning and end of one of `count` parts of a range, as even as they can be."""
    return size * index // count, size * (index + 1) // count


@njit(cache=True)
def _advance(plan, phase, start, rows, part, parts, x, x_steps, u, bias, y, y_steps, v, m, strip):
    """Take one of `parts` parts of a band through one phase, or through all of them."""
    if phase in (INPUTS, ALL):
        items = rows * (plan.v_row // plan.in_chunk)
        first, last = _part(items, part, parts)
        _transform_inputs(plan, start, first, last, x, x_steps, v, strip)
    if phase in (PRODUCTS, ALL):
        items = plan.n_h * plan.n_w * plan.groups * (plan.group_padded // plan.panel)
        first, last = _part(items, part, parts)
        _multiply(plan, first, last, rows * plan.tiles_w, v, u, m)
    if phase in (OUTPUTS, ALL):
        items = rows * (plan.m_row // plan.out_chunk)
        first, last = _part(items, part, parts)
        _transform_outputs(plan, start, first, last, m, bias, y, y_steps, strip)


@njit(parallel=True, cache=True)
def _advance_all(sizes, threads, band, phase, x, x_steps, u, bias, y, y_steps, v, m, strips):
    """Let every thread take its share of a band through a phase, or, fused, of the bands."""
    plan = Plan(*sizes)
    total = plan.images * plan.tiles_h
    for worker in prange(threads):
        own = int64(worker)
        if plan.fused:
            first, last = _part(plan.bands, own, threads)
            part, parts, copy = 0, 1, own
        else:
            first, last = band, band + 1
            part, parts, copy = own, threads, 0
        for index in range(first, last):
            start, stop = _part(total, index, plan.bands)
            _advance(
                *(plan, phase, start, stop - start, part, parts),
                *(x, x_steps, u, bias, y, y_steps, v[copy], m[copy], strips[worker]),
            )


@njit(cache=True)
def convolve(sizes, threads, x, x_steps, u, bias, y, y_steps, v, m, strips):
    """Fill y; x, u, bias and y are flat, `sizes` is a Plan's values.

    v and m have one row that all threads share, a band going through one phase after the other,
    or, where the plan is fused, a row for each thread, which takes its own bands through all three
    phases without waiting for others.
    """
    plan = Plan(*sizes)
    # Both ways meet in one call: compiled twice, the transforms would take twice as long.
    for band in range(1 if plan.fused else plan.bands):
        for phase in range(ALL, ALL + 1) if plan.fused else range(ALL):
            _advance_all(
                *(sizes, threads, band, phase, x, x_steps, u, bias, y, y_steps, v, m, strips)
            )


def convolve_in_phases(sizes, threads, x, x_steps, u, bias, y, y_steps, v, m, strips):
    """Do what `convolve` does, from Python and never fused, so that its phases can be marked."""
    plan = Plan(*sizes)._replace(fused=False)
    for band in range(plan.bands):
        for phase, mark in enumerate((TRANSFORM, PRODUCT, INVERSE)):
            with mark:
                _advance_all(
                    *(tuple(plan), threads, band, phase),
                    *(x, x_steps, u, bias, y, y_steps, v, m, strips),
                )
