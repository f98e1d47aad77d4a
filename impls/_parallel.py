"""Work shared among torch's threads by a compiled function that is compiled once.

What Numba compiles is optimised again wherever it is called: in a parallel loop's body, in the two
wrappers around that, and in the function that holds the loop. For the rows here that was half a
minute of a first run. So the loop calls the function by its address, of which LLVM knows nothing,
and what the function itself calls is `inlined` into it (_numba.py) before it is compiled.

The convention is Numba's own between compiled functions; arguments by address have to be of the
very types that the function was compiled for, which `OnThreads` takes care of.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from numba import _dispatcher, int64, typeof

from impls._numba import njit, prange, use_torch_threads
from impls._openmp import OF_TORCH, call, call_in_parallel


def _on_torch_threads(functions, address, first_step, last_step, threads, sizes, arrays):
    if threads == 1:  # no region is opened
        for step in range(first_step, last_step):
            call(address, (int64(step), int64(0), int64(1), sizes, arrays))
    else:
        call_in_parallel(functions, address, first_step, last_step, threads, (sizes, arrays))


def _on_numba_threads(functions, address, first_step, last_step, threads, sizes, arrays):
    for step in range(first_step, last_step):
        if threads == 1:  # the others are not woken
            call(address, (int64(step), int64(0), int64(1), sizes, arrays))
        else:
            for worker in prange(threads):
                call(address, (int64(step), int64(worker), int64(threads), sizes, arrays))


def _loop_for(share: Callable[..., None], loop: FunctionType) -> Callable[..., None]:
    """Return a loop that is kept apart on the disk from those of other shares.

    Two processes that write what they compiled to the same files at the same time may leave one's
    code under the types of the other's.
    """
    own = FunctionType(loop.__code__, globals())
    own.__qualname__ = f"{share.__module__}.{share.__qualname__}{loop.__name__}"
    return njit(parallel=loop is _on_numba_threads, cache=True)(own)


class OnThreads:
    """A compiled function of which every thread runs its share.

    Args:
        share: compiles to `share(step, worker, threads, sizes, arrays)`, which does what one of so
            many workers has to do in a step. `sizes` is a flat tuple of numbers, `arrays` one of
            arrays: compiled code takes long to accept anything else.
    """

    def __init__(self, share: Callable[..., None]) -> None:
        self._share = njit(cache=True)(share)
        loop = _on_torch_threads if OF_TORCH else _on_numba_threads
        self._call_on_threads = _loop_for(share, loop)
        self._addresses: dict[bytes, int] = {}

    def __call__(
        self, threads: int, sizes: tuple, arrays: tuple, steps: tuple[int, int] = (0, 1)
    ) -> None:
        """Take the steps from the first to before the last; all workers wait after each."""
        # What Numba itself looks its compiled functions up by: it tells types apart, no values.
        kind = _dispatcher.compute_fingerprint((sizes, arrays))
        address = self._addresses.get(kind)
        if address is None:
            address = self._addresses[kind] = self._compiled(sizes, arrays)
        if OF_TORCH is None:
            use_torch_threads()
        self._call_on_threads(OF_TORCH or (), address, *steps, threads, sizes, arrays)

    def _compiled(self, *arguments: Any) -> int:
        signature = (int64, int64, int64, *map(typeof, arguments))
        self._share.compile(signature)
        compiled = self._share.overloads[signature]
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
