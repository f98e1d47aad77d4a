"""Matrix products whose first matrix is gathered from an array, as the windows of a convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import INDEX, Emitter


class Windows(NamedTuple):
    """The first matrix: element (i, k) is x[places[i] + taps[k]].

    Neither the windows nor their padding have to be written down: any kernel, stride, dilation
    and memory format is a matter of the two tables.
    """

    x: Any
    """Pointer to where the places count from."""
    places: Any
    """Pointer to the place of the first row's window, the next rows' after it."""
    taps: Any
    """Pointer to the distance of the first element within a window, the next ones' after it."""


def gather_product(blocks: Mapping[int, tuple[int, int]]):
    """Return a Numba function that multiplies rows gathered from an array by a panel.

    Args:
        blocks: (rows, vectors) of each block, by the number that picks it.

    The function is called as

        multiply(block, c, d, windows, b, depth, keep)

    with pointers and `Windows`, and computes, for i < rows and j < vectors·lanes,

        c[i][j] = d[j] + Σ_{k < depth} windows[i][k] · b[k][j]

    with c itself in place of d where `keep` is not 0. The rows of c and b follow each other without
    gaps.
    """

    @intrinsic
    def multiply(typing, block, c, d, windows, b, depth, keep):
        def generate(context, builder, signature, arguments):
            picked, *operands = arguments
            emit = Emitter(context, builder, signature.args[1].dtype)
            for case in emit.switch(picked, blocks):
                _write(emit, *blocks[case], operands)
            return context.get_dummy_value()

        return types.void(types.intp, c, d, windows, b, types.intp, types.intp), generate

    return multiply


def _write(emit: Emitter, rows: int, vectors: int, operands) -> None:
    builder = emit.builder
    c, d, windows, b, depth, keep = operands
    x, places, taps = cgutils.unpack_tuple(builder, windows)
    width = vectors * emit.lanes
    targets = {
        (i, v): emit.moved(c, i * width + v * emit.lanes)
        for i in range(rows)
        for v in range(vectors)
    }
    sums = emit.variables(targets)
    fresh = builder.icmp_signed("==", keep, ir.Constant(INDEX, 0))
    with builder.if_else(fresh) as (from_d, from_c):
        with from_d:
            for v in range(vectors):
                start = emit.load(emit.moved(d, v * emit.lanes))
                for i in range(rows):
                    builder.store(start, sums[i, v])
        with from_c:
            for key, target in targets.items():
                builder.store(emit.load(target), sums[key])
    corners = [emit.moved(x, builder.load(emit.moved(places, i), typ=INDEX)) for i in range(rows)]
    with cgutils.for_range(builder, depth) as loop:
        tap = builder.load(emit.moved(taps, loop.index), typ=INDEX)
        b_row = emit.moved(b, emit.times(loop.index, width))
        row = [emit.load(emit.moved(b_row, v * emit.lanes)) for v in range(vectors)]
        for i, corner in enumerate(corners):
            factor = emit.spread(emit.moved(corner, tap))
            for v in range(vectors):
                emit.accumulate(sums[i, v], (factor, row[v]))
    for key, target in targets.items():
        emit.store(emit.value(sums[key]), target)
