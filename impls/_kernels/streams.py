"""Sums of a few taps over long rows: what a sequence's short filter needs, at the memory's speed.

The number of taps is known when the code is written, so that the weights stay in registers and
every output is written once. Sums over many taps are those of taps.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import INDEX, Emitter

VECTORS = 4
"""Vectors of a row that are summed at once: as many chains of FMAs as hide each other's latency."""
ROWS = 4
"""Rows of channels that are summed at once: a row is then read once for all sums that need it."""


def row_filter(lengths: Iterable[int]):
    """Return a Numba function that slides a filter of one of `lengths` taps along a row.

    The function is called as

        filter_row(taps, y, x, w, b, count, step)

    with pointers, and computes, for j < count,

        y[j] = b[0] + Σ_{t < taps} w[t] · x[j + t·step]
    """
    lengths = tuple(lengths)

    @intrinsic
    def filter_row(typing, taps, y, x, w, b, count, step):
        def generate(context, builder, signature, arguments):
            taps, *operands = arguments
            emit = Emitter(context, builder, signature.args[1].dtype)
            for case in emit.switch(taps, lengths):
                _write_row(emit, case, operands)
            return context.get_dummy_value()

        return types.void(types.intp, y, x, w, b, types.intp, types.intp), generate

    return filter_row


def _write_row(emit: Emitter, taps: int, operands) -> None:
    builder = emit.builder
    y, x, w, b, count, step = operands
    bias = emit.spread(b)
    weights = [emit.spread(emit.moved(w, t)) for t in range(taps)]
    sources = [emit.moved(x, step, t) for t in range(taps)]

    def total(position, load):
        value = bias
        for weight, source in zip(weights, sources, strict=True):
            value = emit.fma(weight, load(builder.gep(source, [position])), value)
        return value

    width = VECTORS * emit.lanes
    blocks = builder.udiv(count, ir.Constant(INDEX, width))
    with cgutils.for_range(builder, blocks) as loop:
        start = emit.times(loop.index, width)
        places = [builder.add(start, ir.Constant(INDEX, v * emit.lanes)) for v in range(VECTORS)]
        for place, value in [(place, total(place, emit.load)) for place in places]:
            emit.store(value, builder.gep(y, [place]))
    done = emit.times(blocks, width)
    left = builder.sub(count, done)
    pieces = builder.udiv(
        builder.add(left, ir.Constant(INDEX, emit.lanes - 1)), ir.Constant(INDEX, emit.lanes)
    )
    with cgutils.for_range(builder, pieces) as loop:
        within = emit.times(loop.index, emit.lanes)
        mask = emit.first_lanes(builder.sub(left, within))
        place = builder.add(done, within)
        value = total(place, lambda pointer: emit.load_masked(pointer, mask))
        emit.store_masked(value, builder.gep(y, [place]), mask)


def channel_filter(lengths: Iterable[int]):
    """Return a Numba function that slides filters along rows of channels, one lane for each.

    The function is called as

        filter_channels(taps, y, x, w, b, count, row, step)

    with `View`s y and w (one row for each tap) and pointers x and b, and computes for `ROWS`
    neighbouring rows i and channels j < count

        y[i][j] = b[j] + Σ_{t < taps} w[t][j] · x[i·row + t·step + j]

    Where `step` is `row` a row of x is loaded once for all sums that it belongs to.
    """
    lengths = tuple(lengths)

    @intrinsic
    def filter_channels(typing, taps, y, x, w, b, count, row, step):
        def generate(context, builder, signature, arguments):
            taps, *operands = arguments
            emit = Emitter(context, builder, signature.args[2].dtype)
            for case in emit.switch(taps, lengths):
                _write_channels(emit, case, operands)
            return context.get_dummy_value()

        size = types.intp
        return types.void(size, y, x, w, b, size, size, size), generate

    return filter_channels


def _write_channels(emit: Emitter, taps: int, operands) -> None:
    builder = emit.builder
    y, x, w, b, count, row, step = operands
    (y, y_ld), (w, w_ld) = cgutils.unpack_tuple(builder, y), cgutils.unpack_tuple(builder, w)
    whole = builder.udiv(count, ir.Constant(INDEX, emit.lanes))

    def at_channel(position, load, store) -> None:
        at = {
            (i, t): builder.gep(emit.moved(emit.moved(x, row, i), step, t), [position])
            for i in range(ROWS)
            for t in range(taps)
        }
        bias = load(builder.gep(b, [position]))
        sums = [bias] * ROWS
        for t in range(taps):
            weight = load(builder.gep(emit.moved(w, w_ld, t), [position]))
            for i in range(ROWS):
                sums[i] = emit.fma(weight, load(at[i, t]), sums[i])
        for i, value in enumerate(sums):
            store(value, builder.gep(emit.moved(y, y_ld, i), [position]))

    with cgutils.for_range(builder, whole) as loop:
        at_channel(emit.times(loop.index, emit.lanes), emit.load, emit.store)
    done = emit.times(whole, emit.lanes)
    mask = emit.first_lanes(builder.sub(count, done))
    at_channel(
        done,
        lambda pointer: emit.load_masked(pointer, mask),
        lambda value, pointer: emit.store_masked(value, pointer, mask),
    )
