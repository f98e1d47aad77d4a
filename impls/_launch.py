"""A call of compiled code with its arguments in a block of words, as compiled code has them.

A row lays out its sizes and lasting arrays when it packs its weight. Then a call says where its
tensors lie, and nothing else: torch's operators use up the caches, so that all that Python does for
a call between them comes from memory. A small convolution took less time than getting ready for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy
import torch
from numba import carray, from_dtype, typeof, types

from impls._kernels.vector import CACHE_LINE_BYTES
from impls._numba import address_of, inlined, template

INPUT, BIAS, OUTPUT, RESIDUAL, SCRATCH = range(5)
"""What a call gives: tensors, and memory that is its own while it runs."""

ENTRY, SHARE, FIRST, LAST, WORDS, TABLE, GIVEN, SCRATCHES, HEADER = range(4, 13)
"""Words of a block's header, behind OpenMP's functions: addresses of `_parallel._entry` and of the
share; the first step and the one that is none any more; words of the block; where the table of what
a call gives begins, how many arrays are given in it, and how many are scratch.

Sizes and arrays follow, and the table: of a given array its word and which of the operands it is;
of a scratch its word, its bytes, and its bytes for each thread.
"""
DATA = 4
"""Word of an array that says where its elements lie: after meminfo, parent, size and itemsize."""


class Given(NamedTuple):
    """An array that lies where a tensor of the call does, flat."""

    operand: int
    """`INPUT`, `BIAS`, `OUTPUT` or `RESIDUAL`."""
    dtype: numpy.dtype
    elements: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.elements,)


class Scratch(NamedTuple):
    """Rows of memory that a call has to itself, each beginning with a cache line."""

    dtype: numpy.dtype
    elements: int
    """Of a row."""
    rows: int | None = None
    """None: one for each thread."""
    is_flat: bool = False
    """Whether the only row is an array of one axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row where there is one for each thread: nothing looks at how many there are."""
        line = CACHE_LINE_BYTES // self.dtype.itemsize
        row = -(-self.elements // line) * line
        return (row,) if self.is_flat else (self.rows or 1, row)


Array = numpy.ndarray | Given | Scratch


def type_of(array: Array) -> types.Type:
    """Return the type that compiled code has for an array."""
    if isinstance(array, numpy.ndarray):
        return typeof(array)
    return types.Array(from_dtype(array.dtype), len(array.shape), "C")


def _words_of(array: Array) -> tuple[int, ...]:
    """Return an array as compiled code has it, its elements nowhere where a call has them."""
    shape, itemsize, start = array.shape, array.dtype.itemsize, 0
    strides = tuple(itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    if isinstance(array, numpy.ndarray):
        start, strides = array.ctypes.data, array.strides
    return 0, 0, math.prod(shape), itemsize, start, *shape, *strides


@inlined
def give(block, threads, operands):
    """Write into a block where what the call gives lies, and return the block's words."""
    words = carray(block, carray(block, HEADER)[WORDS])
    row = words[TABLE]
    for _ in range(words[GIVEN]):
        words[words[row]] = operands[words[row + 1]]
        row += 2
    scratch = operands[SCRATCH]
    for _ in range(words[SCRATCHES]):
        words[words[row]] = scratch
        scratch += words[row + 1] + threads * words[row + 2]
        row += 3
    return words


@dataclass
class Launch:
    """Compiled code, with all of its arguments but what each call gives."""

    start: Callable[..., None]
    """Starts it on threads."""
    functions: Sequence[int]
    """The addresses of the header."""
    sizes: Sequence[int]
    """What its loops count to."""
    arrays: tuple[Array, ...]
    """What they read and write."""
    steps: tuple[int, int] = (0, 1)
    """Those from the first to before the last are taken; all workers wait after each."""
    most_threads: int | None = None
    """More would cost more than they save."""
    like: torch.Tensor | None = None
    """A `template` of the output; None where every call brings its own."""

    def __post_init__(self) -> None:
        words, given, scratches = [*self.sizes], [], []
        for array in self.arrays:
            word = HEADER + len(words) + DATA
            if isinstance(array, Given):
                given += [word, array.operand]
            elif isinstance(array, Scratch):
                size_bytes = math.prod(array.shape) * array.dtype.itemsize
                scratches += [word, *((0, size_bytes) if array.rows is None else (size_bytes, 0))]
            words += _words_of(array)
        table = HEADER + len(words)
        length = table + len(given) + len(scratches)
        counts = len(given) // 2, len(scratches) // 3
        header = [*self.functions, *self.steps, length, table, *counts]
        self._block = numpy.array(header + words + given + scratches, dtype=numpy.int64)
        self._address = self._block.ctypes.data
        self._bytes, self._bytes_a_thread = sum(scratches[1::3]), sum(scratches[2::3])
        self._scratches: dict[int, torch.Tensor] = {}

    def __call__(
        self,
        input: torch.Tensor,
        bias: torch.Tensor,
        residual: torch.Tensor | None = None,
        output: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the output, filled: a new one unless one is given.

        All tensors without gaps, in the memory format that it was laid out for. Nobody else changes
        the block meanwhile: `start` keeps Python's lock, or one of its own.
        """
        threads = torch.get_num_threads()
        if self.most_threads is not None and threads > self.most_threads:
            threads = self.most_threads
        if output is None:
            output = torch.empty_like(self.like)
        written = output.data_ptr()
        scratch = torch.empty_like(self._like_scratch(threads))
        self.start(
            self._address,
            threads,
            address_of(input),
            address_of(bias),
            written,
            written if residual is None else address_of(residual),
            scratch.data_ptr(),
        )
        return output

    def _like_scratch(self, threads: int) -> torch.Tensor:
        like = self._scratches.get(threads)
        if like is None:
            size_bytes = self._bytes + threads * self._bytes_a_thread
            like = self._scratches[threads] = template((size_bytes,), torch.uint8, False)
        return like

    def without_operands(self, threads: int) -> None:
        """Run it on the arrays alone that it was laid out with."""
        self.start(self._address, threads, 0, 0, 0, 0, 0)
