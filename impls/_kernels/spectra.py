"""Complex matrix products, one for each frequency, a vector of frequencies at once."""

from __future__ import annotations

from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import Emitter

MOST_ROWS = 4
"""Each takes two sums, one real and one imaginary, and each sum a chain of two FMAs a step."""


@intrinsic
def multiply_rows(typing, rows, y, x, w, depth):
    """Sum complex products for `rows` rows, 1 to MOST_ROWS, one lane for each frequency.

        y[i][f] = Σ_{c < depth} x[c][f] · w[i][c][f]

    y, x and w are `View`s counted in real numbers, f the frequencies of one vector. x and y lie as
    torch keeps complex numbers, real and imaginary part in turn. w has a vector of real parts and
    then one of imaginary parts for each i and c.
    """
    size = types.intp

    def generate(context, builder, signature, arguments):
        picked, *operands = arguments
        emit = Emitter(context, builder, signature.args[1][0].dtype)
        for case in emit.switch(picked, range(1, MOST_ROWS + 1)):
            _write(emit, case, operands)
        return context.get_dummy_value()

    return types.void(size, y, x, w, size), generate


def _write(emit: Emitter, rows: int, operands) -> None:
    builder = emit.builder
    *matrices, depth = operands
    (y, y_ld), (x, x_ld), (w, w_ld) = (cgutils.unpack_tuple(builder, m) for m in matrices)
    real_sums, imaginary_sums = emit.variables(range(rows)), emit.variables(range(rows))
    for i in range(rows):
        builder.store(emit.zero, real_sums[i])
        builder.store(emit.zero, imaginary_sums[i])
    with cgutils.for_range(builder, depth) as loop:
        start = emit.moved(x, builder.mul(loop.index, x_ld))
        both = emit.load(start), emit.load(emit.moved(start, emit.lanes))
        real, imaginary = (
            builder.shuffle_vector(*both, emit.lane_indices(range(part, 2 * emit.lanes, 2)))
            for part in (0, 1)
        )
        negative = builder.fsub(emit.zero, imaginary)
        w_column = emit.moved(w, emit.times(loop.index, 2 * emit.lanes))
        for i in range(rows):
            factor = emit.moved(w_column, w_ld, i)
            w_real, w_imaginary = emit.load(factor), emit.load(emit.moved(factor, emit.lanes))
            emit.accumulate(real_sums[i], (real, w_real), (negative, w_imaginary))
            emit.accumulate(imaginary_sums[i], (real, w_imaginary), (imaginary, w_real))
    for i in range(rows):
        parts = emit.value(real_sums[i]), emit.value(imaginary_sums[i])
        for half, first in enumerate((0, emit.lanes // 2)):
            target = emit.moved(emit.moved(y, y_ld, i), half * emit.lanes)
            emit.store(emit.interleave(*parts, first), target)
