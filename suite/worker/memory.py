"""How much memory one call takes at its high-water mark, by the operating system's account."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from suite.processes.keeping_out import let_in

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
NOT_MUCH_BYTES = 384 * 2**20
"""Half of it is what a process has from the server that it was forked from, which shares it."""


def _status_bytes(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def own_bytes(at_most_bytes: int | None = None) -> int | None:
    """Return the private memory this process holds now; None where the system does not tell.

    Args:
        at_most_bytes: no exact number is wanted of what is no more than that: freed memory, which
            takes milliseconds to hand back, may then count.
    """
    if sys.platform != "linux":
        return None
    if at_most_bytes is not None and (held_bytes := _status_bytes("RssAnon")) <= at_most_bytes:
        return held_bytes
    _give_back_freed()
    return _status_bytes("RssAnon")


def resident_bytes() -> int:
    """Return the memory this process holds now: private, or all of it where that is not told.

    Freed memory counts where all of it is not much: handing it back costs milliseconds, and so does
    fetching it anew.
    """
    held_bytes = own_bytes(NOT_MUCH_BYTES)
    return psutil.Process().memory_info().rss if held_bytes is None else held_bytes


def _give_back_freed() -> None:
    with contextlib.suppress(AttributeError):  # musl has no malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


def peak_bytes_of(call: Callable[[], object], device: str) -> int | None:
    """Run `call` and return the extra bytes at its peak; None where the system cannot tell.

    On Linux this is the process's high-water mark, reset before the call, over what it held
    then; freed memory is handed back first, so that reused pages count. It is right for every
    engine, as it does not ask the engine. On CUDA it is torch's allocator's peak.
    """
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    if sys.platform != "linux":
        call()
        return None
    _give_back_freed()
    try:
        with let_in():
            _CLEAR_REFS.write_text(_RESET_PEAK)
        before = _status_bytes("VmRSS")
        result = call()
        return max(0, _status_bytes("VmHWM") - before)
    except OSError:
        call()
        return None
    finally:
        result = None  # noqa: F841 - the output lives until the mark was read
