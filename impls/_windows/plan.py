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

from typing import NamedTuple

import numpy

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


class Plan(NamedTuple):
    """Sizes and steps, all in elements. A "row" is a row of pixels, of one channel in NCHW and of
    all channels in channels_last; a "plane" is as many of them as an image is high."""

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
    """P·Q, outputs of an image and channel."""
    taps: int
    """C/g·R·S, products summed into one output."""
    copies: bool
    """Whether the input is read from a copy, padded and its planes moved apart."""
    planes: int
    """Planes of the input: N·C in NCHW, N in channels_last."""
    rows: int
    """H, rows of a plane."""
    row: int
    """Elements of a row: W, or W·C in channels_last."""
    pad_rows: int
    """Rows of zeros above a plane."""
    pad_left: int
    """Elements of zeros before a row."""
    padded_rows: int
    """Rows of a padded plane."""
    padded_row: int
    """Elements of a padded row."""
    padded_plane: int
    """Elements from one padded plane to the next, an odd number of cache lines."""
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

    @property
    def padded_elements(self) -> int:
        """Elements of the copied input."""
        return self.planes * self.padded_plane if self.copies else 0


Tables = tuple[numpy.ndarray, numpy.ndarray]
"""(corners, taps): places in the padded input, int64."""


def panel_width(problem: Problem, itemsize: int) -> int:
    """Return the output channels of a panel: more where one output leaves few sums to work on."""
    lanes = VECTOR_BYTES // itemsize
    single = problem.output_elements == problem.out_channels
    wide = single and problem.out_channels // problem.groups > BLOCK_VECTORS * lanes
    return (SINGLE_VECTORS if wide else BLOCK_VECTORS) * lanes


def plan_for(p: Problem, itemsize: int, channels_last: bool) -> tuple[Plan, Tables]:
    """Return the plan for an input in NCHW or channels_last, and its tables."""
    panel = panel_width(p, itemsize)
    column_step = p.in_channels if channels_last else 1
    padded_row = p.padded_w * column_step
    plane_bytes = p.height * p.width * itemsize
    collide = not channels_last and p.in_channels > 1 and plane_bytes % COLLISION_BYTES == 0
    copies = p.padding != (0, 0) or collide
    # Planes that lie an odd number of lines apart share no place in a cache.
    padded_plane = p.padded_h * padded_row + (CACHE_LINE_BYTES // itemsize if copies else 0)
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
        outputs=p.out_h * p.out_w,
        taps=p.reduction_length,
        copies=copies,
        planes=p.batch_size * planes_an_image,
        rows=p.height,
        row=p.width * column_step,
        pad_rows=p.pad_top,
        pad_left=p.pad_left * column_step,
        padded_rows=p.padded_h,
        padded_row=padded_row,
        padded_plane=padded_plane,
        stride_h=p.stride_h,
        reach_h=p.effective_kernel_h,
        image_step=padded_plane * planes_an_image,
        channel_step=channel_step,
        out_channel_step=1 if channels_last else p.out_h * p.out_w,
        out_image_step=p.out_channels * p.out_h * p.out_w,
    )
    corners = numpy.add.outer(
        numpy.arange(p.out_h) * (p.stride_h * padded_row),
        numpy.arange(p.out_w) * (p.stride_w * column_step),
    )
    taps = numpy.add.outer(
        numpy.arange(plan.group_in) * channel_step,
        numpy.add.outer(
            numpy.arange(p.kernel_h) * (p.dilation_h * padded_row),
            numpy.arange(p.kernel_w) * (p.dilation_w * column_step),
        ),
    )
    return plan, (corners.ravel().astype(numpy.int64), taps.ravel().astype(numpy.int64))
