"""Work shared among torch's threads by a compiled function that is compiled once.

What Numba compiles is optimised again wherever it is called: in a parallel loop's body, in the two
wrappers around that, and in the function that holds the loop. For the rows here that was half a
minute of a first run. So the loop calls the function by its address, of which LLVM knows nothing,
and what the function itself calls is `inlined` into it (_numba.py) before it is compiled.

The convention is Numba's own between compiled functions. A call's sizes and arrays lie in a block
in memory (_launch.py), from which a function as small as can be takes them, one for each set of
types.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy
import torch
from numba import _dispatcher, int64, types

from impls._launch import ENTRY, FIRST, HEADER, LAST, SHARE, Array, Launch, give, type_of
from impls._numba import njit, prange, use_torch_threads
from impls._openmp import OF_TORCH, call, call_in_parallel, loaded, pointer_to


@njit(cache=True)
def _start_torch_threads(block, threads, x, bias, y, residual, scratch):
    """Run a share by torch's threads, on a block and what the call gives."""
    pointer = pointer_to(block)
    words = give(pointer, threads, (x, bias, y, residual, scratch))
    first_step, last_step, entry = words[FIRST], words[LAST], words[ENTRY]
    if threads == 1:  # no region is opened
        for step in range(first_step, last_step):
            call(entry, (int64(step), int64(0), int64(1), pointer))
    else:
        functions = words[0], words[1], words[2], words[3]
        call_in_parallel(functions, first_step, last_step, threads, entry, pointer)


@njit(parallel=True, cache=True)
def _start_numba_threads(block, threads, x, bias, y, residual, scratch):
    """Run it by Numba's threads."""
    words = give(pointer_to(block), threads, (x, bias, y, residual, scratch))
    first_step, last_step, entry = words[FIRST], words[LAST], words[ENTRY]
    for step in range(first_step, last_step):
        if threads == 1:  # the others are not woken
            call(entry, (int64(step), int64(0), int64(1), pointer_to(block)))
        else:
            for worker in prange(threads):
                call(entry, (int64(step), int64(worker), int64(threads), pointer_to(block)))


_one_at_a_time = threading.Lock()


def _start_as_many_numba_threads_as_torch_has(*arguments):
    use_torch_threads()
    with _one_at_a_time:  # a loop over `prange` lets go of Python's lock
        _start_numba_threads(*arguments)


def _entry(step, worker, threads, block):
    """Call a share with what lies in its block."""
    header, sizes, arrays = loaded(block)
    call(header[SHARE], (step, worker, threads, sizes, arrays))


def _entry_for(share: Callable[..., None]) -> Callable[..., None]:
    """Return an `_entry` that is kept apart on the disk from those of other shares.

    Two processes that write what they compiled to the same files at the same time may leave one's
    code under the types of the other's.
    """
    own = FunctionType(_entry.__code__, globals())
    own.__qualname__ = f"{share.__module__}.{share.__qualname__}_entry"
    return njit(cache=True)(own)


class OnThreads:
    """A compiled function of which every thread runs its share.

    Args:
        share: compiles to `share(step, worker, threads, sizes, arrays)`, which does what one of so
            many workers has to do in a step. `sizes` is a flat tuple of whole numbers, `arrays` one
            of arrays: compiled code takes long to accept anything else.
    """

    def __init__(self, share: Callable[..., None]) -> None:
        self._share = njit(cache=True)(share)
        self._entry = _entry_for(share)
        self._start = (
            _start_torch_threads if OF_TORCH else _start_as_many_numba_threads_as_torch_has
        )
        self._addresses: dict[Any, tuple[int, int]] = {}

    def __call__(
        self,
        threads: int,
        sizes: Sequence[int],
        arrays: tuple[numpy.ndarray, ...],
        steps: tuple[int, int] = (0, 1),
    ) -> None:
        """Take the steps from the first to before the last; all workers wait after each."""
        # What Numba itself looks its compiled functions up by: it tells types apart, no values.
        kind = len(sizes), _dispatcher.compute_fingerprint(arrays)
        self._launch(kind, sizes, arrays, steps).without_operands(threads)

    def laid_out(
        self,
        sizes: Sequence[int],
        arrays: tuple[Array, ...],
        steps: tuple[int, int] = (0, 1),
        most_threads: int | None = None,
        like: torch.Tensor | None = None,
    ) -> Launch:
        """Return what does so whenever it is called, on the tensors that it is called with."""
        kind = len(sizes), *map(type_of, arrays)
        return self._launch(kind, sizes, arrays, steps, most_threads, like)

    def _launch(self, kind, sizes, arrays, *others) -> Launch:
        addresses = self._addresses.get(kind)
        if addresses is None:
            of_sizes = types.UniTuple(int64, len(sizes))
            of_arrays = types.Tuple([*map(type_of, arrays)])
            addresses = self._addresses[kind] = self._compiled(of_sizes, of_arrays)
        return Launch(self._start, (*(OF_TORCH or (0,) * 4), *addresses), sizes, arrays, *others)

    def _compiled(self, sizes: types.Type, arrays: types.Type) -> tuple[int, int]:
        """Return the addresses of `_entry` and of the share."""
        block = types.CPointer(types.Tuple([types.UniTuple(int64, HEADER), sizes, arrays]))
        numbers = int64, int64, int64
        entry = _address_of(self._entry, (*numbers, block))
        return entry, _address_of(self._share, (*numbers, sizes, arrays))


def _address_of(function: Any, signature: tuple[types.Type, ...]) -> int:
    function.compile(signature)
    compiled = function.overloads[signature]
    address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    return address
