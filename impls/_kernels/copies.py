"""Copies of rows: as they are, even and odd columns apart or joined, rows and columns swapped."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.pointers import View, at
from impls._kernels.vector import CACHE_LINE_BYTES, INDEX, Emitter
from impls._numba import njit


@intrinsic
def copy_rows(typing, y, x, rows, count):
    """Copy `rows` rows of `count` elements between two `View`s: y[i][j] = x[i][j].

    A row ends in a masked vector: short rows are many, and no element is copied singly.
    """

    def generate(context, builder, signature, arguments):
        y, x, rows, count = arguments
        emit = Emitter(context, builder, signature.args[0][0].dtype)
        (y, y_ld), (x, x_ld) = cgutils.unpack_tuple(builder, y), cgutils.unpack_tuple(builder, x)
        whole = builder.udiv(count, ir.Constant(INDEX, emit.lanes))
        done = emit.times(whole, emit.lanes)
        mask = emit.first_lanes(builder.sub(count, done))
        with cgutils.for_range(builder, rows) as loop:
            target = emit.moved(y, builder.mul(loop.index, y_ld))
            source = emit.moved(x, builder.mul(loop.index, x_ld))
            with cgutils.for_range(builder, whole) as inner:
                emit.copy(target, source, emit.times(inner.index, emit.lanes))
            # Masked loads and stores of nothing are among the slowest instructions there are.
            with builder.if_then(builder.icmp_signed("<", done, count)):
                rest = emit.load_masked(emit.moved(source, done), mask)
                emit.store_masked(rest, emit.moved(target, done), mask)
        return context.get_dummy_value()

    return types.void(y, x, types.intp, types.intp), generate


def _prefetch(*, to_write: bool):
    @intrinsic
    def prefetch(typing, x, count):
        def generate(context, builder, signature, arguments):
            x, count = arguments
            emit = Emitter(context, builder, signature.args[0].dtype)
            line = ir.Constant(INDEX, CACHE_LINE_BYTES // emit.itemsize)
            last = builder.sub(line, ir.Constant(INDEX, 1))
            lines = builder.udiv(builder.add(count, last), line)
            with cgutils.for_range(builder, lines) as loop:
                emit.prefetch(builder.gep(x, [builder.mul(loop.index, line)]), to_write=to_write)
            return context.get_dummy_value()

        return types.void(x, types.intp), generate

    return prefetch


prefetch = _prefetch(to_write=False)
"""prefetch(x, count): let so many elements from a pointer on come into the cache meanwhile."""
prefetch_to_write = _prefetch(to_write=True)
"""The same for what is going to be overwritten."""


@intrinsic
def split_rows(typing, even, odd, x, rows, count):
    """Copy the even and the odd columns of `rows` rows of `count` elements to separate `View`s.

    even[i][j] = x[i][2j]
    odd[i][j] = x[i][2j + 1]
    """

    def generate(context, builder, signature, arguments):
        *matrices, rows, count = arguments
        emit = Emitter(context, builder, signature.args[0][0].dtype)
        even, odd, (x, x_ld) = (cgutils.unpack_tuple(builder, matrix) for matrix in matrices)
        two = ir.Constant(INDEX, 2)
        vectors = builder.udiv(count, ir.Constant(INDEX, 2 * emit.lanes))
        done = emit.times(vectors, emit.lanes)
        with cgutils.for_range(builder, rows) as loop:
            source = emit.moved(x, builder.mul(loop.index, x_ld))
            targets = [emit.moved(start, builder.mul(loop.index, ld)) for start, ld in (even, odd)]
            with cgutils.for_range(builder, vectors) as inner:
                pairs = emit.times(inner.index, emit.lanes)
                start = emit.moved(source, builder.mul(pairs, two))
                both = emit.load(start), emit.load(emit.moved(start, emit.lanes))
                for parity, target in enumerate(targets):
                    lanes = emit.lane_indices([2 * i + parity for i in range(emit.lanes)])
                    emit.store(builder.shuffle_vector(*both, lanes), emit.moved(target, pairs))
            for parity, target in enumerate(targets):
                left = builder.sub(count, ir.Constant(INDEX, parity))
                pairs = builder.udiv(builder.add(left, ir.Constant(INDEX, 1)), two)
                with cgutils.for_range(builder, pairs, start=done) as inner:
                    position = builder.add(
                        builder.mul(inner.index, two), ir.Constant(INDEX, parity)
                    )
                    value = builder.load(emit.moved(source, position), typ=emit.element)
                    builder.store(value, emit.moved(target, inner.index))
        return context.get_dummy_value()

    return types.void(even, odd, x, types.intp, types.intp), generate


@intrinsic
def join_rows(typing, y, even, odd, pairs):
    """Interleave two rows of `pairs` elements: y[2j] = even[j], y[2j + 1] = odd[j]; pointers."""

    def generate(context, builder, signature, arguments):
        y, even, odd, pairs = arguments
        emit = Emitter(context, builder, signature.args[0].dtype)
        vectors = builder.udiv(pairs, ir.Constant(INDEX, emit.lanes))
        with cgutils.for_range(builder, vectors) as loop:
            place = emit.times(loop.index, emit.lanes)
            a, b = (emit.load(builder.gep(x, [place])) for x in (even, odd))
            goal = builder.gep(y, [emit.times(place, 2)])
            for part in range(2):
                joined = emit.interleave(a, b, part * emit.lanes // 2)
                emit.store(joined, emit.moved(goal, part * emit.lanes))
        with cgutils.for_range(builder, pairs, start=emit.times(vectors, emit.lanes)) as loop:
            for parity, x in enumerate((even, odd)):
                value = builder.load(builder.gep(x, [loop.index]), typ=emit.element)
                goal = builder.gep(y, [emit.times(loop.index, 2)])
                builder.store(value, emit.moved(goal, parity))
        return context.get_dummy_value()

    return types.void(y, even, odd, types.intp), generate


@intrinsic
def _transpose_square(typing, y, x):
    """Transpose a square of as many rows and columns as a vector has lanes: y[j][i] = x[i][j].

    Interleaving the first half of the rows with the second moves every element's index bits round
    by one; after as many steps as an index has bits, rows and columns have changed places.
    """

    def generate(context, builder, signature, arguments):
        y, x = arguments
        emit = Emitter(context, builder, signature.args[0][0].dtype)
        (y, y_ld), (x, x_ld) = cgutils.unpack_tuple(builder, y), cgutils.unpack_tuple(builder, x)
        lanes = emit.lanes
        rows = [emit.load(emit.moved(x, x_ld, i)) for i in range(lanes)]
        half = lanes // 2
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(rows[:half], rows[half:], strict=True)
            rows = [emit.interleave(a, b, part) for a, b in pairs for part in (0, half)]
        for j, row in enumerate(rows):
            emit.store(row, emit.moved(y, y_ld, j))
        return context.get_dummy_value()

    return types.void(y, x), generate


@njit(cache=True)
def copy_transposed(y, x, rows, columns, lanes):
    """Copy x[i][j] to y[j][i], in squares if one fits; the last ones overlap those before them."""
    if rows < lanes or columns < lanes:
        for i in range(rows):
            for j in range(columns):
                y.start[j * y.ld + i] = x.start[i * x.ld + j]
        return
    i = 0
    # `while`, as a `range` with a step that is no constant costs a division.
    while i < rows:
        i = min(i, rows - lanes)
        j = 0
        while j < columns:
            j = min(j, columns - lanes)
            _transpose_square(
                View(at(y.start, j * y.ld + i), y.ld), View(at(x.start, i * x.ld + j), x.ld)
            )
            j += lanes
        i += lanes
