"""Y = L X Rᵀ for small constant matrices L and R: the transforms of Winograd's algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import INDEX, Emitter
from impls._winograd.cook_toom import Matrix


def transforms(name: str, pairs: Sequence[tuple[Matrix, Matrix]], *, adds: bool = False):
    """Return a Numba function that computes Y = L X Rᵀ for one of several pairs (L, R).

    The function is called as

        apply(which, y, x, b)

    with `TileView`s y and x: vectors, one lane for each channel. With `adds`, the vector at the
    pointer b is added to each of the results. The entries of the matrices become constants of the
    code; zeros and ones cost nothing.
    """

    @intrinsic
    def apply(typing, which, y, x, b):
        def generate(context, builder, signature, arguments):
            which, y, x, b = arguments
            emit = Emitter(context, builder, signature.args[1][0].dtype)
            operands = [*cgutils.unpack_tuple(builder, y), *cgutils.unpack_tuple(builder, x), b]
            for index in emit.switch(which, range(len(pairs))):
                left, right = pairs[index]
                function = _transform_function(emit, f"{name}_{index}", left, right, adds)
                builder.call(function, operands)
            return context.get_dummy_value()

        return types.void(types.intp, y, x, b), generate

    return apply


def _transform_function(emit: Emitter, name: str, left: Matrix, right: Matrix, adds: bool):
    """Return an LLVM function of its own for Y = L X Rᵀ.

    Compiled into the loops that call it, LLVM would keep dozens of addresses in registers across
    the loop, and take ten times as long to compile.
    """
    pointer = emit.element.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, INDEX, INDEX, pointer, INDEX, INDEX, pointer])
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


def _combine(emit: Emitter, matrix: Matrix, values: Sequence) -> list:
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


def _combine_mirrored_columns(emit: Emitter, matrix: Matrix, values, partner) -> list:
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


def _sum(emit: Emitter, factors: Sequence[Fraction], values: Sequence):
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
