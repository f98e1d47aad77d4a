"""Who used the processors: all of the machine's time, one process's, and its threads' waiting.

Counters of the system, read from outside and in a tenth of a millisecond, so that nothing runs
beside what is timed. What a system does not tell is None: only Linux says how long a thread was
ready to run and had no core.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

import psutil

_CLOCK_OF_PROCESS = 2
"""The kernel's clock of a process that is scheduled, as clock_getcpuclockid(3) makes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineTime:
    """Seconds since the machine started, summed over the cores that this process may use."""

    busy_s: float
    """Of any process and of the kernel."""
    stolen_s: float
    """Given to other guests of the same host by a virtual machine's host."""


def machine_time() -> MachineTime:
    """Return how long the usable cores have worked, in steps of some 10 ms a core."""
    cores = _cores_on_linux() if sys.platform == "linux" else psutil.cpu_times(percpu=True)
    names = ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc")
    return MachineTime(
        busy_s=sum(getattr(core, name, 0.0) for core in cores for name in names),
        stolen_s=sum(getattr(core, "steal", 0.0) for core in cores),
    )


class _Core(NamedTuple):
    """A core's line in /proc/stat, in seconds; see proc_stat(5)."""

    user: float
    nice: float
    system: float
    idle: float
    iowait: float
    irq: float
    softirq: float
    steal: float


def _cores_on_linux() -> list[_Core]:
    """Return the cores that this process may use. psutil leaves out which number each has."""
    usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    cores = []
    with contextlib.suppress(OSError), open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123
        for line in file:
            name, *ticks = line.split()
            if not name.startswith("cpu"):
                break
            if name in usable and len(ticks) >= len(_Core._fields):
                cores.append(_Core(*(int(count) / ticks_per_s for count in ticks[:8])))
    return cores


def process_s(pid: int) -> float | None:
    """Return the processor time of all threads that a process ever had; None if it is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return time.clock_gettime((~pid << 3) | _CLOCK_OF_PROCESS)
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def waited_s(pid: int) -> float | None:
    """Return how long a process's threads were ready and had no core, summed over them.

    None where the system does not tell. Threads that have ended no longer count.
    """
    total_ns, is_known = 0, False
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - a tenth of the cost
    except OSError:
        return None
    for thread in threads:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:  # noqa: PTH123
                total_ns += int(file.read().split()[1])
            is_known = True
    return total_ns / 1e9 if is_known else None
