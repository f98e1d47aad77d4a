"""Blocks of a convolution's taps that stay in registers: sums of shifted copies of a plane."""

from __future__ import annotations

import functools

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import INDEX, Emitter


@functools.cache
def tap_product(rows: int, vectors: int, *, apart: bool = False):
    """Return a Numba function that sums shifted copies of one array: a convolution's taps.

    The function is called as

        block(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)

    and computes, for i < rows and j < vectors·lanes,

        y[y_at + i·y_row + j] = b[b_at + i] + Σ_{t < count} w[w_at + i·w_row + t]
                                                          · x[x_at + taps[t] + j]

    A matrix product whose second matrix is never written down: its rows overlap in x.

    Blocks whose vectors lie `apart` take two more arguments, y_step and x_step, the distances from
    one vector to the next in y and in x.
    """

    def generate(context, builder, signature, arguments):
        y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count, *steps = arguments
        emit = Emitter(context, builder, signature.args[0])
        y_step, x_step = steps or (emit.lanes, emit.lanes)
        y_first = emit.start(signature.args[0], y, y_at)
        w_first = emit.start(signature.args[3], w, w_at)
        b_first = emit.start(signature.args[6], b, b_at)
        x_first = emit.start(signature.args[8], x, x_at)
        shifts = emit.start(signature.args[10], taps, 0)
        sums = _sums(emit, rows, vectors)
        for i in range(rows):
            start = emit.spread(emit.moved(b_first, i))
            for v in range(vectors):
                builder.store(start, sums[i, v])
        with cgutils.for_range(builder, count) as loop:
            values = _shifted(emit, x_first, x_step, shifts, loop.index, vectors)
            w_tap = emit.moved(w_first, loop.index)
            _add_products(emit, sums, values, {i: emit.moved(w_tap, w_row, i) for i in range(rows)})
        for (i, v), place in sums.items():
            target = emit.moved(emit.moved(y_first, y_row, i), y_step, v)
            emit.store(builder.load(place, typ=emit.vector), target)
        return context.get_dummy_value()

    if apart:

        @intrinsic
        def block(
            typing, y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count, y_step, x_step
        ):
            at = types.intp
            return types.void(y, at, at, w, at, at, b, at, x, at, taps, at, at, at), generate

    else:

        @intrinsic
        def block(typing, y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count):
            at = types.intp
            return types.void(y, at, at, w, at, at, b, at, x, at, taps, at), generate

    return block


@functools.cache
def stack_product(rows: int, vectors: int, *, apart: bool = False):
    """Return a Numba function that sums the taps of `rows` neighbouring output rows at once.

    The function is called as

        block(y, y_at, y_row, columns, w, w_at, b, b_at, x, x_at, taps, kernel_h, kernel_w)

    and computes, for i < rows and j < columns (at most vectors·lanes), with S = kernel_w and RS
    taps in all,

        y[y_at + i·y_row + j] = b[b_at] + Σ_{n < RS} w[w_at + n] · x[x_at + taps[n + i·S] + j]

    taps[n] is the shift of tap n % S in row n / S of the input, which has rows - 1 more than the
    kernel. Each x is loaded once, for all output rows that need it: one in the first row, all from
    row `rows` on, one in the last. Needs kernel_h >= rows - 1. `apart` as for `tap_product`.
    """

    def generate(context, builder, signature, arguments):
        y, y_at, y_row, columns, w, w_at, b, b_at, x, x_at, taps, *more = arguments
        kernel_h, kernel_w, *steps = more
        emit = Emitter(context, builder, signature.args[0])
        y_step, x_step = steps or (emit.lanes, emit.lanes)
        y_first = emit.start(signature.args[0], y, y_at)
        w_first = emit.start(signature.args[4], w, w_at)
        bias = emit.spread(emit.start(signature.args[6], b, b_at))
        x_first = emit.start(signature.args[8], x, x_at)
        shifts = emit.start(signature.args[10], taps, 0)
        sums = _sums(emit, rows, vectors)
        for place in sums.values():
            builder.store(bias, place)

        def meet(first, last, output_rows) -> None:
            """Add the taps from `first` to `last` to the output rows that they belong to."""
            with cgutils.for_range(builder, builder.sub(last, first)) as loop:
                n = builder.add(first, loop.index)
                values = _shifted(emit, x_first, x_step, shifts, n, vectors)
                w_tap = emit.moved(w_first, n)
                weights = {i: emit.moved(w_tap, kernel_w, -i) for i in output_rows}
                _add_products(emit, sums, values, weights)

        whole = builder.mul(kernel_h, kernel_w)
        for t in range(rows - 1):
            meet(emit.times(kernel_w, t), emit.times(kernel_w, t + 1), range(t + 1))
        meet(emit.times(kernel_w, rows - 1), whole, range(rows))
        for t in range(rows - 1):
            first = builder.add(whole, emit.times(kernel_w, t))
            meet(first, builder.add(first, kernel_w), range(t + 1, rows))
        for v in range(vectors):
            before = 0 if apart else v * emit.lanes
            mask = emit.first_lanes(builder.sub(columns, ir.Constant(INDEX, before)))
            for i in range(rows):
                target = emit.moved(emit.moved(y_first, y_row, i), y_step, v)
                emit.store_masked(builder.load(sums[i, v], typ=emit.vector), target, mask)
        return context.get_dummy_value()

    if apart:

        @intrinsic
        def block(
            typing, y, y_at, y_row, columns, w, w_at, b, b_at, x, x_at, taps,
            kernel_h, kernel_w, y_step, x_step,
        ):  # fmt: skip
            at = types.intp
            return types.void(y, at, at, at, w, at, b, at, x, at, taps, at, at, at, at), generate

    else:

        @intrinsic
        def block(
            typing, y, y_at, y_row, columns, w, w_at, b, b_at, x, x_at, taps, kernel_h, kernel_w
        ):
            at = types.intp
            return types.void(y, at, at, at, w, at, b, at, x, at, taps, at, at), generate

    return block


def _sums(emit: Emitter, rows: int, vectors: int):
    """Return a variable, in LLVM's sense, for each vector of each row."""
    return {
        (i, v): cgutils.alloca_once(emit.builder, emit.vector)
        for i in range(rows)
        for v in range(vectors)
    }


def _shifted(emit: Emitter, x_first, x_step, shifts, n, vectors: int):
    """Return the vectors of x that tap n meets."""
    shift = emit.builder.load(emit.moved(shifts, n), typ=INDEX)
    x_tap = emit.moved(x_first, shift)
    return [emit.load(emit.moved(x_tap, x_step, v)) for v in range(vectors)]


def _add_products(emit: Emitter, sums, values, weights) -> None:
    """Add the vectors, times the weight at each row's pointer, to the sums of that row."""
    for i, pointer in weights.items():
        factor = emit.spread(pointer)
        for v, value in enumerate(values):
            emit.accumulate(sums[i, v], (factor, value))
