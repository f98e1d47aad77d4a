"""Vector instructions for Numba, where its automatic vectorisation stops.

Numba compiles array loops well, yet it will not keep a block of sums in registers across a loop,
and that decides whether a matrix product runs at a tenth or at nine tenths of the machine's peak.
`Emitter` writes LLVM's vector instructions; the blocks of this package are made of them.

How many rows a block has must be known when it is written: its sums are registers, and registers
have no index. So a block is written once for each number of rows, and `Emitter.switch` picks one
of them in each call.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from llvmlite import binding, ir
from numba.core import cgutils

INDEX = ir.IntType(64)
_LANE = ir.IntType(32)


@functools.cache
def _vector_bytes() -> int:
    """Return 64 with AVX-512 and 32 elsewhere; LLVM splits what a machine lacks."""
    return 64 if binding.get_host_cpu_features().get("avx512f") else 32


VECTOR_BYTES = _vector_bytes()
CACHE_LINE_BYTES = 64
# A block of 6 by 2 vectors needs 12 registers for its sums, 2 for a row of B and 1 for an element
# of A: 15 of the 16 that AVX2 has. 12 independent sums also cover the latency of an FMA.
BLOCK_ROWS = 6
BLOCK_VECTORS = 2
BLOCKS = {rows: (rows, BLOCK_VECTORS) for rows in range(1, BLOCK_ROWS + 1)}
"""(rows, vectors) of each block, by the number that picks it: here the rows that are left."""


class Emitter:
    """Shorthands for the instructions that the blocks are made of, for one element type."""

    def __init__(self, context, builder, dtype) -> None:
        self.builder = builder
        self.element = context.get_data_type(dtype)
        self.itemsize = dtype.bitwidth // 8
        self._take_lanes(VECTOR_BYTES // self.itemsize)

    def _take_lanes(self, lanes: int) -> None:
        self.lanes = lanes
        self.vector = ir.VectorType(self.element, lanes)
        self.zero = self.constant(0)
        name = f"llvm.fmuladd.v{lanes}f{8 * self.itemsize}"
        function = ir.FunctionType(self.vector, [self.vector] * 3)
        self._fma = cgutils.get_or_insert_function(self.builder.module, function, name)

    def wider(self, times: int) -> Emitter:
        """Return an emitter for several vectors at once: each step is taken for all of them.

        A long chain of steps, each of which waits for the one before it, then keeps units busy.
        """
        other = copy.copy(self)
        other._take_lanes(times * self.lanes)
        return other

    def inside(self, function: ir.Function) -> Emitter:
        """Return an emitter that writes the body of `function`."""
        other = copy.copy(self)
        other.builder = ir.IRBuilder(function.append_basic_block())
        return other

    def switch(self, value, cases: Iterable[int]) -> Iterator[int]:
        """Yield each of `cases`; what is written meanwhile runs where `value` equals it."""
        after = self.builder.append_basic_block("after")
        switch = self.builder.switch(value, after)
        for case in cases:
            block = self.builder.append_basic_block(f"case_{case}")
            switch.add_case(ir.Constant(INDEX, case), block)
            self.builder.position_at_end(block)
            yield case
            self.builder.branch(after)
        self.builder.position_at_end(after)

    def moved(self, pointer, distance, times: int = 1):
        """Return `pointer` moved on by `times` · `distance` elements."""
        if isinstance(distance, int):
            shift = ir.Constant(INDEX, distance * times)
        else:
            shift = self.builder.mul(distance, ir.Constant(INDEX, times))
        return self.builder.gep(pointer, [shift])

    def load(self, pointer):
        return self.builder.load(self._typed(pointer), align=self.itemsize, typ=self.vector)

    def store(self, value, pointer):
        self.builder.store(value, self._typed(pointer), align=self.itemsize)

    def copy(self, target, source, distance) -> None:
        self.store(self.load(self.moved(source, distance)), self.moved(target, distance))

    def variables(self, keys: Iterable) -> dict:
        """Return a variable of one vector for each key; LLVM's first pass makes them registers."""
        return {key: cgutils.alloca_once(self.builder, self.vector) for key in keys}

    def value(self, variable):
        return self.builder.load(variable, typ=self.vector)

    def accumulate(self, variable, *products) -> None:
        """Add the products of pairs of vectors to the variable `variable`."""
        total = self.value(variable)
        for a, b in products:
            total = self.fma(a, b, total)
        self.builder.store(total, variable)

    def first_lanes(self, count):
        """Return a mask of the first `count` lanes."""
        lanes = ir.VectorType(INDEX, self.lanes)
        undefined = ir.Constant(lanes, ir.Undefined)
        first = self.builder.insert_element(undefined, count, ir.Constant(_LANE, 0))
        counts = self.builder.shuffle_vector(first, undefined, self.lane_indices([0] * self.lanes))
        return self.builder.icmp_signed("<", ir.Constant(lanes, list(range(self.lanes))), counts)

    def load_masked(self, pointer, mask):
        """Return a vector whose masked lanes were read and whose others are 0."""
        arguments = [self._typed(pointer), self._alignment, mask, self.zero]
        return self.builder.call(self._masked("load", self.vector, arguments), arguments)

    def store_masked(self, value, pointer, mask) -> None:
        arguments = [value, self._typed(pointer), self._alignment, mask]
        self.builder.call(self._masked("store", ir.VoidType(), arguments), arguments)

    def prefetch(self, pointer, *, to_write: bool = False) -> None:
        """Ask for the line at `pointer`, to be used soon and more than once."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _LANE, _LANE, _LANE])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        write, keep, data = (ir.Constant(_LANE, flag) for flag in (int(to_write), 3, 1))
        self.builder.call(function, [self.builder.bitcast(pointer, byte), write, keep, data])

    @property
    def _alignment(self):
        return ir.Constant(_LANE, self.itemsize)

    def _typed(self, pointer):
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def _masked(self, do: str, result, arguments):
        kind = f"v{self.lanes}f{8 * self.itemsize}"
        function = ir.FunctionType(result, [argument.type for argument in arguments])
        name = f"llvm.masked.{do}.{kind}.p0"
        return cgutils.get_or_insert_function(self.builder.module, function, name)

    def less(self, value, than: int):
        return self.builder.icmp_signed("<", value, ir.Constant(INDEX, than))

    def times(self, value, factor: int):
        return self.builder.mul(value, ir.Constant(INDEX, factor))

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
