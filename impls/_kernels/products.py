"""Blocks of sums that stay in registers: matrix products, gathered rows, complex products."""

from __future__ import annotations

import functools
import itertools

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import CACHE_LINE_BYTES, INDEX, Emitter

CHAIN = 32


@functools.cache
def block_product(rows: int, vectors: int):
    """Return a Numba function that multiplies a block of `rows` by `vectors` vectors.

    The function is called as

        block(c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines)

    and computes, for i < rows and j < vectors·lanes,

        c[c_at + i·c_row + j]  (+)=  Σ_{k < depth} a[a_at + i·a_row + k]
                                                 · b[b_at + k·b_step + j]

    adding to c where `keep` is not 0. The sums stay in registers over the whole depth, in chains
    of `CHAIN` products that are added to totals: the error of one long chain grows with its length,
    and for the larger Winograd tiles it would outweigh that of the transforms.

    Before each chain the block asks for `lines` more cache lines of b from next_at on. A few at a
    time: a core that waits for more of them than it can keep track of (some two dozen) does nothing
    else.
    """

    @intrinsic
    def block(typing, c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines):
        at = types.intp
        signature = types.void(c, at, at, a, at, at, b, at, at, at, at, at, at)

        def generate(context, builder, signature, arguments):
            c, c_at, c_row, a, a_at, a_row, b, b_at, b_step, depth, keep, next_at, lines = arguments
            emit = Emitter(context, builder, signature.args[0])
            c_first = emit.start(signature.args[0], c, c_at)
            a_first = emit.start(signature.args[3], a, a_at)
            b_first = emit.start(signature.args[6], b, b_at)
            b_next = emit.start(signature.args[6], b, next_at)
            line = CACHE_LINE_BYTES // emit.itemsize
            places = [(i, v) for i in range(rows) for v in range(vectors)]
            targets = {
                (i, v): emit.moved(emit.moved(c_first, c_row, i), v * emit.lanes) for i, v in places
            }
            # Variables in LLVM's sense: its first pass turns them into registers.
            totals = {place: cgutils.alloca_once(builder, emit.vector) for place in places}
            sums = {place: cgutils.alloca_once(builder, emit.vector) for place in places}
            fresh = builder.icmp_signed("==", keep, ir.Constant(INDEX, 0))
            with builder.if_else(fresh) as (from_zero, from_c):
                with from_zero:
                    for place in places:
                        builder.store(emit.zero, totals[place])
                with from_c:
                    for place in places:
                        builder.store(emit.load(targets[place]), totals[place])
            chain = ir.Constant(INDEX, CHAIN)
            chains = builder.udiv(builder.add(depth, ir.Constant(INDEX, CHAIN - 1)), chain)
            with cgutils.for_range(builder, chains) as outer:
                first = builder.mul(outer.index, chain)
                left = builder.sub(depth, first)
                length = builder.select(emit.less(left, CHAIN), left, chain)
                asked = emit.moved(b_next, builder.mul(outer.index, lines), line)
                with cgutils.for_range(builder, lines) as asking:
                    emit.prefetch(emit.moved(asked, asking.index, line))
                for place in places:
                    builder.store(emit.zero, sums[place])
                with cgutils.for_range(builder, length) as loop:
                    k = builder.add(first, loop.index)
                    b_row = emit.moved(b_first, builder.mul(k, b_step))
                    row = [emit.load(emit.moved(b_row, v * emit.lanes)) for v in range(vectors)]
                    a_column = emit.moved(a_first, k)
                    for i in range(rows):
                        factor = emit.spread(emit.moved(a_column, a_row, i))
                        for v in range(vectors):
                            emit.accumulate(sums[i, v], (factor, row[v]))
                for place in places:
                    total = builder.load(totals[place], typ=emit.vector)
                    added = builder.load(sums[place], typ=emit.vector)
                    builder.store(builder.fadd(total, added), totals[place])
            for place in places:
                emit.store(builder.load(totals[place], typ=emit.vector), targets[place])
            return context.get_dummy_value()

        return signature, generate

    return block


@functools.cache
def gather_product(rows: int, vectors: int):
    """Return a Numba function that multiplies rows gathered from an array, as a convolution does.

    The function is called as

        block(c, c_at, c_row, d, d_at, x, x_at, places, p_at, taps, t_at,
              b, b_at, b_step, depth, keep)

    and computes, for i < rows and j < vectors·lanes,

        c[c_at + i·c_row + j] = d[d_at + j] + Σ_{k < depth} x[at(i, k)] · b[b_at + k·b_step + j]

    where at(i, k) = x_at + places[p_at + i] + taps[t_at + k], with c itself in place of d where
    `keep` is not 0. Neither the windows nor their
    padding have to be written down: any kernel, stride, dilation and memory format is a matter of
    the two tables.
    """

    @intrinsic
    def block(
        typing, c, c_at, c_row, d, d_at, x, x_at, places, p_at, taps, t_at, b, b_at, b_step, depth,
        keep,
    ):  # fmt: skip
        at = types.intp
        signature = types.void(
            c, at, at, d, at, x, at, places, at, taps, at, b, at, at, at, at
        )  # fmt: skip

        def generate(context, builder, signature, arguments):
            (
                c, c_at, c_row, d, d_at, x, x_at, places, p_at, taps, t_at, b, b_at, b_step, depth,
                keep,
            ) = arguments  # fmt: skip
            emit = Emitter(context, builder, signature.args[0])
            c_first = emit.start(signature.args[0], c, c_at)
            d_first = emit.start(signature.args[3], d, d_at)
            x_first = emit.start(signature.args[5], x, x_at)
            first_place = emit.start(signature.args[7], places, p_at)
            first_tap = emit.start(signature.args[9], taps, t_at)
            b_first = emit.start(signature.args[11], b, b_at)
            targets = {
                (i, v): emit.moved(emit.moved(c_first, c_row, i), v * emit.lanes)
                for i in range(rows)
                for v in range(vectors)
            }
            sums = {place: cgutils.alloca_once(builder, emit.vector) for place in targets}
            fresh = builder.icmp_signed("==", keep, ir.Constant(INDEX, 0))
            with builder.if_else(fresh) as (from_d, from_c):
                with from_d:
                    for v in range(vectors):
                        start = emit.load(emit.moved(d_first, v * emit.lanes))
                        for i in range(rows):
                            builder.store(start, sums[i, v])
                with from_c:
                    for place, target in targets.items():
                        builder.store(emit.load(target), sums[place])
            windows = [
                emit.moved(x_first, builder.load(emit.moved(first_place, i), typ=INDEX))
                for i in range(rows)
            ]
            with cgutils.for_range(builder, depth) as loop:
                tap = builder.load(emit.moved(first_tap, loop.index), typ=INDEX)
                b_row = emit.moved(b_first, builder.mul(loop.index, b_step))
                row = [emit.load(emit.moved(b_row, v * emit.lanes)) for v in range(vectors)]
                for i, window in enumerate(windows):
                    factor = emit.spread(emit.moved(window, tap))
                    for v in range(vectors):
                        emit.accumulate(sums[i, v], (factor, row[v]))
            for place, target in targets.items():
                emit.store(builder.load(sums[place], typ=emit.vector), target)
            return context.get_dummy_value()

        return signature, generate

    return block


@functools.cache
def complex_product(rows: int):
    """Return a Numba function that sums complex products, one lane for each frequency.

    The function is called as

        block(y, y_at, y_row, x, x_at, x_row, w, w_at, w_row, depth)

    and computes, for i < rows and the frequencies f of one vector,

        y[i][f] = Σ_{c < depth} x[c][f] · w[i][c][f]

    x and y lie as torch keeps complex numbers, real and imaginary part in turn, row c of x at
    x_at + c·x_row. w has a vector of real parts and then one of imaginary parts for each i and c.
    Positions are counted in real numbers.
    """

    @intrinsic
    def block(typing, y, y_at, y_row, x, x_at, x_row, w, w_at, w_row, depth):
        at = types.intp
        signature = types.void(y, at, at, x, at, at, w, at, at, at)

        def generate(context, builder, signature, arguments):
            y, y_at, y_row, x, x_at, x_row, w, w_at, w_row, depth = arguments
            emit = Emitter(context, builder, signature.args[0])
            y_first = emit.start(signature.args[0], y, y_at)
            x_first = emit.start(signature.args[3], x, x_at)
            w_first = emit.start(signature.args[6], w, w_at)
            sums = [
                tuple(cgutils.alloca_once(builder, emit.vector) for _ in range(2))
                for _ in range(rows)
            ]
            for place in itertools.chain(*sums):
                builder.store(emit.zero, place)
            with cgutils.for_range(builder, depth) as loop:
                start = emit.moved(x_first, builder.mul(loop.index, x_row))
                both = emit.load(start), emit.load(emit.moved(start, emit.lanes))
                real, imaginary = (
                    builder.shuffle_vector(*both, emit.lane_indices(range(part, 2 * emit.lanes, 2)))
                    for part in (0, 1)
                )
                negative = builder.fsub(emit.zero, imaginary)
                w_column = emit.moved(w_first, emit.times(loop.index, 2 * emit.lanes))
                for i, (real_sum, imaginary_sum) in enumerate(sums):
                    factor = emit.moved(w_column, w_row, i)
                    w_real, w_imaginary = (
                        emit.load(factor),
                        emit.load(emit.moved(factor, emit.lanes)),
                    )
                    emit.accumulate(real_sum, (real, w_real), (negative, w_imaginary))
                    emit.accumulate(imaginary_sum, (real, w_imaginary), (imaginary, w_real))
            for i, places in enumerate(sums):
                parts = [builder.load(place, typ=emit.vector) for place in places]
                for half, first in enumerate((0, emit.lanes // 2)):
                    target = emit.moved(emit.moved(y_first, y_row, i), half * emit.lanes)
                    emit.store(emit.interleave(*parts, first), target)
            return context.get_dummy_value()

        return signature, generate

    return block
