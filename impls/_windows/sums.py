"""Direct convolution with the output channels in the lanes: a product of gathered windows.

Outputs are counted through an image, row after row; a chunk of them by a panel of output channels
is one item of work:

    item[i][j] = bias[j] + Σ_k x[places[i] + taps[k]] · panel[k][j]

where `places` holds the corner of each output's window in the padded input and `taps` how far its
elements lie from the corner. Only the two tables know of kernel, stride, dilation and memory
format. The input is copied where it needs padding, or where the same element of all channels falls
into the same few lines of the cache; a finished item is copied to its place in the output, for NCHW
with rows and columns exchanged.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit, prange

from impls._kernels.blocks import copy_transposed
from impls._kernels.copies import copy_rows
from impls._kernels.products import gather_product
from impls._kernels.vector import BLOCK_ROWS

_block_1x2, _block_2x2, _block_3x2 = (gather_product(rows, 2) for rows in (1, 2, 3))
_block_4x2, _block_5x2, _block_6x2 = (gather_product(rows, 2) for rows in (4, 5, 6))
SINGLE_VECTORS = 4
_block_1x4 = gather_product(1, SINGLE_VECTORS)


class Plan(NamedTuple):
    """Sizes in elements and steps between them."""

    lanes: int
    panel: int
    """Output channels of an item."""
    chunk: int
    """Outputs of an item."""
    depth: int
    """Taps that one block sums before it writes."""
    images: int
    groups: int
    group_in: int
    group_out: int
    panels: int
    """Panels of a group."""
    outputs: int
    """Outputs of an image and channel."""
    taps: int
    copies: bool
    """Whether the input is read from a copy, padded and its planes moved apart."""
    rows: int
    """Input rows: of all images and channels in NCHW, of all images in channels_last."""
    plane_rows: int
    """Input rows that follow each other without padding between them."""
    row: int
    """Elements of an input row."""
    pad_rows: int
    left: int
    padded_row: int
    padded_rows: int
    """Rows of a padded plane."""
    padded_plane: int
    """From one padded plane to the next."""
    stride_h: int
    reach_h: int
    """Rows that a window reaches over."""
    padded_image: int
    channel_step: int
    """From one input channel to the next."""
    out_channel: int
    """From one output channel to the next."""
    out_image: int


@njit(cache=True)
def _multiply(plan, rows, c, bias, d_at, x, x_at, places, p_at, taps, t_at, w, w_at, depth, keep):
    """Multiply a chunk of outputs, divided evenly: 13 as 5 + 4 + 4, not as 6 + 6 + 1."""
    step = plan.panel
    if step == SINGLE_VECTORS * plan.lanes:  # the panels of a problem with one output
        _block_1x4(
            *(c, 0, step, bias, d_at, x, x_at, places, p_at),
            *(taps, t_at, w, w_at, step, depth, keep),
        )
        return
    blocks = (rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    first = 0
    for block in range(blocks):
        last = rows * (block + 1) // blocks
        count, c_at, p = last - first, first * step, p_at + first
        if count == 6:
            _block_6x2(
                *(c, c_at, step, bias, d_at, x, x_at, places, p),
                *(taps, t_at, w, w_at, step, depth, keep),
            )
        elif count == 5:
            _block_5x2(
                *(c, c_at, step, bias, d_at, x, x_at, places, p),
                *(taps, t_at, w, w_at, step, depth, keep),
            )
        elif count == 4:
            _block_4x2(
                *(c, c_at, step, bias, d_at, x, x_at, places, p),
                *(taps, t_at, w, w_at, step, depth, keep),
            )
        elif count == 3:
            _block_3x2(
                *(c, c_at, step, bias, d_at, x, x_at, places, p),
                *(taps, t_at, w, w_at, step, depth, keep),
            )
        elif count == 2:
            _block_2x2(
                *(c, c_at, step, bias, d_at, x, x_at, places, p),
                *(taps, t_at, w, w_at, step, depth, keep),
            )
        else:
            _block_1x2(
                *(c, c_at, step, bias, d_at, x, x_at, places, p),
                *(taps, t_at, w, w_at, step, depth, keep),
            )
        first = last


@njit(cache=True)
def _pad(plan, first, last, x, padded):
    """Copy the padded rows from `first` to `last` that are read, zeros around what is input."""
    for row in range(first, last):
        plane, h = row // plan.padded_rows, row % plan.padded_rows
        if h % plan.stride_h >= plan.reach_h:
            continue
        to = plane * plan.padded_plane + h * plan.padded_row
        h -= plan.pad_rows
        if h < 0 or h >= plan.plane_rows:
            padded[to : to + plan.padded_row] = 0
            continue
        padded[to : to + plan.left] = 0
        padded[to + plan.left + plan.row : to + plan.padded_row] = 0
        at = (plane * plan.plane_rows + h) * plan.row
        copy_rows(padded, to + plan.left, 0, x, at, 0, 1, plan.row)


@njit(cache=True)
def _compute(plan, first_item, last_item, x, w, bias, y, places, taps, c):
    """Compute the items from `first_item` to `last_item`; `c` holds one of them."""
    chunks = (plan.outputs + plan.chunk - 1) // plan.chunk
    for item in range(first_item, last_item):
        panel, place = item // (plan.images * chunks), item % (plan.images * chunks)
        image, chunk = place // chunks, place % chunks
        first = plan.outputs * chunk // chunks
        count = plan.outputs * (chunk + 1) // chunks - first
        group, column = panel // plan.panels, panel % plan.panels * plan.panel
        x_at = image * plan.padded_image + group * plan.group_in * plan.channel_step
        for tap in range(0, plan.taps, plan.depth):
            _multiply(
                *(plan, count, c, bias, panel * plan.panel, x, x_at, places, first),
                *(taps, tap, w, (panel * plan.taps + tap) * plan.panel),
                *(min(plan.depth, plan.taps - tap), tap),
            )
        channels = min(plan.panel, plan.group_out - column)
        channel = group * plan.group_out + column
        y_at = image * plan.out_image + channel * plan.out_channel
        if plan.out_channel == 1:
            step = plan.groups * plan.group_out
            copy_rows(y, y_at + first * step, step, c, 0, plan.panel, count, channels)
        else:
            copy_transposed(
                *(y, y_at + first, plan.out_channel, c, 0, plan.panel),
                *(count, channels, plan.lanes),
            )


@njit(parallel=True, cache=True)
def convolve(sizes, threads, x, padded, w, bias, y, places, taps, blocks):
    """Fill y; all arrays but `blocks` are flat, `sizes` is a Plan's values.

    `padded` is x itself where it needs no copy, `blocks` has a row for each thread. One thread
    works without the others' being woken.
    """
    plan = Plan(*sizes)
    rows = plan.rows // plan.plane_rows * plan.padded_rows if plan.copies else 0
    chunks = (plan.outputs + plan.chunk - 1) // plan.chunk
    items = plan.groups * plan.panels * plan.images * chunks
    if threads == 1:
        _pad(plan, 0, rows, x, padded)
        _compute(plan, 0, items, padded, w, bias, y, places, taps, blocks[0])
        return
    if plan.copies:
        for worker in prange(threads):
            _pad(plan, rows * worker // threads, rows * (worker + 1) // threads, x, padded)
    for worker in prange(threads):
        first, last = items * worker // threads, items * (worker + 1) // threads
        _compute(plan, first, last, padded, w, bias, y, places, taps, blocks[worker])
