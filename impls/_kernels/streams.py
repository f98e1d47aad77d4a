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

        filter_row(taps, y, x, w, b, (first, last), (count, pad, step))

    with pointers, and computes, for first ≤ o < last,

        y[o] = b[0] + Σ_{t < taps} w[t] · x[o + t·step - pad]

    where x has `count` elements, and zeros before and behind them.
    """
    lengths = tuple(lengths)

    @intrinsic
    def filter_row(typing, taps, y, x, w, b, outputs, row):
        def generate(context, builder, signature, arguments):
            taps, *operands = arguments
            emit = Emitter(context, builder, signature.args[1].dtype)
            for case in emit.switch(taps, lengths):
                _Row(emit, case, *operands).write()
            return context.get_dummy_value()

        return types.void(types.intp, y, x, w, b, outputs, row), generate

    return filter_row


class _Row:
    """Writes the sums of one row: masked vectors at its ends, whole ones between them."""

    def __init__(self, emit: Emitter, taps: int, *operands) -> None:
        y, x, w, b, outputs, row = operands
        self._emit, self._builder, self._y = emit, emit.builder, y
        self._first, self._last = cgutils.unpack_tuple(emit.builder, outputs)
        self._count, self._pad, step = cgutils.unpack_tuple(emit.builder, row)
        self._bias = emit.spread(b)
        self._weights = [emit.spread(emit.moved(w, t)) for t in range(taps)]
        self._shifts = [self._builder.sub(emit.times(step, t), self._pad) for t in range(taps)]
        self._sources = [self._builder.gep(x, [shift]) for shift in self._shifts]

    def write(self) -> None:
        builder, emit = self._builder, self._emit
        lanes, width = emit.lanes, VECTORS * emit.lanes
        before = self._larger(builder.sub(self._pad, self._first), ir.Constant(INDEX, 0))
        heads = self._vectors(before, lanes, whole=False)
        inner = builder.add(self._first, emit.times(heads, lanes))
        self._each(self._first, heads, lanes, self._write_end)
        # Behind the last output whose taps all meet the row.
        reach = builder.sub(self._count, self._shifts[-1])
        outer = self._larger(self._smaller(self._last, reach), inner)
        blocks = self._vectors(builder.sub(outer, inner), width)
        done = self._each(inner, blocks, width, self._write_block)
        singles = self._vectors(builder.sub(outer, done), lanes)
        done = self._each(done, singles, lanes, self._write_vector)
        left = self._larger(builder.sub(self._last, done), ir.Constant(INDEX, 0))
        self._each(done, self._vectors(left, lanes, whole=False), lanes, self._write_end)

    def _vectors(self, outputs, width: int, *, whole: bool = True):
        """Return how many vectors so many outputs fill, or begin."""
        builder = self._builder
        if not whole:
            outputs = builder.add(outputs, ir.Constant(INDEX, width - 1))
        return builder.sdiv(outputs, ir.Constant(INDEX, width))

    def _each(self, start, number, width: int, write):
        """Write vectors one after the other; return where they end."""
        builder, emit = self._builder, self._emit
        with cgutils.for_range(builder, number) as loop:
            write(builder.add(start, emit.times(loop.index, width)))
        return builder.add(start, emit.times(number, width))

    def _sum(self, place):
        value = self._bias
        for weight, source in zip(self._weights, self._sources, strict=True):
            value = self._emit.fma(
                weight, self._emit.load(self._builder.gep(source, [place])), value
            )
        return value

    def _write_vector(self, place) -> None:
        self._emit.store(self._sum(place), self._builder.gep(self._y, [place]))

    def _write_block(self, place) -> None:
        places = [
            self._builder.add(place, ir.Constant(INDEX, v * self._emit.lanes))
            for v in range(VECTORS)
        ]
        for each, total in [(each, self._sum(each)) for each in places]:
            self._emit.store(total, self._builder.gep(self._y, [each]))

    def _write_end(self, place) -> None:
        """Write a vector some of whose taps may meet nothing."""
        builder, emit, value = self._builder, self._emit, self._bias
        for weight, source, shift in zip(self._weights, self._sources, self._shifts, strict=True):
            begins = builder.add(place, shift)
            there = emit.first_lanes(builder.sub(self._count, begins))
            missing = emit.first_lanes(builder.neg(begins))
            mask = builder.and_(there, builder.not_(missing))
            read = emit.load_masked(builder.gep(source, [place]), mask)
            value = emit.fma(weight, read, value)
        mask = emit.first_lanes(builder.sub(self._last, place))
        emit.store_masked(value, builder.gep(self._y, [place]), mask)

    def _larger(self, a, b):
        return self._builder.select(self._builder.icmp_signed(">", a, b), a, b)

    def _smaller(self, a, b):
        return self._builder.select(self._builder.icmp_signed("<", a, b), a, b)


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
