"""Sums of shifted copies of an array: a convolution's taps over a whole plane.

A matrix product whose second matrix is never written down: its rows overlap in the array.
"""

from __future__ import annotations

from collections.abc import Mapping

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import INDEX, Emitter


def tap_product(blocks: Mapping[int, tuple[int, int]]):
    """Return a Numba function that sums the taps of several output rows that read the same input.

    Args:
        blocks: (rows, vectors) of each block, by the number that picks it.

    The function is called as

        sum_taps(block, y, w, b, x, taps, count, steps)

    with `View`s y and w, pointers b, x and taps, and computes, for i < rows, j < vectors·lanes,

        y[i][j] = b[i] + Σ_{t < count} w[i][t] · x[taps[t] + j]

    `steps` is None where the vectors of a row are neighbours, else the distances from one to the
    next in y and in x.
    """

    @intrinsic
    def sum_taps(typing, block, y, w, b, x, taps, count, steps):
        def generate(context, builder, signature, arguments):
            picked, *operands, steps = arguments
            emit = Emitter(context, builder, signature.args[1][0].dtype)
            for case in emit.switch(picked, blocks):
                _write_taps(emit, *blocks[case], operands, _steps(emit, signature, steps))
            return context.get_dummy_value()

        return types.void(types.intp, y, w, b, x, taps, types.intp, steps), generate

    return sum_taps


def _write_taps(emit: Emitter, rows: int, vectors: int, operands, steps) -> None:
    builder = emit.builder
    y, w, b, x, taps, count = operands
    (y, y_ld), (w, w_ld) = cgutils.unpack_tuple(builder, y), cgutils.unpack_tuple(builder, w)
    y_step, x_step = steps
    sums = _sums(emit, rows, vectors)
    for i in range(rows):
        start = emit.spread(emit.moved(b, i))
        for v in range(vectors):
            builder.store(start, sums[i, v])
    with cgutils.for_range(builder, count) as loop:
        values = _shifted(emit, x, x_step, taps, loop.index, vectors)
        w_tap = emit.moved(w, loop.index)
        _add_products(emit, sums, values, {i: emit.moved(w_tap, w_ld, i) for i in range(rows)})
    for (i, v), total in sums.items():
        emit.store(emit.value(total), emit.moved(emit.moved(y, y_ld, i), y_step, v))


def panel_tap_product(blocks: Mapping[int, tuple[int, int]]):
    """Return a Numba function that does the same with weights in panels, a part of the taps a call.

    The function is called as

        sum_taps(block, y, w, b, x, taps, count, keep)

    with a `View` y and pointers w, b, x and taps, and computes, for i < rows, j < vectors·lanes,

        y[i][j] = b[i] + Σ_{t < count} w[t·rows + i] · x[taps[t] + j]

    with y itself in place of b where `keep` is not 0.
    """

    @intrinsic
    def sum_taps(typing, block, y, w, b, x, taps, count, keep):
        def generate(context, builder, signature, arguments):
            picked, *operands = arguments
            emit = Emitter(context, builder, signature.args[1][0].dtype)
            for case in emit.switch(picked, blocks):
                _write_panel_taps(emit, *blocks[case], operands)
            return context.get_dummy_value()

        return types.void(types.intp, y, w, b, x, taps, types.intp, types.intp), generate

    return sum_taps


def _write_panel_taps(emit: Emitter, rows: int, vectors: int, operands) -> None:
    builder = emit.builder
    y, w, b, x, taps, count, keep = operands
    y, y_ld = cgutils.unpack_tuple(builder, y)
    sums = _sums(emit, rows, vectors)
    targets = {(i, v): emit.moved(emit.moved(y, y_ld, i), v * emit.lanes) for i, v in sums}
    fresh = builder.icmp_signed("==", keep, ir.Constant(INDEX, 0))
    with builder.if_else(fresh) as (from_b, from_y):
        with from_b:
            for i in range(rows):
                start = emit.spread(emit.moved(b, i))
                for v in range(vectors):
                    builder.store(start, sums[i, v])
        with from_y:
            for key, target in targets.items():
                builder.store(emit.load(target), sums[key])
    with cgutils.for_range(builder, count) as loop:
        values = _shifted(emit, x, emit.lanes, taps, loop.index, vectors)
        w_tap = emit.moved(w, emit.times(loop.index, rows))
        _add_products(emit, sums, values, {i: emit.moved(w_tap, i) for i in range(rows)})
    for key, target in targets.items():
        emit.store(emit.value(sums[key]), target)


def stack_product(blocks: Mapping[int, tuple[int, int]]):
    """Return a Numba function that sums the taps of neighbouring output rows at once.

    Args:
        blocks: (rows, vectors) of each block, by the number that picks it.

    The function is called as

        sum_stack(block, y, w, b, x, taps, sizes, steps)

    with a `View` y, pointers w, b, x and taps, and the sizes (columns, kernel_h, kernel_w). It
    computes, for i < rows and j < columns (at most vectors·lanes), with S = kernel_w and RS taps,

        y[i][j] = b[0] + Σ_{n < RS} w[n] · x[taps[n + i·S] + j]

    taps[n] is the shift of tap n % S in row n / S of the input, which has rows - 1 more than the
    kernel. Each x is loaded once, for all output rows that need it: one in the first row, all from
    row `rows` on, one in the last. Needs kernel_h >= rows - 1. `steps` as for `tap_product`.
    """

    @intrinsic
    def sum_stack(typing, block, y, w, b, x, taps, sizes, steps):
        def generate(context, builder, signature, arguments):
            picked, *operands, steps = arguments
            emit = Emitter(context, builder, signature.args[1][0].dtype)
            for case in emit.switch(picked, blocks):
                _write_stack(emit, *blocks[case], operands, _steps(emit, signature, steps))
            return context.get_dummy_value()

        return types.void(types.intp, y, w, b, x, taps, sizes, steps), generate

    return sum_stack


def _write_stack(emit: Emitter, rows: int, vectors: int, operands, steps) -> None:
    builder = emit.builder
    y, w, b, x, taps, sizes = operands
    y, y_ld = cgutils.unpack_tuple(builder, y)
    columns, kernel_h, kernel_w = cgutils.unpack_tuple(builder, sizes)
    y_step, x_step = steps
    bias = emit.spread(b)
    sums = _sums(emit, rows, vectors)
    for total in sums.values():
        builder.store(bias, total)

    def meet(first, last, output_rows) -> None:
        """Add the taps from `first` to `last` to the output rows that they belong to."""
        with cgutils.for_range(builder, builder.sub(last, first)) as loop:
            n = builder.add(first, loop.index)
            values = _shifted(emit, x, x_step, taps, n, vectors)
            w_tap = emit.moved(w, n)
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
        # Vectors that are no neighbours lie in different rows, each of `columns` columns.
        before = v * emit.lanes if isinstance(y_step, int) else 0
        mask = emit.first_lanes(builder.sub(columns, ir.Constant(INDEX, before)))
        for i in range(rows):
            target = emit.moved(emit.moved(y, y_ld, i), y_step, v)
            emit.store_masked(emit.value(sums[i, v]), target, mask)


def _steps(emit: Emitter, signature, steps):
    """Return the distances from one vector to the next in y and in x."""
    if isinstance(signature.args[-1], types.NoneType):
        return emit.lanes, emit.lanes
    return cgutils.unpack_tuple(emit.builder, steps)


def _sums(emit: Emitter, rows: int, vectors: int):
    return emit.variables((i, v) for i in range(rows) for v in range(vectors))


def _shifted(emit: Emitter, x, x_step, taps, n, vectors: int):
    """Return the vectors of x that tap n meets."""
    shift = emit.builder.load(emit.moved(taps, n), typ=INDEX)
    x_tap = emit.moved(x, shift)
    return [emit.load(emit.moved(x_tap, x_step, v)) for v in range(vectors)]


def _add_products(emit: Emitter, sums, values, weights) -> None:
    """Add the vectors, times the weight at each row's pointer, to the sums of that row."""
    for i, pointer in weights.items():
        factor = emit.spread(pointer)
        for v, value in enumerate(values):
            emit.accumulate(sums[i, v], (factor, value))
