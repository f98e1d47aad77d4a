"""How a transposed convolution is divided into tiles of its input, and where things lie.

Outputs of one residue of the stride along every axis, a phase, are a convolution of stride 1 by
their own taps (impls/_transposed.py). The n-th of them along an axis reads inputs from n + start
on, so that neighbours of a phase read neighbours of the input, whatever the stride: they lie in
the lanes. A tile is what some rows of outputs of every phase read, or pieces of long rows, with all
channels of a group:

    tile    (channel, slice, row, column), zeros where there is no input
    sums    (phase along the width, output channel of a block, joined row), a few rows of outputs
    w       the weights, (phase, group, block of output channels, tap, channel of the block)

The rows of a tile are joined into a long one (impls/_planes/plan.py): a phase is a sum of shifted
copies of it, in full vectors whatever the width. All phases of a row are then interleaved into the
output. A phase that meets no tap is a sum of nothing: the bias.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy
import torch

from impls._kernels.vector import BLOCK_ROWS, CACHE_LINE_BYTES, VECTOR_BYTES
from impls._transposed import Residue, residues_of
from suite import Problem

MOST_VECTORS = 4
"""Vectors in the widest block of a joined row."""
# Found by measuring on cores with 32 KiB and 512 KiB of cache.
TILE_BYTES = 2**20
"""Most of a tile."""
SMALL_WEIGHT_BYTES = 512 * 2**10
"""A weight that stays in a core's second cache beside a tile."""
ENOUGH_POSITIONS = (128, 256)
"""Of a joined row: for how many it is worth reading a small weight again, or a larger one."""
DEPTH = 256
"""Most taps that a block sums before it writes: weights and inputs stay in the first cache."""
ITEMS_A_THREAD = 4
"""Items of work for each thread, so that all end at about the same time."""


class Plan(NamedTuple):
    """Sizes and steps, in elements unless something else is said."""

    lanes: int
    """Elements of a vector."""
    depth: int
    """Most taps that a block sums before it writes."""
    images: int
    """N, the batch size."""
    groups: int
    """g, the groups of channels."""
    group_in: int
    """C/g, input channels of a group."""
    group_out: int
    """K/g, output channels of a group."""
    in_d: int
    """Slices of the input: 1 where there are fewer than three axes."""
    in_h: int
    """H, its rows: 1 where there is one axis."""
    in_w: int
    """W, its columns."""
    out_d: int
    """Slices of the output."""
    out_h: int
    """P, its rows."""
    out_w: int
    """Q, its columns."""
    stride_d: int
    """Output slices from one of a phase to the next."""
    stride_h: int
    """Output rows likewise."""
    stride_w: int
    """Output columns likewise."""
    phases_d: int
    """Phases along the depth: the stride, or fewer where the output is smaller."""
    phases_h: int
    """Along the height."""
    phases_w: int
    """Along the width."""
    start_d: int
    """The input slice where the tile of the first outputs begins; below 0 it is padding."""
    start_h: int
    """The input row likewise."""
    start_w: int
    """The input column likewise."""
    many_d: int
    """Most outputs of a phase along the depth."""
    many_h: int
    """Along the height."""
    many_w: int
    """Along the width."""
    row_blocks: int
    """Into how many tiles the rows of a phase are divided."""
    column_blocks: int
    """Into how many its columns are."""
    channel_parts: int
    """Into how many items the output channels of a tile are."""
    tile_slices: int
    """Slices of a tile."""
    tile_rows: int
    """Rows of a slice of it."""
    pitch: int
    """From one row to the next."""
    channel_step: int
    """From one channel to the next, an odd number of cache lines."""
    tile: int
    """Elements of a tile, and of what the last block of vectors reads beyond it."""
    joined: int
    """Elements reserved for a joined row of outputs."""


class Tables(NamedTuple):
    """What the sums look up."""

    phases: numpy.ndarray
    """(phase, 3): its first tap in `taps`, how many it has, and where its weights begin."""
    taps: numpy.ndarray
    """Distances within a tile, phase after phase: (channel of a group, tap)."""


Axis = tuple[Residue, ...]


def _axes(problem: Problem) -> tuple[list[Axis], list[int]]:
    """Return the residues along depth, height and width, and the steps between their taps."""
    absent = 3 - problem.axes
    axes: list[Axis] = [(Residue(0, 1, (0,), 0),)] * absent
    steps = [1] * absent
    for axis in range(problem.axes):
        axes.append(tuple(residues_of(problem, axis)))
        dilation, stride = problem.dilation[axis], problem.stride[axis]
        steps.append(dilation // math.gcd(dilation, stride))
    return axes, steps


def _reach(axis: Axis, step: int) -> tuple[int, int]:
    """Return the first and the last input that the first outputs of all phases read."""
    met = [residue for residue in axis if residue.taps]
    first = min((residue.start for residue in met), default=0)
    last = max((residue.start + (len(residue.taps) - 1) * step for residue in met), default=0)
    return first, last


@functools.lru_cache(maxsize=256)
def plan_for(problem: Problem, itemsize: int, threads: int) -> tuple[Plan, Tables]:
    """Return the plan of a transposed convolution, and its tables."""
    p = problem
    lanes, line = VECTOR_BYTES // itemsize, CACHE_LINE_BYTES // itemsize
    axes, steps = _axes(p)
    (start_d, end_d), (start_h, end_h), (start_w, end_w) = map(_reach, axes, steps)
    many_d, many_h, many_w = (axis[0].count for axis in axes)
    group_in, group_out = p.in_channels // p.groups, p.out_channels // p.groups
    tile_slices = end_d - start_d + 1
    beyond_h, beyond_w = end_h - start_h, end_w - start_w

    enough = ENOUGH_POSITIONS[p.weight_elements * itemsize > SMALL_WEIGHT_BYTES]
    column_blocks = max(1, many_w // enough)
    pitch = -(-many_w // column_blocks) + beyond_w
    most = TILE_BYTES // (group_in * tile_slices * pitch * itemsize) - beyond_h
    row_blocks = -(-many_h // max(1, min(many_h, most, -(-enough // pitch))))
    rows = -(-many_h // row_blocks)
    places = p.batch_size * p.groups * many_d * row_blocks * column_blocks
    blocks = -(-group_out // BLOCK_ROWS)
    channel_parts = max(1, min(blocks, -(-ITEMS_A_THREAD * threads // max(1, places))))

    tile_rows = rows + beyond_h
    channel_step = -(-tile_slices * tile_rows * pitch // line) // 2 * 2 * line + line
    plan = Plan(
        lanes=lanes,
        depth=DEPTH,
        images=p.batch_size,
        groups=p.groups,
        group_in=group_in,
        group_out=group_out,
        in_d=p.depth,
        in_h=p.height,
        in_w=p.width,
        out_d=p.out_d,
        out_h=p.out_h,
        out_w=p.out_w,
        stride_d=p.stride_d,
        stride_h=p.stride_h,
        stride_w=p.stride_w,
        phases_d=len(axes[0]),
        phases_h=len(axes[1]),
        phases_w=len(axes[2]),
        start_d=start_d,
        start_h=start_h,
        start_w=start_w,
        many_d=many_d,
        many_h=many_h,
        many_w=many_w,
        row_blocks=row_blocks,
        column_blocks=column_blocks,
        channel_parts=channel_parts,
        tile_slices=tile_slices,
        tile_rows=tile_rows,
        pitch=pitch,
        channel_step=channel_step,
        tile=group_in * channel_step + (MOST_VECTORS + 1) * lanes,
        joined=(rows * pitch + MOST_VECTORS * lanes) // line * line + line,
    )
    return plan, _tables(plan, axes, steps, p.out_channels)


def phases_of(problem: Problem) -> list[tuple[tuple[int, ...], ...]]:
    """Return the taps along each axis of the kernel of every phase, as `Tables.phases` has them."""
    axes, _ = _axes(problem)
    return [
        (of_d.taps, of_h.taps, of_w.taps)
        for of_d in axes[0]
        for of_h in axes[1]
        for of_w in axes[2]
    ]


def _tables(plan: Plan, axes: list[Axis], steps: list[int], out_channels: int) -> Tables:
    sizes = (plan.tile_rows * plan.pitch, plan.pitch, 1)
    starts = (plan.start_d, plan.start_h, plan.start_w)

    def places(residue: Residue, number: int) -> numpy.ndarray:
        first = residue.start - starts[number]
        return (first + numpy.arange(len(residue.taps)) * steps[number]) * sizes[number]

    channels = numpy.arange(plan.group_in) * plan.channel_step
    phases, taps = [], [numpy.empty(0, dtype=numpy.int64)]
    first_tap = first_weight = 0
    for of_d in axes[0]:
        for of_h in axes[1]:
            for of_w in axes[2]:
                own = channels
                for number, residue in enumerate((of_d, of_h, of_w)):
                    own = numpy.add.outer(own, places(residue, number)).ravel()
                phases.append((first_tap, own.size, first_weight))
                taps.append(own)
                first_tap += own.size
                first_weight += out_channels * own.size
    return Tables(
        numpy.array(phases, dtype=numpy.int64), numpy.concatenate(taps).astype(numpy.int64)
    )


def pack(weight: torch.Tensor, problem: Problem) -> numpy.ndarray:
    """Return the weights in the order of the sums, see the module's docstring; flat."""
    per_group = weight.detach().unflatten(0, (problem.groups, -1)).transpose(1, 2)
    kernels = per_group.reshape(
        *per_group.shape[:3], problem.kernel_d, problem.kernel_h, problem.kernel_w
    )
    group_out = per_group.shape[1]
    blocks = -(-group_out // BLOCK_ROWS)
    edges = [group_out * number // blocks for number in range(blocks + 1)]
    parts = []
    for phase in phases_of(problem):
        own = kernels
        for axis, taps in enumerate(phase):
            own = own.index_select(3 + axis, torch.tensor(taps, dtype=torch.int64))
        matrices = own.flatten(2).transpose(1, 2)  # (g, taps, K/g)
        for matrix in matrices:
            for first, last in itertools.pairwise(edges):
                parts.append(matrix[:, first:last].reshape(-1))
    return torch.cat(parts).numpy()
