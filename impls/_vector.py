"""Vector code for Numba, where its automatic vectorisation stops: blocks kept in registers.

Numba compiles array loops well, yet it will not keep a block of sums in registers across a loop,
and that decides whether a matrix product runs at a tenth or at nine tenths of the machine's peak.
The functions here emit LLVM's vector instructions for such blocks and for the transforms of
Winograd. They take arrays that are contiguous in memory and positions counted in elements, and
check nothing, as in C.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Sequence
from fractions import Fraction

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._cook_toom import Matrix

_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)


@functools.cache
def _vector_bytes() -> int:
    """Return 64 with AVX-512 and 32 elsewhere; LLVM splits what a machine lacks."""
    return 64 if binding.get_host_cpu_features().get("avx512f") else 32


VECTOR_BYTES = _vector_bytes()
# A block of 6 by 2 vectors needs 12 registers for its sums, 2 for a row of B and 1 for an element
# of A: 15 of the 16 that AVX2 has. 12 independent sums also cover the latency of an FMA.
BLOCK_ROWS = 6
BLOCK_VECTORS = 2


class _Emitter:
    """Shorthands for the instructions that the blocks are made of, for one element type."""

    def __init__(self, context, builder, array_type) -> None:
        self._context = context
        self.builder = builder
        self.element = context.get_data_type(array_type.dtype)
        self.itemsize = array_type.dtype.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(self.element, self.lanes)
        self.zero = self.constant(0)
        name = f"llvm.fmuladd.v{self.lanes}f{array_type.dtype.bitwidth}"
        function = ir.FunctionType(self.vector, [self.vector] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, function, name)

    def inside(self, function: ir.Function) -> _Emitter:
        """Return an emitter that writes the body of `function`."""
        other = copy.copy(self)
        other.builder = ir.IRBuilder(function.append_basic_block())
        return other

    def start(self, array_type, array, position):
        """Return a pointer to the element of `array` at `position`."""
        data = self._context.make_array(array_type)(self._context, self.builder, array).data
        return self.moved(data, position)

    def moved(self, pointer, distance, times: int = 1):
        """Return `pointer` moved on by `times` · `distance` elements."""
        if isinstance(distance, int):
            shift = ir.Constant(_INDEX, distance * times)
        else:
            shift = self.builder.mul(distance, ir.Constant(_INDEX, times))
        return self.builder.gep(pointer, [shift])

    def load(self, pointer):
        typed = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.load(typed, align=self.itemsize, typ=self.vector)

    def store(self, value, pointer):
        typed = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(value, typed, align=self.itemsize)

    def copy(self, target, source, distance) -> None:
        self.store(self.load(self.moved(source, distance)), self.moved(target, distance))

    def accumulate(self, place, *products) -> None:
        """Add the products of pairs of vectors to the variable at `place`."""
        total = self.builder.load(place, typ=self.vector)
        for a, b in products:
            total = self.fma(a, b, total)
        self.builder.store(total, place)

    def halved(self) -> _Emitter:
        """Return an emitter for vectors of half the lanes."""
        other = copy.copy(self)
        other.lanes = self.lanes // 2
        other.vector = ir.VectorType(self.element, other.lanes)
        return other

    def less(self, value, than: int):
        return self.builder.icmp_signed("<", value, ir.Constant(_INDEX, than))

    def times(self, value, factor: int):
        return self.builder.mul(value, ir.Constant(_INDEX, factor))

    def spread(self, pointer):
        """Return a vector with the element at `pointer` in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        scalar = self.builder.load(pointer, typ=self.element)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(_LANE, 0))
        return self.builder.shuffle_vector(first, undefined, self.lane_indices([0] * self.lanes))

    def interleave(self, a, b, first: int):
        """Return a[first], b[first], a[first + 1], b[first + 1], … for half the lanes of each."""
        chosen = range(first, first + self.lanes // 2)
        order = [lane for i in chosen for lane in (i, i + self.lanes)]
        return self.builder.shuffle_vector(a, b, self.lane_indices(order))

    def lane_indices(self, indices: Sequence[int]):
        return ir.Constant(ir.VectorType(_LANE, self.lanes), list(indices))

    def constant(self, value: float | Fraction):
        return ir.Constant(self.vector, [float(value)] * self.lanes)

    def fma(self, a, b, c):
        return self.builder.call(self._fma, [a, b, c])


@functools.cache
def block_product(rows: int, vectors: int):
    """Return a Numba function that multiplies a block of `rows` by `vectors` vectors.

    The function is called as

        block(c, c_at, c_row, a, a_at, a_row, a_step, b, b_at, b_step, depth, keep)

    and computes, for i < rows and j < vectors·lanes,

        c[c_at + i·c_row + j]  (+)=  Σ_{k < depth} a[a_at + i·a_row + k·a_step]
                                                 · b[b_at + k·b_step + j]

    adding to c where `keep` is not 0. The sums stay in registers over the whole depth.
    """

    @intrinsic
    def block(typing, c, c_at, c_row, a, a_at, a_row, a_step, b, b_at, b_step, depth, keep):
        at = types.intp
        signature = types.void(c, at, at, a, at, at, at, b, at, at, at, at)

        def generate(context, builder, signature, arguments):
            c, c_at, c_row, a, a_at, a_row, a_step, b, b_at, b_step, depth, keep = arguments
            emit = _Emitter(context, builder, signature.args[0])
            c_first = emit.start(signature.args[0], c, c_at)
            a_first = emit.start(signature.args[3], a, a_at)
            b_first = emit.start(signature.args[7], b, b_at)
            places = [(i, v) for i in range(rows) for v in range(vectors)]
            targets = {
                (i, v): emit.moved(emit.moved(c_first, c_row, i), v * emit.lanes) for i, v in places
            }
            # Variables in LLVM's sense: its first pass turns them into registers.
            sums = {place: cgutils.alloca_once(builder, emit.vector) for place in places}
            fresh = builder.icmp_signed("==", keep, ir.Constant(_INDEX, 0))
            with builder.if_else(fresh) as (from_zero, from_c):
                with from_zero:
                    for place in places:
                        builder.store(emit.zero, sums[place])
                with from_c:
                    for place in places:
                        builder.store(emit.load(targets[place]), sums[place])
            with cgutils.for_range(builder, depth) as loop:
                b_row = emit.moved(b_first, builder.mul(loop.index, b_step))
                row = [emit.load(emit.moved(b_row, v * emit.lanes)) for v in range(vectors)]
                a_column = emit.moved(a_first, builder.mul(loop.index, a_step))
                for i in range(rows):
                    factor = emit.spread(emit.moved(a_column, a_row, i))
                    for v in range(vectors):
                        emit.accumulate(sums[i, v], (factor, row[v]))
            for place in places:
                emit.store(builder.load(sums[place], typ=emit.vector), targets[place])
            return context.get_dummy_value()

        return signature, generate

    return block


@functools.cache
def tap_product(rows: int, vectors: int):
    """Return a Numba function that sums shifted copies of one array: a convolution's taps.

    The function is called as

        block(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)

    and computes, for i < rows and j < vectors·lanes,

        y[y_at + i·y_row + j] = b[b_at + i] + Σ_{t < count} w[w_at + i·w_row + t]
                                                          · x[x_at + taps[t] + j]

    A matrix product whose second matrix is never written down: its rows overlap in x.
    """

    @intrinsic
    def block(typing, y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count):
        at = types.intp
        signature = types.void(y, at, at, w, at, at, b, at, x, at, taps, at)

        def generate(context, builder, signature, arguments):
            y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count = arguments
            emit = _Emitter(context, builder, signature.args[0])
            y_first = emit.start(signature.args[0], y, y_at)
            w_first = emit.start(signature.args[3], w, w_at)
            b_first = emit.start(signature.args[6], b, b_at)
            x_first = emit.start(signature.args[8], x, x_at)
            shifts = emit.start(signature.args[10], taps, 0)
            sums = {
                (i, v): cgutils.alloca_once(builder, emit.vector)
                for i in range(rows)
                for v in range(vectors)
            }
            for i in range(rows):
                start = emit.spread(emit.moved(b_first, i))
                for v in range(vectors):
                    builder.store(start, sums[i, v])
            with cgutils.for_range(builder, count) as loop:
                shift = builder.load(emit.moved(shifts, loop.index), typ=_INDEX)
                x_tap = emit.moved(x_first, shift)
                values = [emit.load(emit.moved(x_tap, v * emit.lanes)) for v in range(vectors)]
                w_tap = emit.moved(w_first, loop.index)
                for i in range(rows):
                    factor = emit.spread(emit.moved(w_tap, w_row, i))
                    for v in range(vectors):
                        emit.accumulate(sums[i, v], (factor, values[v]))
            for (i, v), place in sums.items():
                target = emit.moved(emit.moved(y_first, y_row, i), v * emit.lanes)
                emit.store(builder.load(place, typ=emit.vector), target)
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
            emit = _Emitter(context, builder, signature.args[0])
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


@intrinsic
def copy_rows(typing, y, y_at, y_row, x, x_at, x_row, rows, count):
    """Copy `rows` rows of `count` elements: y[y_at + i·y_row + j] = x[x_at + i·x_row + j].

    The last vector of a row overlaps the one before it, so that no element is copied singly
    unless a row is shorter than half a vector.
    """
    at = types.intp
    signature = types.void(y, at, at, x, at, at, at, at)

    def generate(context, builder, signature, arguments):
        y, y_at, y_row, x, x_at, x_row, rows, count = arguments
        emit = _Emitter(context, builder, signature.args[0])
        y_first = emit.start(signature.args[0], y, y_at)
        x_first = emit.start(signature.args[3], x, x_at)
        with cgutils.for_range(builder, rows) as loop:
            target = emit.moved(y_first, builder.mul(loop.index, y_row))
            source = emit.moved(x_first, builder.mul(loop.index, x_row))
            with builder.if_else(emit.less(count, emit.lanes)) as (short, long):
                with short:
                    _copy_short(emit, target, source, count)
                with long:
                    last = builder.sub(count, ir.Constant(_INDEX, emit.lanes))
                    before = builder.sub(count, ir.Constant(_INDEX, 1))
                    vectors = builder.udiv(before, ir.Constant(_INDEX, emit.lanes))
                    with cgutils.for_range(builder, vectors) as inner:
                        emit.copy(target, source, emit.times(inner.index, emit.lanes))
                    emit.copy(target, source, last)
        return context.get_dummy_value()

    return signature, generate


def _copy_short(emit: _Emitter, target, source, count) -> None:
    """Copy fewer elements than a vector has lanes."""
    builder, half = emit.builder, emit.halved()
    with builder.if_else(emit.less(count, half.lanes)) as (single, halves):
        with single, cgutils.for_range(builder, count) as loop:
            value = builder.load(emit.moved(source, loop.index), typ=emit.element)
            builder.store(value, emit.moved(target, loop.index))
        with halves:
            half.copy(target, source, ir.Constant(_INDEX, 0))
            half.copy(target, source, builder.sub(count, ir.Constant(_INDEX, half.lanes)))


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
        emit = _Emitter(context, builder, signature.args[0])
        targets = [emit.start(signature.args[0], y, place) for place in (even_at, odd_at)]
        x_first = emit.start(signature.args[4], x, x_at)
        two = ir.Constant(_INDEX, 2)
        vectors = builder.udiv(count, ir.Constant(_INDEX, 2 * emit.lanes))
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
                left = builder.sub(count, ir.Constant(_INDEX, parity))
                pairs = builder.udiv(builder.add(left, ir.Constant(_INDEX, 1)), two)
                with cgutils.for_range(builder, pairs, start=done) as inner:
                    place = builder.add(builder.mul(inner.index, two), ir.Constant(_INDEX, parity))
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
        emit = _Emitter(context, builder, signature.args[0])
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


def transforms(name: str, pairs: Sequence[tuple[Matrix, Matrix]], *, adds: bool = False):
    """Return a Numba function that computes Y = L X Rᵀ for one of several pairs (L, R).

    The function is called as

        apply(which, y, y_at, y_row, y_column, x, x_at, x_row, x_column, b, b_at)

    and reads the vector X[i][j] at x[x_at + i·x_row + j·x_column], one lane for each channel; so
    are the elements of Y. With `adds`, the vector at b[b_at] is added to each of them. The entries
    of the matrices become constants of the code; zeros and ones cost nothing.
    """

    @intrinsic
    def apply(typing, which, y, y_at, y_row, y_column, x, x_at, x_row, x_column, b, b_at):
        at = types.intp
        signature = types.void(at, y, at, at, at, x, at, at, at, b, at)

        def generate(context, builder, signature, arguments):
            which, y, y_at, y_row, y_column, x, x_at, x_row, x_column, b, b_at = arguments
            emit = _Emitter(context, builder, signature.args[1])
            operands = [
                *(emit.start(signature.args[1], y, y_at), y_row, y_column),
                *(emit.start(signature.args[5], x, x_at), x_row, x_column),
                emit.start(signature.args[9], b, b_at),
            ]
            after = builder.append_basic_block("transformed")
            switch = builder.switch(which, after)
            for index, (left, right) in enumerate(pairs):
                case = builder.append_basic_block(f"pair_{index}")
                switch.add_case(ir.Constant(_INDEX, index), case)
                builder.position_at_end(case)
                function = _transform_function(emit, f"{name}_{index}", left, right, adds)
                builder.call(function, operands)
                builder.branch(after)
            builder.position_at_end(after)
            return context.get_dummy_value()

        return signature, generate

    return apply


def _transform_function(emit: _Emitter, name: str, left: Matrix, right: Matrix, adds: bool):
    """Return an LLVM function of its own for Y = L X Rᵀ.

    Compiled into the loops that call it, LLVM would keep dozens of addresses in registers across
    the loop, and take ten times as long to compile.
    """
    pointer = emit.element.as_pointer()
    kind = ir.FunctionType(
        ir.VoidType(), [pointer, _INDEX, _INDEX, pointer, _INDEX, _INDEX, pointer]
    )
    function = ir.Function(emit.builder.module, kind, f"{name}_{emit.itemsize}")
    function.linkage = "internal"
    function.attributes.add("noinline")
    emit = emit.inside(function)
    y, y_row, y_column, x, x_row, x_column, b = function.args
    added = emit.load(b) if adds else None
    columns = []
    for j in range(len(right[0])):
        top = emit.moved(x, x_column, j)
        column = [emit.load(emit.moved(top, x_row, i)) for i in range(len(left[0]))]
        columns.append(_combine(emit, left, column))
    for i in range(len(left)):
        start = emit.moved(y, y_row, i)
        for j, value in enumerate(_combine(emit, right, [column[i] for column in columns])):
            total = emit.builder.fadd(value, added) if adds else value
            emit.store(total, emit.moved(start, y_column, j))
    emit.builder.ret_void()
    return function


def _combine(emit: _Emitter, matrix: Matrix, values: Sequence) -> list:
    """Return `matrix` times a column of vectors.

    Points in pairs ±a give pairs of rows (of Bᵀ) or columns (of Aᵀ) that differ only in the sign
    of every second entry. Their common parts are computed once.
    """
    partner = _mirrored(tuple(zip(*matrix, strict=True)))
    if partner:
        return _combine_mirrored_columns(emit, matrix, values, partner)
    results: list = [None] * len(matrix)
    partner = _mirrored(matrix)
    for i, row in enumerate(matrix):
        if results[i] is not None:
            continue
        if i not in partner:
            results[i] = _sum(emit, row, values)
            continue
        even = _sum(emit, row[::2], values[::2])
        odd = _sum(emit, row[1::2], values[1::2])
        results[i] = emit.builder.fadd(even, odd)
        results[partner[i]] = emit.builder.fsub(even, odd)
    return results


def _combine_mirrored_columns(emit: _Emitter, matrix: Matrix, values, partner) -> list:
    sums, differences = list(values), list(values)
    for j, mirror in partner.items():
        sums[j] = emit.builder.fadd(values[j], values[mirror])
        differences[j] = emit.builder.fsub(values[j], values[mirror])
    kept = [j for j in range(len(values)) if j not in partner.values()]
    return [
        _sum(
            emit,
            [row[j] for j in kept],
            [(sums if i % 2 == 0 else differences)[j] for j in kept],
        )
        for i, row in enumerate(matrix)
    ]


def _mirrored(rows: Matrix) -> dict[int, int]:
    """Return {i: j} for rows i < j with rows[j][k] = (-1)ᵏ rows[i][k]."""
    pairs: dict[int, int] = {}
    for i, row in enumerate(rows):
        mirror = tuple(value * (-1) ** k for k, value in enumerate(row))
        for j in range(i + 1, len(rows)):
            if rows[j] == mirror and j not in pairs.values() and i not in pairs.values():
                pairs[i] = j
                break
    return pairs


def _sum(emit: _Emitter, factors: Sequence[Fraction], values: Sequence):
    """Return Σ factor·value, the multiplications by 0, 1 and -1 left out."""
    total = None
    # Entries of one come first: a sum may then start without a multiplication.
    terms = sorted(zip(factors, values, strict=True), key=lambda term: term[0] != 1)
    for factor, value in terms:
        if factor == 0:
            continue
        if total is None:
            whole = factor == 1
            total = value if whole else emit.builder.fmul(emit.constant(factor), value)
        elif factor == 1:
            total = emit.builder.fadd(total, value)
        elif factor == -1:
            total = emit.builder.fsub(total, value)
        else:
            total = emit.fma(emit.constant(factor), value, total)
    return emit.zero if total is None else total
