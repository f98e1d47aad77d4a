"""The tiles of all sequences, each taken through its transform by one thread.

As many channels as a vector has lanes go together, so that every step is the same for all of
them. Blocks are taken apart depth first: a block is in the nearest cache that it fits into when
its parts are wanted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import int64

from impls._kernels.butterflies import (
    apart_by_2,
    apart_by_4,
    multiply_places,
    together_by_2,
    together_by_4,
)
from impls._kernels.copies import copy_rows, copy_transposed
from impls._kernels.pointers import View, at
from impls._numba import inlined, part
from impls._parallel import OnThreads


class Sizes(NamedTuple):
    """All that the loops have to know."""

    lanes: int
    """Channels that go together."""
    images: int
    """N, the batch size."""
    channels: int
    """K, of output; as many of input, or a divisor of it."""
    multiplier: int
    """Output channels for each input channel."""
    length: int
    """L, inputs of a sequence."""
    out_length: int
    """Outputs of a sequence."""
    reach: int
    """Inputs that a filter covers."""
    pad: int
    """Zeros before a sequence."""
    tile: int
    """B, inputs of a tile."""
    tiles: int
    """Tiles of a sequence."""
    places: int
    """B/2, complex vectors of a tile."""
    steps: int
    """Steps of the transform."""
    outer: int
    """Of which so many come before blocks stay in the first cache."""
    inner: int
    """Places of the blocks that those leave."""
    x_channel: int
    """Elements from one input channel to the next: 1 where channels are neighbours."""
    x_time: int
    """Elements from one input to the next of the sequence."""
    y_channel: int
    """The same for the output's channels."""
    y_time: int
    """The same for the outputs."""


class Tables(NamedTuple):
    """Flat arrays of a transform."""

    steps: Any
    """(step, 3): radix, places of a part, where its factors begin."""
    factors: Any
    """Of each step, of each of its blocks."""


@inlined
def _apart(tables, z, step, first, blocks):
    radix, size, begin = tables.steps[step]
    factors = at(tables.factors, begin + 2 * (radix - 1) * first)
    if radix == 4:
        apart_by_4(z, factors, blocks, size)
    else:
        apart_by_2(z, factors, blocks, size)


@inlined
def _together(tables, z, step, first, blocks):
    radix, size, begin = tables.steps[step]
    factors = at(tables.factors, begin + 2 * (radix - 1) * first)
    if radix == 4:
        together_by_4(z, factors, blocks, size)
    else:
        together_by_2(z, factors, blocks, size)


@inlined
def _convolve_tile(s, tables, z, spectra):
    """Multiply the polynomial in z by the one whose values are `spectra`, all lanes at once."""
    blocks = s.places // s.inner
    place = 2 * s.lanes
    for block in range(blocks):
        start = at(z, block * s.inner * place)
        # A larger block is taken apart when the first of its parts is due ...
        for step in range(s.outer):
            span = tables.steps[step, 0] * tables.steps[step, 1] // s.inner
            if block % span == 0:
                _apart(tables, start, step, block // span, 1)
        parts = int64(1)
        for step in range(s.outer, s.steps):
            _apart(tables, start, step, block * parts, parts)
            parts *= tables.steps[step, 0]
        multiply_places(start, at(spectra, block * s.inner * place), s.inner)
        for step in range(s.steps - 1, s.outer - 1, -1):
            parts //= tables.steps[step, 0]
            _together(tables, start, step, block * parts, parts)
        # ... and put together when the last of them is done.
        for step in range(s.outer - 1, -1, -1):
            span = tables.steps[step, 0] * tables.steps[step, 1] // s.inner
            if (block + 1) % span == 0:
                whole = at(z, (block + 1 - span) * s.inner * place)
                _together(tables, whole, step, block // span, 1)


@inlined
def _load_half(s, z, which, x, first, count):
    """Copy half a tile, inputs from `first` on and zeros beyond, of `count` output channels.

    `which` is the half and how many output channels before the first read the same input as it;
    `x` points to where that input's sequence begins.
    """
    place, half = 2 * s.lanes, which[0] * s.lanes
    begin = min(max(0, -first), s.places)
    end = max(begin, min(s.places, s.length - first))
    for j in range(s.places):
        if j < begin or j >= end or count < s.lanes:
            z[j * place + half : j * place + half + s.lanes] = 0
    if end == begin:
        return
    target = View(at(z, begin * place + half), place)
    source = at(x, (first + begin) * s.x_time)
    if s.multiplier > 1:
        for j in range(end - begin):
            for lane in range(count):
                z[(begin + j) * place + half + lane] = source[
                    (which[1] + lane) // s.multiplier * s.x_channel + j * s.x_time
                ]
    elif s.x_channel == 1:
        copy_rows(target, View(source, s.x_time), end - begin, count)
    else:
        copy_transposed(target, View(source, s.x_channel), count, end - begin, s.lanes)


@inlined
def _store(s, y, z, first, last, count):
    """Copy the outputs from place `first` to `last` of half a tile, of `count` channels."""
    place = 2 * s.lanes
    if last <= first:
        return
    if s.y_channel == 1:
        copy_rows(View(y, s.y_time), View(at(z, first * place), place), last - first, count)
    else:
        source = View(at(z, first * place), place)
        copy_transposed(View(y, s.y_channel), source, last - first, count, s.lanes)


@inlined
def _add_bias(s, y, bias, outputs, count):
    for lane in range(count):
        for j in range(outputs):
            y[lane * s.y_channel + j * s.y_time] += bias[lane]


@inlined
def _convolve_item(s, item, tables, arrays, z):
    """Compute one tile of as many channels as a vector has lanes."""
    x, spectra, bias, y = arrays
    group, rest = item // (s.images * s.tiles), item % (s.images * s.tiles)
    image, tile = rest // s.tiles, rest % s.tiles
    channel = group * s.lanes
    count = min(s.lanes, s.channels - channel)
    first, last = part(s.out_length, tile, s.tiles)
    in_channels = s.channels // s.multiplier
    sequence = image * in_channels * s.length + channel // s.multiplier * s.x_channel
    for half in range(2):
        start = first - s.pad + half * s.places
        _load_half(s, z, (half, channel % s.multiplier), at(x, sequence), start, count)
    _convolve_tile(s, tables, z, at(spectra, group * s.places * 2 * s.lanes))
    # Outputs begin where nothing wraps around any more; the second half lies in imaginary parts.
    out = at(y, image * s.channels * s.out_length + channel * s.y_channel + first * s.y_time)
    begin, end = s.reach - 1, s.reach - 1 + last - first
    middle = min(max(begin, s.places), end)
    _store(s, out, z, begin, middle, count)
    later = at(out, (middle - begin) * s.y_time)
    _store(s, later, z[s.lanes :], middle - s.places, end - s.places, count)
    if bias.size:
        _add_bias(s, out, at(bias, channel), last - first, count)


@OnThreads
def convolve(step, worker, threads, sizes, arrays):
    """Fill a share of y.

    `sizes` are a `Sizes`' values, `arrays` x, spectra, bias (empty if there is none) and y, all
    flat, the values of `Tables`, and a tile of all lanes for each thread.
    """
    s = Sizes(*sizes)
    x, spectra, bias, y, steps, factors, scratch = arrays
    groups = (s.channels + s.lanes - 1) // s.lanes
    first_item, last_item = part(groups * s.images * s.tiles, worker, threads)
    for item in range(first_item, last_item):
        operands = x, spectra, bias, y
        _convolve_item(s, item, Tables(steps, factors), operands, scratch[worker])
