"""Copies of rows: as they are, even and odd columns apart, rows and columns swapped."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import CACHE_LINE_BYTES, INDEX, Emitter


@intrinsic
def copy_rows(typing, y, y_at, y_row, x, x_at, x_row, rows, count):
    """Copy `rows` rows of `count` elements: y[y_at + i·y_row + j] = x[x_at + i·x_row + j].

    A row ends in a masked vector: short rows are many, and no element is copied singly.
    """
    at = types.intp
    signature = types.void(y, at, at, x, at, at, at, at)

    def generate(context, builder, signature, arguments):
        y, y_at, y_row, x, x_at, x_row, rows, count = arguments
        emit = Emitter(context, builder, signature.args[0])
        y_first = emit.start(signature.args[0], y, y_at)
        x_first = emit.start(signature.args[3], x, x_at)
        whole = builder.udiv(count, ir.Constant(INDEX, emit.lanes))
        done = emit.times(whole, emit.lanes)
        mask = emit.first_lanes(builder.sub(count, done))
        with cgutils.for_range(builder, rows) as loop:
            target = emit.moved(y_first, builder.mul(loop.index, y_row))
            source = emit.moved(x_first, builder.mul(loop.index, x_row))
            with cgutils.for_range(builder, whole) as inner:
                emit.copy(target, source, emit.times(inner.index, emit.lanes))
            emit.store_masked(
                emit.load_masked(emit.moved(source, done), mask), emit.moved(target, done), mask
            )
        return context.get_dummy_value()

    return signature, generate


def _prefetch(*, to_write: bool):
    @intrinsic
    def prefetch(typing, x, x_at, count):
        at = types.intp
        signature = types.void(x, at, at)

        def generate(context, builder, signature, arguments):
            x, x_at, count = arguments
            emit = Emitter(context, builder, signature.args[0])
            first = emit.start(signature.args[0], x, x_at)
            line = ir.Constant(INDEX, CACHE_LINE_BYTES // emit.itemsize)
            last = builder.sub(line, ir.Constant(INDEX, 1))
            lines = builder.udiv(builder.add(count, last), line)
            with cgutils.for_range(builder, lines) as loop:
                emit.prefetch(
                    builder.gep(first, [builder.mul(loop.index, line)]), to_write=to_write
                )
            return context.get_dummy_value()

        return signature, generate

    return prefetch


prefetch = _prefetch(to_write=False)
"""prefetch(x, x_at, count): let x[x_at : x_at + count] come into the cache beside other work."""
prefetch_to_write = _prefetch(to_write=True)
"""The same for what is going to be overwritten."""


@intrinsic
def split_rows(typing, y, even_at, odd_at, y_row, x, x_at, x_row, rows, count):
    """Copy the even and the odd columns of `rows` rows of `count` elements to separate places.

    y[even_at + i·y_row + j] = x[x_at + i·x_row + 2j]
    y[odd_at + i·y_row + j] = x[x_at + i·x_row + 2j + 1]
    """
    at = types.intp
    signature = types.void(y, at, at, at, x, at, at, at, at)

    def generate(context, builder, signature, arguments):
        y, even_at, odd_at, y_row, x, x_at, x_row, rows, count = arguments
        emit = Emitter(context, builder, signature.args[0])
        targets = [emit.start(signature.args[0], y, place) for place in (even_at, odd_at)]
        x_first = emit.start(signature.args[4], x, x_at)
        two = ir.Constant(INDEX, 2)
        vectors = builder.udiv(count, ir.Constant(INDEX, 2 * emit.lanes))
        done = emit.times(vectors, emit.lanes)
        with cgutils.for_range(builder, rows) as loop:
            source = emit.moved(x_first, builder.mul(loop.index, x_row))
            row = builder.mul(loop.index, y_row)
            with cgutils.for_range(builder, vectors) as inner:
                pairs = emit.times(inner.index, emit.lanes)
                start = emit.moved(source, builder.mul(pairs, two))
                both = emit.load(start), emit.load(emit.moved(start, emit.lanes))
                for parity, target in enumerate(targets):
                    lanes = emit.lane_indices([2 * i + parity for i in range(emit.lanes)])
                    chosen = builder.shuffle_vector(*both, lanes)
                    emit.store(chosen, emit.moved(emit.moved(target, row), pairs))
            for parity, target in enumerate(targets):
                left = builder.sub(count, ir.Constant(INDEX, parity))
                pairs = builder.udiv(builder.add(left, ir.Constant(INDEX, 1)), two)
                with cgutils.for_range(builder, pairs, start=done) as inner:
                    place = builder.add(builder.mul(inner.index, two), ir.Constant(INDEX, parity))
                    value = builder.load(emit.moved(source, place), typ=emit.element)
                    builder.store(value, emit.moved(emit.moved(target, row), inner.index))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def transpose(typing, y, y_at, y_row, x, x_at, x_row):
    """Transpose a square of as many rows and columns as a vector has lanes.

        y[y_at + j·y_row + i] = x[x_at + i·x_row + j]

    Interleaving the first half of the rows with the second moves every element's index bits round
    by one; after as many steps as an index has bits, rows and columns have changed places.
    """
    at = types.intp
    signature = types.void(y, at, at, x, at, at)

    def generate(context, builder, signature, arguments):
        y, y_at, y_row, x, x_at, x_row = arguments
        emit = Emitter(context, builder, signature.args[0])
        x_first = emit.start(signature.args[3], x, x_at)
        y_first = emit.start(signature.args[0], y, y_at)
        lanes = emit.lanes
        rows = [emit.load(emit.moved(x_first, x_row, i)) for i in range(lanes)]
        half = lanes // 2
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(rows[:half], rows[half:], strict=True)
            rows = [emit.interleave(a, b, part) for a, b in pairs for part in (0, half)]
        for j, row in enumerate(rows):
            emit.store(row, emit.moved(y_first, y_row, j))
        return context.get_dummy_value()

    return signature, generate
