"""Matrix products C = A·B of any size, from blocks whose sums stay in registers.

B lies in panels (Goto and van de Geijn's word): as many columns as a block has, row after row, so
that a block reads it from beginning to end. All vectors of a row of B are loaded once and serve
all rows of the block; an element of A serves all vectors.

Source: K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication" (2008).
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.pointers import View, at
from impls._kernels.vector import (
    BLOCK_ROWS,
    BLOCK_VECTORS,
    BLOCKS,
    CACHE_LINE_BYTES,
    INDEX,
    VECTOR_BYTES,
    Emitter,
)
from impls._numba import njit, part

CHAIN = 32
"""Products that are summed before the sum is added to a total."""
PANEL_ROW_LINES = BLOCK_VECTORS * VECTOR_BYTES // CACHE_LINE_BYTES
"""Cache lines that a row of a panel takes."""


@intrinsic
def _multiply_block(typing, rows, c, a, b, depth, keep, following, lines):
    """Multiply `rows` rows of A, 1 to 6, by a panel of B: BLOCK_VECTORS vectors wide.

        c[i][j]  (+)=  Σ_{k < depth} a[i][k] · b[k][j]

    adding to c where `keep` is not 0. c and a are `View`s, b a pointer. The sums stay in registers
    over the whole depth, in chains of `CHAIN` products that are added to totals: the error of one
    long chain grows with its length, and for the larger Winograd tiles it would outweigh that of
    the transforms.

    Before each chain the block asks for `lines` more cache lines from the pointer `following` on.
    A few at a time: a core that waits for more of them than it can keep track of (some two dozen)
    does nothing else.
    """
    size = types.intp

    def generate(context, builder, signature, arguments):
        rows, *operands = arguments
        emit = Emitter(context, builder, signature.args[3].dtype)
        for block in emit.switch(rows, BLOCKS):
            _write_product(emit, *BLOCKS[block], operands)
        return context.get_dummy_value()

    return types.void(size, c, a, b, size, size, b, size), generate


def _write_product(emit: Emitter, rows: int, vectors: int, operands) -> None:
    builder = emit.builder
    c, a, b, depth, keep, following, lines = operands
    c_start, c_ld = cgutils.unpack_tuple(builder, c)
    a_start, a_ld = cgutils.unpack_tuple(builder, a)
    line = CACHE_LINE_BYTES // emit.itemsize
    keys = [(i, v) for i in range(rows) for v in range(vectors)]
    targets = {(i, v): emit.moved(emit.moved(c_start, c_ld, i), v * emit.lanes) for i, v in keys}
    totals, sums = emit.variables(keys), emit.variables(keys)
    fresh = builder.icmp_signed("==", keep, ir.Constant(INDEX, 0))
    with builder.if_else(fresh) as (from_zero, from_c):
        with from_zero:
            for key in keys:
                builder.store(emit.zero, totals[key])
        with from_c:
            for key in keys:
                builder.store(emit.load(targets[key]), totals[key])
    chain = ir.Constant(INDEX, CHAIN)
    chains = builder.udiv(builder.add(depth, ir.Constant(INDEX, CHAIN - 1)), chain)
    with cgutils.for_range(builder, chains) as outer:
        first = builder.mul(outer.index, chain)
        left = builder.sub(depth, first)
        length = builder.select(emit.less(left, CHAIN), left, chain)
        asked = emit.moved(following, builder.mul(outer.index, lines), line)
        with cgutils.for_range(builder, lines) as asking:
            emit.prefetch(emit.moved(asked, asking.index, line))
        for key in keys:
            builder.store(emit.zero, sums[key])
        with cgutils.for_range(builder, length) as loop:
            k = builder.add(first, loop.index)
            b_row = emit.moved(b, emit.times(k, vectors * emit.lanes))
            row = [emit.load(emit.moved(b_row, v * emit.lanes)) for v in range(vectors)]
            a_column = emit.moved(a_start, k)
            for i in range(rows):
                factor = emit.spread(emit.moved(a_column, a_ld, i))
                for v in range(vectors):
                    emit.accumulate(sums[i, v], (factor, row[v]))
        for key in keys:
            total = builder.fadd(emit.value(totals[key]), emit.value(sums[key]))
            builder.store(total, totals[key])
    for key in keys:
        emit.store(emit.value(totals[key]), targets[key])


@njit(cache=True)
def multiply_rows(rows, c, a, panel, depth, keep):
    """Multiply any number of rows by a panel, divided evenly: 13 as 5 + 4 + 4, not as 6 + 6 + 1.

    The panel that follows this one in memory is taken to be the next one to multiply by. It comes
    into the cache meanwhile, a share with every chain: else its first block of rows would wait for
    it.

    Args:
        c, a: `View`s.
        panel: `View` of as many columns as a block has, without gaps between rows.
        keep: 0 to overwrite c, anything else to add to it.
    """
    if rows == 0:
        return
    blocks = (rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    chains = (depth + CHAIN - 1) // CHAIN
    lines = -(-depth * PANEL_ROW_LINES // (blocks * chains))
    following = at(panel.start, depth * panel.ld)
    asked = chains * lines * (panel.ld // PANEL_ROW_LINES)
    for block in range(blocks):
        first, last = part(rows, block, blocks)
        _multiply_block(
            last - first,
            View(at(c.start, first * c.ld), c.ld),
            View(at(a.start, first * a.ld), a.ld),
            panel.start,
            depth,
            keep,
            at(following, block * asked),
            lines,
        )
