"""Direct convolution of whole planes, the rows of a plane joined into one long row.

Let a padded plane have rows of `pitch` elements. Output (p, q) needs, for tap (r, s), the element
(p + r)·pitch + (q + s) = (p·pitch + q) + (r·pitch + s): the position of the output plus a shift
that depends on the tap alone. So the whole plane is one sum of shifted copies, in full vectors
whatever the width; the few positions past the end of each row compute nonsense that nobody reads.

Stride splits the padded plane into stride_h·stride_w smaller ones (even and odd rows and columns
for stride 2). Each tap reads one of them, and the sum is one of shifted copies again.

With one input channel a group every load would serve a single product, and most loads straddle two
lines of the cache. There, four output rows are computed at once: an input row meets the kernel in
all of them, each time in another row of the kernel. Where it reaches beyond it, nothing is added
(or zeros are, where stride or dilation leave gaps).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy

from impls._kernels.finish import CODES
from impls._kernels.vector import BLOCK_ROWS, VECTOR_BYTES
from suite import Problem

MOST_VECTORS = 8
"""Vectors in the widest block of a joined row."""
STACK = 4
"""Output rows that are computed at once where a group has one input channel."""


class Plan(NamedTuple):
    """Sizes and steps, in elements unless something else is said. h and w are the two axes; a phase
    is one of the stride_h·stride_w planes that stride splits a plane into."""

    lanes: int
    """Elements of a vector."""
    images: int
    """N, the batch size."""
    in_h: int
    """H, rows of the input."""
    in_w: int
    """W, its columns."""
    out_h: int
    """P, rows of the output."""
    out_w: int
    """Q, its columns."""
    stride_h: int
    """Rows from one window to the next below it."""
    stride_w: int
    """Columns from one window to the next beside it."""
    groups: int
    """g, the groups of channels."""
    group_in: int
    """C/g, input channels of a group."""
    group_out: int
    """K/g, output channels of a group."""
    taps: int
    """C/g·R·S, products summed into one output."""
    pitch: int
    """From one row of a phase to the next; the same in the joined output row."""
    phase: int
    """Elements of one phase."""
    plane: int
    """Elements of all phases of a channel."""
    length: int
    """Positions of the joined output row."""
    out_row: int
    """Elements reserved for it."""
    planes: int
    """Elements of a group's phases, and of what the last block of vectors reads beyond them."""
    stack_taps: int
    """Taps that a stack of output rows reads; 0 where rows are joined."""
    kernel_h: int
    """R, rows of the kernel."""
    kernel_w: int
    """S, its columns."""
    neighbours: bool
    """Whether the output rows of a stack meet neighbouring input rows: no zeros are needed then."""
    stack_row: int
    """Elements reserved for an output row of a stack."""
    scratch: int
    """Elements that a thread needs: a group's phases, and output rows that are copied out."""
    finish: int
    """Code of what follows: see `impls._kernels.finish`."""


@functools.lru_cache(maxsize=256)
def plan_for(problem: Problem, itemsize: int) -> tuple[Plan, tuple[numpy.ndarray, ...]]:
    """Return the plan and its tables.

    They hold the shift of each tap in the order of the weight, and how the rows and the columns of
    the input fall into phases.
    """
    p = problem
    lanes = VECTOR_BYTES // itemsize
    rows = -(-p.padded_h // p.stride_h)
    # The zeros to the right of a row are those to the left of the next one.
    pitch = max(-(-(p.width + p.pad_left) // p.stride_w), p.out_w)
    phase = rows * pitch + p.pad_left
    plane = p.stride_h * p.stride_w * phase
    length = (p.out_h - 1) * pitch + p.out_w
    group_in = p.in_channels // p.groups
    shifts = [
        c * plane
        + (r % p.stride_h * p.stride_w + s % p.stride_w) * phase
        + r // p.stride_h * pitch
        + s // p.stride_w
        for c in range(group_in)
        for r in range(0, p.effective_kernel_h, p.dilation_h)
        for s in range(0, p.effective_kernel_w, p.dilation_w)
    ]
    planes = -(-(group_in * plane + MOST_VECTORS * lanes) // lanes) * lanes
    stack_row = -(-p.out_w // lanes) * lanes
    out_row = -(-(length + MOST_VECTORS * lanes) // lanes) * lanes
    stack_taps = len(stack_rows(p)) * p.kernel_w if group_in == 1 else 0
    neighbours = (
        stack_taps > 0 and p.stride_h == 1 and p.dilation_h == 1 and p.kernel_h >= STACK - 1
    )
    plan = Plan(
        lanes=lanes,
        images=p.batch_size,
        in_h=p.height,
        in_w=p.width,
        out_h=p.out_h,
        out_w=p.out_w,
        stride_h=p.stride_h,
        stride_w=p.stride_w,
        groups=p.groups,
        group_in=group_in,
        group_out=p.out_channels // p.groups,
        taps=p.reduction_length,
        pitch=pitch,
        phase=phase,
        plane=plane,
        length=length,
        out_row=out_row,
        planes=planes,
        stack_taps=stack_taps,
        kernel_h=p.kernel_h,
        kernel_w=p.kernel_w,
        neighbours=neighbours,
        stack_row=stack_row,
        scratch=planes + (0 if neighbours else max(BLOCK_ROWS * out_row, p.out_h * stack_row)),
        finish=CODES[p.epilogue],
    )
    row_phases = _phases(p.height, p.pad_top, p.stride_h, p.stride_w * phase, pitch)
    column_phases = _phases(p.width, p.pad_left, p.stride_w, phase, 1)
    return plan, (numpy.array(shifts, dtype=numpy.int64), row_phases, column_phases)


def stack_rows(problem: Problem) -> list[int]:
    """Return the padded rows that a stack of output rows reads; none where there is no stack."""
    if problem.out_h < STACK or problem.kernel_h == 1:
        return []
    tops = range(0, STACK * problem.stride_h, problem.stride_h)
    taps = range(0, problem.effective_kernel_h, problem.dilation_h)
    return sorted({top + tap for top in tops for tap in taps})


def stack_shifts(problem: Problem, plan: Plan) -> numpy.ndarray:
    """Return the shift of each tap of a stack: row by row, then along the kernel's columns."""
    p = problem
    shifts = [
        (row % p.stride_h * p.stride_w + s % p.stride_w) * plan.phase
        + row // p.stride_h * plan.pitch
        + s // p.stride_w
        for row in stack_rows(p)
        for s in range(0, p.effective_kernel_w, p.dilation_w)
    ]
    return numpy.array(shifts, dtype=numpy.int64)


def stack_weights(weight: numpy.ndarray, problem: Problem) -> numpy.ndarray:
    """Return (K, output row of a stack, row read, S): the kernel's rows where they meet, else 0."""
    rows = stack_rows(problem)
    stacked = numpy.zeros((len(weight), STACK, len(rows), problem.kernel_w), dtype=weight.dtype)
    for i in range(STACK):
        for r in range(problem.kernel_h):
            row = rows.index(i * problem.stride_h + r * problem.dilation_h)
            stacked[:, i, row] = weight[:, 0, r]
    return stacked


def _phases(size: int, pad: int, stride: int, phase_step: int, step: int) -> numpy.ndarray:
    """Return (first index, how many, place of the first) of each phase along one axis.

    Args:
        phase_step: elements from one phase along this axis to the next.
        step: elements from one index of a phase to the next.
    """
    table = []
    for phase in range(stride):
        first = (phase - pad) % stride
        count = len(range(first, size, stride))
        table.append((first, count, phase * phase_step + (first + pad) // stride * step))
    return numpy.array(table, dtype=numpy.int64)
