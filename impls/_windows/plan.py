"""How a direct convolution with the output channels in the lanes is divided, and where things lie.

Outputs are counted through an image, row after row; a chunk of them by a panel of output channels
is one item of work:

    item[i][j] = bias[j] + Σ_k x[corners[i] + taps[k]] · panel[k][j]

where `corners` holds the corner of each output's window in the padded input and `taps` how far its
elements lie from the corner. Only the two tables know of kernel, stride, dilation and memory
format. The input is copied where it needs padding, or where the same element of all channels falls
into the same few lines of the cache.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy

from impls._kernels.finish import CODES
from impls._kernels.vector import BLOCK_VECTORS, CACHE_LINE_BYTES, VECTOR_BYTES
from suite import Problem

# A chunk of outputs by a panel of channels, and the part of a panel that one pass reads, stay in
# a core's first cache.
CHUNK = 96
DEPTH = 192
SINGLE_VECTORS = 4
"""Vectors in a panel where an image has one output: there are no more rows to make sums of."""
# Elements this far apart, or a multiple of it, fall into the same 16 or fewer sets of a core's
# second cache.
COLLISION_BYTES = 4096


Triple = tuple[int, int, int]
"""Along depth, height and width."""


class Scatter(NamedTuple):
    """Outputs that do not lie one after the other: those of some phases of a transposed one."""

    begins: Triple
    """The first output along each axis that is wanted."""
    counts: Triple
    """How many are, along each axis."""
    places: numpy.ndarray
    """(outputs): where each lies in an image of the target, counted from the first."""
    channels: numpy.ndarray
    """(output channels): where each one's first output lies."""
    image_step: int
    """Elements from one image of the target to the next."""


class Plan(NamedTuple):
    """Sizes and steps, all in elements. A "row" is a row of pixels, of one channel in NCHW and of
    all channels in channels_last; a slice is as many of them as an image is high, a plane as many
    slices as it is deep: one where there are fewer than three axes."""

    lanes: int
    """Elements of a vector."""
    panel: int
    """Output channels of an item: a panel's width."""
    chunk: int
    """Most outputs of an item."""
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
    panels: int
    """Panels of a group: K/g over `panel`, rounded up."""
    outputs: int
    """P·Q, outputs of an image and channel; with a third axis those of all slices."""
    taps: int
    """C/g·R·S, or C/g·D·R·S, products summed into one output."""
    scatters: bool
    """Whether tables say where outputs lie."""
    copies: bool
    """Whether the input is read from a copy, padded and its planes moved apart."""
    planes: int
    """Planes of the input: N·C in NCHW, N in channels_last."""
    slices: int
    """Slices of a plane."""
    rows: int
    """H, rows of a slice."""
    row: int
    """Elements of a row: W, or W·C in channels_last."""
    pad_slices: int
    """Slices of zeros before a plane."""
    pad_rows: int
    """Rows of zeros above a slice."""
    pad_left: int
    """Elements of zeros before a row."""
    padded_slices: int
    """Slices of a padded plane."""
    padded_rows: int
    """Rows of a padded slice."""
    padded_row: int
    """Elements of a padded row."""
    padded_plane: int
    """Elements from one padded plane to the next, an odd number of cache lines."""
    stride_d: int
    """Slices from one window to the next behind it."""
    reach_d: int
    """Slices that a window reaches over."""
    stride_h: int
    """Rows from one window to the next below it."""
    reach_h: int
    """Rows that a window reaches over: dilation·(R - 1) + 1."""
    image_step: int
    """Elements from one padded image to the next."""
    channel_step: int
    """Elements from one input channel to the next."""
    out_channel_step: int
    """Elements from one output channel to the next."""
    out_image_step: int
    """Elements from one image of the output to the next."""
    finish: int
    """Code of what follows: see `impls._kernels.finish`."""

    @property
    def padded_elements(self) -> int:
        """Elements of the copied input."""
        return self.planes * self.padded_plane if self.copies else 0

    @property
    def item_elements(self) -> int:
        """Most elements of an item."""
        return self.chunk * self.panel


class Tables(NamedTuple):
    """Places in an image."""

    corners: numpy.ndarray
    """(outputs): where in the padded input the windows begin."""
    taps: numpy.ndarray
    """(taps): how far from there the elements of a window lie."""
    places: numpy.ndarray
    """As in `Scatter`; empty where the outputs follow each other."""
    channels: numpy.ndarray
    """As in `Scatter`; empty where the output channels do."""


def panel_width(problem: Problem, itemsize: int) -> int:
    """Return the output channels of a panel: more where one output leaves few sums to work on."""
    lanes = VECTOR_BYTES // itemsize
    single = problem.output_elements == problem.out_channels
    wide = single and problem.out_channels // problem.groups > BLOCK_VECTORS * lanes
    return (SINGLE_VECTORS if wide else BLOCK_VECTORS) * lanes


def plan_for(
    p: Problem, itemsize: int, channels_last: bool, scatter: Scatter | None = None
) -> tuple[Plan, Tables]:
    """Return the plan for an input in NCHW or channels_last, and its tables."""
    begins, counts = (0, 0, 0), (p.out_d, p.out_h, p.out_w)
    image_outputs = p.out_channels * math.prod(counts)
    places = channels = numpy.empty(0, dtype=numpy.int64)
    if scatter is not None:
        begins, counts, places, channels, image_outputs = scatter
    panel = panel_width(p, itemsize)
    column_step = p.in_channels if channels_last else 1
    padded_row = p.padded_w * column_step
    plane_bytes = p.depth * p.height * p.width * itemsize
    collide = not channels_last and p.in_channels > 1 and plane_bytes % COLLISION_BYTES == 0
    copies = any(p.padding) or collide
    # Planes that lie an odd number of lines apart share no place in a cache.
    padded_slice = p.padded_h * padded_row
    padded_plane = p.padded_d * padded_slice + (CACHE_LINE_BYTES // itemsize if copies else 0)
    planes_an_image = 1 if channels_last else p.in_channels
    channel_step = 1 if channels_last else padded_plane
    plan = Plan(
        lanes=VECTOR_BYTES // itemsize,
        panel=panel,
        chunk=CHUNK,
        depth=DEPTH,
        images=p.batch_size,
        groups=p.groups,
        group_in=p.in_channels // p.groups,
        group_out=p.out_channels // p.groups,
        panels=-(-p.out_channels // p.groups // panel),
        outputs=math.prod(counts),
        taps=p.reduction_length,
        scatters=scatter is not None,
        copies=copies,
        planes=p.batch_size * planes_an_image,
        slices=p.depth,
        rows=p.height,
        row=p.width * column_step,
        pad_slices=p.pad_front,
        pad_rows=p.pad_top,
        pad_left=p.pad_left * column_step,
        padded_slices=p.padded_d,
        padded_rows=p.padded_h,
        padded_row=padded_row,
        padded_plane=padded_plane,
        stride_d=p.stride_d,
        reach_d=p.effective_kernel_d,
        stride_h=p.stride_h,
        reach_h=p.effective_kernel_h,
        image_step=padded_plane * planes_an_image,
        channel_step=channel_step,
        out_channel_step=1 if channels_last else p.out_d * p.out_h * p.out_w,
        out_image_step=image_outputs,
        finish=CODES[p.epilogue],
    )
    steps = padded_slice, padded_row, column_step
    strides = p.stride_d, p.stride_h, p.stride_w
    corners = places_of(counts, strides, steps) + sum(
        begin * stride * step for begin, stride, step in zip(begins, strides, steps, strict=True)
    )
    taps = numpy.add.outer(
        numpy.arange(plan.group_in) * channel_step,
        places_of(
            (p.kernel_d, p.kernel_h, p.kernel_w), (p.dilation_d, p.dilation_h, p.dilation_w), steps
        ),
    )
    return plan, Tables(corners, taps.ravel().astype(numpy.int64), places, channels)


def places_of(counts: Triple, strides: Triple, steps: Triple) -> numpy.ndarray:
    """Return where the points of a grid lie: so many along each axis, every stride-th, steps on."""
    places = numpy.zeros(1, dtype=numpy.int64)
    for count, stride, step in zip(counts, strides, steps, strict=True):
        places = numpy.add.outer(places, numpy.arange(count) * (stride * step)).ravel()
    return places.astype(numpy.int64)
