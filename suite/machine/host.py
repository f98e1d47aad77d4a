"""What machine this is, and how steady: facts for the manifest, `doctor` and comparisons.

Facts about torch come from a process that has it; see `torch_facts`.
"""

from __future__ import annotations

import math
import os
import platform
import socket
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from suite.machine import containers
from suite.machine.containers import read
from suite.machine.placement import usable_cores

_CPU = Path("/sys/devices/system/cpu/cpu0")
NOISE_GRADES = ((0.02, "A"), (0.05, "B"), (0.15, "C"), (float("inf"), "D"))
"""Spread of a fixed piece of work (90th percentile over median, minus 1) → grade."""


def facts() -> dict[str, Any]:
    """Return what can be known without torch; what the system does not tell is None."""
    memory = psutil.virtual_memory()
    return {
        "cpu": _cpu_name(),
        "flags": _cpu_flags(),
        "cores": usable_cores(),
        "cpu_quota": containers.cpu_quota(),
        "caches": _caches(),
        "memory_bytes": memory.total,
        "memory_limit_bytes": containers.memory_limit_bytes(),
        "governor": read(_CPU / "cpufreq/scaling_governor"),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "hostname": socket.gethostname(),
        "virtual": "hypervisor" in (_cpu_flags() or "").split(),
    }


def _proc_cpuinfo(field: str) -> str | None:
    for line in (read(Path("/proc/cpuinfo")) or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return None


def _cpu_name() -> str:
    name = _proc_cpuinfo("model name")
    if name is None:
        import cpuinfo  # noqa: PLC0415 - sleeps for a second when it is asked

        name = cpuinfo.get_cpu_info().get("brand_raw")
    return name or platform.processor() or "unknown"


def _cpu_flags() -> str | None:
    flags = _proc_cpuinfo("flags") or _proc_cpuinfo("Features")
    return " ".join(sorted(flags.split())) if flags else None


def _caches() -> dict[str, str]:
    caches = {}
    for index in sorted((_CPU / "cache").glob("index*")):
        level, kind, size = (read(index / name) for name in ("level", "type", "size"))
        if level and size and kind != "Instruction":
            caches[f"L{level}"] = size
    return caches


def load() -> dict[str, Any]:
    """Return what else went on: load average, and steal time since the machine started."""
    times = psutil.cpu_times()
    total = sum(times)
    steal = getattr(times, "steal", None)
    return {
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "steal_share": None if steal is None or not total else steal / total,
    }


def spread(samples_s: Sequence[float]) -> float:
    """Return how far the 90th percentile of repeated equal work lies above its median."""
    ordered = sorted(samples_s)
    return ordered[math.ceil(0.9 * (len(ordered) - 1))] / statistics.median(ordered) - 1


def noise_grade(noise: float) -> str:
    return next(grade for limit, grade in NOISE_GRADES if noise <= limit)


def noise_samples(seconds: float = 0.5) -> list[float]:
    """Return the times of a fixed piece of pure Python work, repeated for `seconds`."""
    samples_s = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        sum(range(20_000))
        samples_s.append(time.perf_counter() - start)
    return samples_s


def advice(machine: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what would make measurements steadier on this machine."""
    hints = []
    if machine["governor"] not in (None, "performance"):
        hints.append(
            f'the frequency governor is "{machine["governor"]}": '
            "sudo cpupower frequency-set -g performance"
        )
    if now["steal_share"] and now["steal_share"] > 0.01:
        hints.append(
            f"{now['steal_share']:.1%} of the time went to other guests of this host: "
            "a dedicated machine would be steadier"
        )
    if os.environ.get("OMP_NUM_THREADS"):
        hints.append("OMP_NUM_THREADS is set: a run's own number of threads overrides it")
    return hints
