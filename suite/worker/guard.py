"""What an implementation must leave as it is: clocks, what computes and compares, threads.

The suite itself is safe from patches: it bound its clock before any plug-in was imported, and
what judges runs in another process. A plug-in that patches is refused all the same, because its
own code may read the patched clock, and whoever runs it elsewhere is fooled.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

_GUARDED: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (time, ("perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time", "time_ns")),
    (statistics, ("median", "fmean", "stdev")),
    (torch, ("allclose", "equal", "isclose", "conv2d", "empty", "empty_like", "bitwise_xor")),
    (torch.testing, ("assert_close",)),
    (torch.cuda, ("synchronize", "Event", "CUDAGraph", "graph", "_sleep")),
    (torch.Tensor, ("copy_", "contiguous", "clone", "data_ptr", "untyped_storage")),
    (F, ("conv2d", "pad", "unfold")),
)


class Guard:
    """Remembers what was there before a plug-in came; `patched` names what it replaced."""

    def __init__(self) -> None:
        self._before = [
            (holder, name, getattr(holder, name)) for holder, names in _GUARDED for name in names
        ]

    def patched(self) -> list[str]:
        return [
            f"{holder.__name__}.{name}"
            for holder, name, before in self._before
            if getattr(holder, name) is not before
        ]


class Company:
    """The threads and processes besides the main thread; `left_behind` names what a call left.

    Threads of native pools come with the first calls and stay: they are known from the warm-up
    on. A thread that Python started, or any that is new after it, has no business outliving a
    call, nor has a process that is still running.
    """

    def __init__(self) -> None:
        self._native = _threads()
        self._python = set(threading.enumerate())

    def left_behind(self) -> str | None:
        started = [thread.name for thread in threading.enumerate() if thread not in self._python]
        if started:
            return f"left a thread running ({started[0]})"
        if new := _threads() - self._native:
            return f"left {len(new)} native threads running that the warm-up did not have"
        if running := _running_children():
            return f"left {running} processes running"
        return None


def _threads() -> set[str]:
    try:
        return set(os.listdir("/proc/self/task"))  # noqa: PTH208 - a tenth of the cost
    except OSError:
        return set()


def _running_children() -> int:
    running = 0
    with contextlib.suppress(OSError):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][:1]
                running += state == "R"
    return running
