"""Winograd's algorithm in two axes of three: slices transformed once, products summed over depth.

Every slice of the input meets as many planes of the kernel as that is deep. Its tiles are the same
for all of them, and the sum over planes may be taken before the inverse transform, which is linear:

    M[d] = Σ_q U[q]·V[d + q]        at each position, a sum of matrix products
    y[d] = Aᵀ M[d] A                once for each output slice

So transforms cost what they do in a convolution of the slices by one plane, and only products are
multiplied by the depth. A block is some rows of tiles in a run of output slices, and in all input
slices that those need; it takes the place of a band (bands.py), whose functions do the transforms:

    v       transformed inputs, (position, input slice, row of tiles, tile, channel)
    u       transformed kernels, (position, group, panel, plane, channel, lane of the panel)
    m       products, (position, output slice, row of tiles, tile, output channel)

Slices beyond the input are zeros whose products are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch

from impls._kernels.pointers import View, at
from impls._kernels.products import multiply_rows
from impls._launch import Array, Launch
from impls._numba import njit, part
from impls._parallel import OnThreads
from impls._winograd.bands import (
    ALL,
    INPUTS,
    OUTPUTS,
    PRODUCTS,
    Operands,
    Workspace,
    transform_input_row,
    transform_output_row,
)
from impls._winograd.plan import BAND_BYTES, Plan
from impls._winograd.plan import plan_for as plane_plan_for
from suite import Problem
from suite.phases import INVERSE, PRODUCT, TRANSFORM, Phase

LEAST_SLICES = 4
"""Output slices of a block, if there are as many: with fewer, too many are transformed twice."""


class Depth(NamedTuple):
    """What the third axis adds to a plan."""

    samples: int
    """N, the batch size."""
    in_d: int
    """Slices of the input."""
    out_d: int
    """Slices of the output."""
    pad_d: int
    """Slices of zeros before the input."""
    planes: int
    """Planes of the kernel."""
    slice_blocks: int
    """Into how many runs the output slices are divided."""
    row_blocks: int
    """Into how many the rows of tiles are."""
    x_sample: int
    """Elements from one sample of the input to the next."""
    y_sample: int
    """Elements from one sample of the output to the next."""

    @property
    def blocks(self) -> int:
        return self.samples * self.slice_blocks * self.row_blocks


STRIDES = -8
DEPTHS = STRIDES - len(Depth._fields)
"""Where the strides and the values of a `Depth` begin in what is handed over, behind a plan's."""


@functools.lru_cache(maxsize=256)
def plan_for(
    tile: int, problem: Problem, plane: Problem, itemsize: int, threads: int
) -> tuple[Plan, Depth]:
    """Return the plan of a slice, its steps those of a block, and what depth adds.

    Args:
        problem: of three axes, all strides and dilations 1.
        plane: the problem of two axes that a slice and a plane of the kernel are.
    """
    plan = plane_plan_for(tile, plane, itemsize, threads)
    slice_row = plan.positions * plan.tiles_w * itemsize

    def block_bytes(slices: int, rows: int) -> int:
        read = slices + problem.kernel_d - 1
        return slice_row * rows * (read * plan.v_row + slices * plan.m_row)

    slices, rows = problem.out_d, plan.tiles_h
    while rows > 1 and block_bytes(min(slices, LEAST_SLICES), rows) > BAND_BYTES:
        rows -= 1
    while slices > LEAST_SLICES and block_bytes(slices, rows) > BAND_BYTES:
        slices -= 1
    slice_blocks, row_blocks = -(-problem.out_d // slices), -(-plan.tiles_h // rows)
    slices, rows = -(-problem.out_d // slice_blocks), -(-plan.tiles_h // row_blocks)
    tiles = rows * plan.tiles_w
    plan = plan._replace(
        fused=False,
        v_step=(slices + problem.kernel_d - 1) * tiles * plan.v_row + plan.panel,
        m_step=slices * tiles * plan.m_row + plan.panel,
    )
    depth = Depth(
        samples=problem.batch_size,
        in_d=problem.depth,
        out_d=problem.out_d,
        pad_d=problem.pad_front,
        planes=problem.kernel_d,
        slice_blocks=slice_blocks,
        row_blocks=row_blocks,
        x_sample=problem.input_elements // max(1, problem.batch_size),
        y_sample=problem.output_elements // max(1, problem.batch_size),
    )
    return plan, depth


@njit(cache=True)
def _multiply(plan, depth, items, slices, rows, operands, workspace):
    """Multiply items of a block: positions by panels of output channels, summed over planes."""
    first_slice, last_slice = slices
    panels = plan.group_padded // plan.panel
    tiles = (rows[1] - rows[0]) * plan.tiles_w
    for item in range(*items):
        position, group = item // (plan.groups * panels), item // panels % plan.groups
        column = group * plan.group_padded + item % panels * plan.panel
        start = position * plan.m_step + column
        for row in range((last_slice - first_slice) * tiles):
            workspace.m[start + row * plan.m_row : start + row * plan.m_row + plan.panel] = 0
        for plane in range(depth.planes):
            # Output slices whose input slice for this plane is there.
            first = max(first_slice, depth.pad_d - plane)
            last = min(last_slice, depth.in_d + depth.pad_d - plane)
            if last <= first:
                continue
            m = at(workspace.m, start + (first - first_slice) * tiles * plan.m_row)
            place = (first - first_slice + plane) * tiles * plan.v_row
            v = position * plan.v_step + place + group * plan.group_in
            u = (item * depth.planes + plane) * plan.group_in * plan.panel
            for channel in range(0, plan.group_in, plan.depth):
                count = min(plan.depth, plan.group_in - channel)
                panel = View(at(operands.u, u + channel * plan.panel), plan.panel)
                of_v = View(at(workspace.v, v + channel), plan.v_row)
                multiply_rows((last - first) * tiles, View(m, plan.m_row), of_v, panel, count, 1)


@OnThreads
def _advance(step, worker, threads, sizes, arrays):
    """Take a share of a block through one phase; `arrays` are those of `bands._advance`.

    `sizes` are a Plan's and a `Depth`'s values, and the strides of x and y: of a slice, of its
    channels, rows and columns.
    """
    plan, depth = Plan(*sizes[:DEPTHS]), Depth(*sizes[DEPTHS:STRIDES])
    block, phase = step // ALL, step % ALL
    sample = block // (depth.slice_blocks * depth.row_blocks)
    x, u, bias, y, residual, v, m, strips = arrays
    own_x, own_y = x[sample * depth.x_sample :], y[sample * depth.y_sample :]
    own_residual = residual[sample * depth.y_sample :]
    operands = Operands(own_x, sizes[-8:-4], u, bias, own_y, own_residual, sizes[-4:])
    workspace = Workspace(v[0], m[0], strips[worker])
    slices = part(depth.out_d, block // depth.row_blocks % depth.slice_blocks, depth.slice_blocks)
    rows = part(plan.tiles_h, block % depth.row_blocks, depth.row_blocks)
    height = rows[1] - rows[0]
    if phase == INPUTS:
        chunks = plan.v_row // plan.in_chunk
        count = slices[1] - slices[0] + depth.planes - 1
        first_item, last_item = part(count * height * chunks, worker, threads)
        for item in range(first_item, last_item):
            row, first = item // chunks, item % chunks * plan.in_chunk
            image = slices[0] - depth.pad_d + row // height
            if 0 <= image < depth.in_d:
                tile_row = rows[0] + row % height
                transform_input_row(plan, image, tile_row, first, row, operands, workspace)
    elif phase == PRODUCTS:
        panels = plan.groups * (plan.group_padded // plan.panel)
        items = part(plan.n_h * plan.n_w * panels, worker, threads)
        _multiply(plan, depth, items, slices, rows, operands, workspace)
    elif phase == OUTPUTS:
        chunks = plan.m_row // plan.out_chunk
        first_item, last_item = part((slices[1] - slices[0]) * height * chunks, worker, threads)
        for item in range(first_item, last_item):
            row, first = item // chunks, item % chunks * plan.out_chunk
            image, tile_row = slices[0] + row // height, rows[0] + row % height
            transform_output_row(plan, image, tile_row, first, row, operands, workspace)


def launch_for(
    plan: Plan,
    depth: Depth,
    strides: tuple[int, ...],
    arrays: tuple[Array, ...],
    like: torch.Tensor,
) -> Launch:
    """Return what fills an output: see `_advance`."""
    steps = 0, ALL * depth.blocks
    return _advance.laid_out((*plan, *depth, *strides), arrays, steps, like=like)


def launches_of_phases(
    plan: Plan, depth: Depth, strides: tuple[int, ...], arrays: tuple[Array, ...]
) -> Iterator[tuple[Phase, Launch]]:
    """Return what does so one phase after the other, and each one's mark."""
    for block in range(depth.blocks):
        for phase, mark in enumerate((TRANSFORM, PRODUCT, INVERSE)):
            step = ALL * block + phase
            yield mark, _advance.laid_out((*plan, *depth, *strides), arrays, (step, step + 1))
