"""How compiled code tells a block where its operands lie: by pointers and steps, as BLAS does.

`at(x, position)` is the pointer to an element. Blocks take pointers in place of arrays, check
nothing, and count every step in elements.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba.core import types
from numba.extending import intrinsic


class View(NamedTuple):
    """A matrix in memory."""

    start: Any
    """Pointer to the first element of the first row."""
    ld: int
    """The leading dimension: elements from the beginning of a row to that of the next."""


class TileView(NamedTuple):
    """A matrix of vectors in memory, whose lanes are channels."""

    start: Any
    """Pointer to the vector in the first row and column."""
    row: int
    """Elements from one row of vectors to the next."""
    column: int
    """Elements from one vector of a row to the next."""


@intrinsic
def at(typing, x, position):
    """Return the pointer to x[position], `x` being a contiguous array or a pointer itself."""
    is_array = isinstance(x, types.Array)
    pointer = types.CPointer(x.dtype) if is_array else x

    def generate(context, builder, signature, arguments):
        start, position = arguments
        if is_array:
            start = context.make_array(signature.args[0])(context, builder, start).data
        return builder.gep(start, [position])

    return pointer(x, types.intp), generate
