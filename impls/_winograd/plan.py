"""How Winograd's algorithm is divided into bands, chunks and panels, and where things lie.

A band is as many rows of tiles as keep its transformed tiles and products in a cache; a strip is
the input, or the output, of one row of tiles; a chunk is as many channels as keep a strip inside a
core's own cache. Where all kernels and a row of tiles fit there, too, a plan is fused: each thread
takes bands of its own through all phases.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from impls._kernels.finish import CODES
from impls._kernels.vector import BLOCK_VECTORS, VECTOR_BYTES
from impls._winograd.tiles import SHAPES
from suite import Problem

# Found by measuring on cores with 32 KiB, 512 KiB and a shared 32 MiB of cache; flat around.
STRIP_BYTES = 128 * 2**10
BAND_BYTES = 8 * 2**20
FUSED_BAND_BYTES = 768 * 2**10
FUSED_KERNEL_BYTES = 768 * 2**10
FUSED_ROWS_A_THREAD = 6
DEPTH = 256


class Plan(NamedTuple):
    """Sizes and steps, in elements unless something else is said. h and w are the two axes.

    v holds the transformed inputs and m the products, each as n_h·n_w positions by tiles by
    channels; for u, the transformed kernels, see bands.py.
    """

    shape: int
    """Which transforms: index into `tiles.SHAPES`."""
    lanes: int
    """Elements of a vector: channels that are transformed at once."""
    panel: int
    """Output channels that one block of the product computes."""
    depth: int
    """Most input channels that one block sums before it writes."""
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
    pad_h: int
    """Rows of zeros above the input."""
    pad_w: int
    """Columns of zeros left of it."""
    groups: int
    """g, the groups of channels."""
    group_in: int
    """C/g, input channels of a group."""
    group_out: int
    """K/g, output channels of a group."""
    group_padded: int
    """group_out in whole panels."""
    tiles_h: int
    """Rows of tiles in an image."""
    tiles_w: int
    """Tiles in a row."""
    m_h: int
    """m, rows of outputs of a tile."""
    m_w: int
    """Columns of outputs of a tile."""
    n_h: int
    """n, rows of inputs of a tile: m + R - 1."""
    n_w: int
    """Columns of inputs of a tile: m + S - 1."""
    strip_w: int
    """Columns of a strip: the inputs of a row of tiles."""
    bands: int
    """Into how many the rows of tiles of all images are divided."""
    fused: bool
    """Whether each thread takes bands of its own through all phases."""
    in_chunk: int
    """Input channels of a strip."""
    out_chunk: int
    """Output channels of a strip."""
    v_row: int
    """From one tile of v to the next: input channels in whole chunks."""
    v_step: int
    """From one position of v to the next."""
    m_row: int
    """From one tile of m to the next: output channels of all groups in whole panels."""
    m_step: int
    """From one position of m to the next."""
    finish: int
    """Code of what follows: see `impls._kernels.finish`."""

    @property
    def positions(self) -> int:
        """Products for each tile and pair of channels."""
        return self.n_h * self.n_w

    @property
    def strip(self) -> int:
        """Elements of a strip, of inputs or of outputs."""
        return max(self.n_h * self.in_chunk, self.m_h * self.out_chunk) * self.strip_w


def panel_width(itemsize: int) -> int:
    """Return the output channels of a panel."""
    return BLOCK_VECTORS * VECTOR_BYTES // itemsize


@functools.lru_cache(maxsize=256)
def plan_for(tile: int, problem: Problem, itemsize: int, threads: int) -> Plan:
    """Return the plan for tiles of `tile` inputs along each axis that has several taps."""
    panel = panel_width(itemsize)
    n_h, n_w = (tile if taps > 1 else 1 for taps in problem.kernel)
    m_h, m_w = n_h - problem.kernel_h + 1, n_w - problem.kernel_w + 1
    tiles_h, tiles_w = -(-problem.out_h // m_h), -(-problem.out_w // m_w)
    strip_w = (tiles_w - 1) * m_w + n_w
    group_padded = _whole(problem.out_channels // problem.groups, panel)
    strip_channels = max(panel, STRIP_BYTES // (n_h * strip_w * itemsize))

    pieces = -(-problem.in_channels // strip_channels)
    in_chunk = _whole(-(-problem.in_channels // pieces), panel)
    m_row = problem.groups * group_padded
    out_chunk = max(
        chunk for chunk in range(panel, strip_channels + 1, panel) if m_row % chunk == 0
    )
    v_row = _whole(problem.in_channels, in_chunk)
    row_bytes = n_h * n_w * tiles_w * (v_row + m_row) * itemsize
    rows = problem.batch_size * tiles_h
    kernel_bytes = n_h * n_w * m_row * problem.in_channels // problem.groups * itemsize
    fused = (
        row_bytes <= FUSED_BAND_BYTES
        and kernel_bytes <= FUSED_KERNEL_BYTES
        and rows >= FUSED_ROWS_A_THREAD * threads
    )
    sharers = threads if fused else 1
    most = max(1, (FUSED_BAND_BYTES if fused else BAND_BYTES) // row_bytes)
    bands = sharers * max(1, -(-rows // (sharers * most)))
    band = -(-rows // bands)
    return Plan(
        shape=SHAPES.index((tile, *problem.kernel)),
        lanes=VECTOR_BYTES // itemsize,
        panel=panel,
        depth=DEPTH,
        images=problem.batch_size,
        in_h=problem.height,
        in_w=problem.width,
        out_h=problem.out_h,
        out_w=problem.out_w,
        pad_h=problem.pad_top,
        pad_w=problem.pad_left,
        groups=problem.groups,
        group_in=problem.in_channels // problem.groups,
        group_out=problem.out_channels // problem.groups,
        group_padded=group_padded,
        tiles_h=tiles_h,
        tiles_w=tiles_w,
        m_h=m_h,
        m_w=m_w,
        n_h=n_h,
        n_w=n_w,
        strip_w=strip_w,
        bands=bands,
        fused=fused,
        in_chunk=in_chunk,
        out_chunk=out_chunk,
        v_row=v_row,
        # One panel more than the rows take: positions a power of two apart would all fall into
        # the same few lines of the cache.
        v_step=band * tiles_w * v_row + panel,
        m_row=m_row,
        m_step=band * tiles_w * m_row + panel,
        finish=CODES[problem.epilogue],
    )


def _whole(count: int, unit: int) -> int:
    """Return `count` rounded up to whole units."""
    return -(-count // unit) * unit
