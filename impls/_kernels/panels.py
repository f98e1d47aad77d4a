"""A panel of a matrix times a vector, its sums in registers, its operands by address."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import INDEX, Emitter
from impls._numba import njit

SUMS = 8
"""As many independent sums hide the latency of an FMA on two ports."""
WIDTHS = (8, 4, 2, 1)
"""Vectors of outputs in a panel. A narrow one has sums to spare: it takes every second, fourth or
eighth row of the matrix apart."""


@njit(cache=True)
def width_of(vectors):
    """Return the width of the next panel where so many vectors of outputs are left."""
    for width in WIDTHS:
        if vectors >= width:
            return width
    return 0


def panel_product(dtype: types.Float):
    """Return a Numba function that multiplies a panel of a matrix by a vector.

    The function is called as

        panel(width, count, depth, y, b, x, w)

    with the addresses of elements of `dtype`, and computes, for j < count <= width·lanes,

        y[j] = b[j] + Σ_{k < depth} x[k] · w[k·width·lanes + j]
    """

    @intrinsic
    def panel(typing, width, count, depth, y, b, x, w):
        at = types.intp
        signature = types.void(at, at, at, at, at, at, at)

        def generate(context, builder, signature, arguments):
            width, *operands = arguments
            emit = Emitter(context, builder, dtype)
            for vectors in emit.switch(width, WIDTHS):
                _multiply(emit, vectors, *operands)
            return context.get_dummy_value()

        return signature, generate

    return panel


def _multiply(emit: Emitter, vectors: int, count, depth, y, b, x, w) -> None:
    builder = emit.builder
    y, b, x, w = (builder.inttoptr(address, emit.element.as_pointer()) for address in (y, b, x, w))
    parts = SUMS // vectors
    sums = [emit.variables(range(vectors)) for _ in range(parts)]
    masks = [
        emit.first_lanes(builder.sub(count, ir.Constant(INDEX, v * emit.lanes)))
        for v in range(vectors)
    ]
    for part, variables in enumerate(sums):
        for v, variable in variables.items():
            start = emit.load_masked(emit.moved(b, emit.lanes, v), masks[v]) if part == 0 else None
            builder.store(start or emit.zero, variable)

    def add(k, variables) -> None:
        factor = emit.spread(emit.moved(x, k))
        row = emit.moved(w, emit.times(k, vectors * emit.lanes))
        for v, variable in variables.items():
            emit.accumulate(variable, (factor, emit.load(emit.moved(row, emit.lanes, v))))

    rounds = builder.udiv(depth, ir.Constant(INDEX, parts))
    with cgutils.for_range(builder, rounds) as loop:
        first = emit.times(loop.index, parts)
        for part, places in enumerate(sums):
            add(builder.add(first, ir.Constant(INDEX, part)), places)
    done = emit.times(rounds, parts)
    with cgutils.for_range(builder, builder.sub(depth, done)) as loop:
        add(builder.add(done, loop.index), sums[0])
    for v in range(vectors):
        total = emit.value(sums[0][v])
        for places in sums[1:]:
            total = builder.fadd(total, emit.value(places[v]))
        emit.store_masked(total, emit.moved(y, emit.lanes, v), masks[v])
