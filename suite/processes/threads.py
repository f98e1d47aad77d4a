"""Whether other threads of this process still run."""

from __future__ import annotations

import contextlib
import os
import time


def running_threads() -> int:
    """Return how many of this process's other threads are running right now (Linux; else 0)."""
    own = f"/proc/self/task/{_thread_id()}/stat"
    count = 0
    try:
        tasks = os.listdir("/proc/self/task")  # noqa: PTH208 - a tenth of the cost
    except OSError:
        return 0
    for task in tasks:
        path = f"/proc/self/task/{task}/stat"
        if path == own:
            continue
        with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
            count += file.read().rpartition(b") ")[2][:1] == b"R"
    return count


def _thread_id() -> int:
    import threading  # noqa: PLC0415

    return threading.get_native_id()


def wait_until_threads_sleep(most_s: float = 0.05) -> bool:
    """Wait until no other thread of this process runs; return whether that came about.

    Pools spin after their work (libgomp for some milliseconds) and would take a core from
    whoever is measured next.
    """
    deadline = time.monotonic() + most_s
    while running_threads():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0002)
    return True
