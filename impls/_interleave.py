"""Copying the phases of a transposed convolution to where they belong, a plane of output at a time.

torch's copies between strided views take 10 ns an element, as long as a small convolution.
"""

from __future__ import annotations

import numpy
import torch

from impls._numba import flat, inlined, part
from impls._parallel import OnThreads

PHASES, SOURCE, TARGET, STRIDE = range(4)
"""Columns of a grid: phases along an axis, outputs of the convolution, of the transposed one, and
how far apart those of a phase are in it."""


def interleave(
    outputs: torch.Tensor,
    target: torch.Tensor,
    grid: numpy.ndarray,
    tables: numpy.ndarray,
    channels_last: bool,
) -> None:
    """Copy the outputs of all phases into the target; both in the same memory format.

    Args:
        outputs: (N, K·phases, …), the phases of a channel next to each other.
        grid: (axis, 4): see `PHASES` and the others; depth, height and width.
        tables: (axis, phase, 3): first output of the phase in the target, how many there are,
            and where they begin in the source.
    """
    n, channels = target.shape[:2]
    arrays = grid, tables, flat(outputs, channels_last), flat(target, channels_last)
    interleave_all = _interleave_channels if channels_last else _interleave_planes
    interleave_all(torch.get_num_threads(), (n, channels), arrays)


@OnThreads
def _interleave_planes(step, worker, threads, sizes, arrays):
    images, channels = sizes
    grid, tables, source, target = arrays
    first_plane, last_plane = part(images * channels, worker, threads)
    for plane in range(first_plane, last_plane):
        _interleave_plane(plane, grid, tables, source, target)


@inlined
def _interleave_plane(plane, grid, tables, source, target):
    """Fill a channel of an image row by row, so that a row is in the cache for all its phases."""
    phases_h, phases_w = grid[1, PHASES], grid[2, PHASES]
    phases = grid[0, PHASES] * phases_h * phases_w
    step = grid[2, STRIDE]
    for outer in range(grid[0, PHASES] * phases_h):
        to_d, many_d, from_d = tables[0, outer // phases_h]
        to_h, many_h, from_h = tables[1, outer % phases_h]
        for row in range(many_d * many_h):
            d, h = row // many_h, row % many_h
            goal = (plane * grid[0, TARGET] + to_d + d * grid[0, STRIDE]) * grid[1, TARGET]
            goal = (goal + to_h + h * grid[1, STRIDE]) * grid[2, TARGET]
            for phase in range(phases_w):
                to_w, many_w, from_w = tables[2, phase]
                channel = plane * phases + outer * phases_w + phase
                begin = (channel * grid[0, SOURCE] + from_d + d) * grid[1, SOURCE]
                begin = (begin + from_h + h) * grid[2, SOURCE] + from_w
                for w in range(many_w):
                    target[goal + to_w + w * step] = source[begin + w]


@OnThreads
def _interleave_channels(step, worker, threads, sizes, arrays):
    images, channels = sizes
    grid, tables, source, target = arrays
    rows = images * grid[0, TARGET] * grid[1, TARGET]
    first_row, last_row = part(rows, worker, threads)
    for row in range(first_row, last_row):
        _interleave_row(row, channels, grid, tables, source, target)


@inlined
def _interleave_row(row, channels, grid, tables, source, target):
    """Fill a row of pixels with all their channels, where this piece has any of it."""
    h, plane = row % grid[1, TARGET], row // grid[1, TARGET]
    d, image = plane % grid[0, TARGET], plane // grid[0, TARGET]
    phases_h, phases_w = grid[1, PHASES], grid[2, PHASES]
    phases = grid[0, PHASES] * phases_h * phases_w
    for outer in range(grid[0, PHASES] * phases_h):
        to_d, _, from_d = tables[0, outer // phases_h]
        to_h, _, from_h = tables[1, outer % phases_h]
        if d < to_d or (d - to_d) % grid[0, STRIDE] or h < to_h or (h - to_h) % grid[1, STRIDE]:
            continue
        begin = image * grid[0, SOURCE] + from_d + (d - to_d) // grid[0, STRIDE]
        begin = begin * grid[1, SOURCE] + from_h + (h - to_h) // grid[1, STRIDE]
        for phase in range(phases_w):
            to_w, many_w, from_w = tables[2, phase]
            for w in range(many_w):
                pixel = (row * grid[2, TARGET] + to_w + w * grid[2, STRIDE]) * channels
                place = (begin * grid[2, SOURCE] + from_w + w) * channels * phases
                place += outer * phases_w + phase
                for k in range(channels):
                    target[pixel + k] = source[place + k * phases]
