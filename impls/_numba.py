"""Numba, as the compiled rows here use it.

Their threads are torch's (_openmp.py, _parallel.py). Loops over `prange` have Numba's own pool, in
torch's number of threads: simple to read, and slower between torch's operators.

Take `njit`, `inlined` and `prange` from here: where compiled code is kept is settled before any of
them is used.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import numba
import numpy
import torch


def _helpers_digest() -> str:
    folder = Path(__file__).parent
    helpers = sorted([*folder.glob("_*.py"), *folder.glob("_*/*.py")])
    text = b"".join(path.read_bytes() for path in helpers)
    # What Numba keeps names modules: `convgauge.impls`, or `impls` in a checkout's own process.
    text += __name__.encode()
    return hashlib.sha256(text).hexdigest()[:12]


# Numba renews a cached function when its own file changes, not when a helper does that was
# compiled into it; the folder's name makes up for that.
_cache = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__")
numba.config.CACHE_DIR = str(_cache / f"numba-{_helpers_digest()}")

njit, prange = numba.njit, numba.prange
inlined = numba.njit(inline="always")
"""Marks what is compiled as a part of those that call it, and never alone: see _parallel.py."""

_state = threading.local()  # Numba, too, keeps the number of threads for each thread apart


def use_torch_threads() -> int:
    """Make Numba's next loop over `prange` use as many threads as torch; returns their number."""
    of_torch = torch.get_num_threads()
    threads = min(of_torch, numba.config.NUMBA_NUM_THREADS)
    if getattr(_state, "threads", None) != threads:
        numba.config.THREADING_LAYER = "omp" if _has_openmp_layer() else "workqueue"
        numba.set_num_threads(threads)
        # Where Numba finds the library that torch has loaded, its first use gives that a thread for
        # each core.
        torch.set_num_threads(of_torch)
        _state.threads = threads
    return threads


def _has_openmp_layer() -> bool:
    """Whether the library can be loaded that Numba's OpenMP layer was linked with."""
    try:
        from numba.np.ufunc import omppool  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


@njit(cache=True)
def part(size, index, count):
    """Return where one of `count` parts of a range begins and ends, as even as they can be."""
    return size * index // count, size * (index + 1) // count


def is_channels_last(x: torch.Tensor) -> bool:
    """Return whether a tensor lies in channels_last alone: (N, 1, H, W) is in both formats."""
    if x.is_contiguous():
        return False
    if x.dim() == 4:
        return x.is_contiguous(memory_format=torch.channels_last)
    return x.movedim(1, -1).is_contiguous()


def without_gaps(x: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """Return a tensor, or a contiguous copy where it has gaps; and whether channels are last."""
    # Few operators: after torch's own convolutions each waits for its code to come from memory.
    if x.is_contiguous():
        return x, False
    if is_channels_last(x):
        return x, True
    return x.contiguous(), False


def lying(x: torch.Tensor, channels_last: bool) -> torch.Tensor:
    """Return a tensor, or a copy that lies without gaps in one of the memory formats."""
    if not channels_last:
        return x.contiguous()
    if x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    return x.movedim(1, -1).contiguous()


def flat(x: torch.Tensor, channels_last: bool) -> numpy.ndarray:
    """Return the memory of a tensor as one row, of a copy where it lies in the other format."""
    return lying(x, channels_last).as_strided((x.numel(),), (1,)).numpy()


def address_of(x: torch.Tensor) -> int:
    """Return where a tensor's memory begins, to be read or written by compiled code.

    Raises:
        RuntimeError: gradients are asked for, of which compiled code knows nothing.
    """
    if x.requires_grad and torch.is_grad_enabled():
        raise RuntimeError("compiled code computes no grad: call it under torch.no_grad()")
    return x.data_ptr()


def filled_up(bias: torch.Tensor, groups: int, width: int) -> torch.Tensor:
    """Return the bias of each group of channels with zeros after it, `width` numbers in all."""
    if bias.numel() == groups * width:
        return (bias.detach() if bias.requires_grad else bias).contiguous()
    filled = bias.new_zeros(groups, width)
    filled[:, : bias.numel() // groups] = bias.detach().view(groups, -1)
    return filled


def new_output(shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool) -> torch.Tensor:
    """Return an empty tensor (N, K, …) in one of the memory formats."""
    if not channels_last:
        return torch.empty(shape, dtype=dtype)
    if len(shape) == 4:
        return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)
    n, channels, *sizes = shape
    return torch.empty(n, *sizes, channels, dtype=dtype).movedim(-1, 1)


def template(shape: tuple[int, ...], dtype: torch.dtype, channels_last: bool) -> torch.Tensor:
    """Return a tensor without memory, to make others like it, which starts sooner than anew."""
    like = new_output(shape, dtype, channels_last)
    like.untyped_storage().resize_(0)
    return like


def strides_of(shape: tuple[int, ...], channels_last: bool) -> tuple[int, int, int, int]:
    """Return the strides of N, C, H and W; a tensor's own may be anything on axes of length 1."""
    _, c, h, w = shape
    return (c * h * w, 1, w * c, c) if channels_last else (c * h * w, h * w, w, 1)
