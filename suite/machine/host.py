"""What machine this is, and how steady: facts for the manifest, `doctor` and comparisons.

Facts about torch come from a process that has it; see `torch_facts`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import socket
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

_CPU = Path("/sys/devices/system/cpu/cpu0")
NOISE_GRADES = ((0.02, "A"), (0.05, "B"), (0.15, "C"), (float("inf"), "D"))
"""Spread of a fixed piece of work (90th percentile over median, minus 1) → grade."""
FINGERPRINT = ("cpu", "flags", "cores", "governor", "gpu", "torch", "torch_build", "os", "threads")
"""Facts that have to agree before times of two runs may be compared."""


def usable_cores() -> int:
    """Return the cores this process may run on."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def facts() -> dict[str, Any]:
    """Return what can be known without torch; what the system does not tell is None."""
    memory = psutil.virtual_memory()
    return {
        "cpu": _cpu_name(),
        "flags": _cpu_flags(),
        "cores": usable_cores(),
        "caches": _caches(),
        "memory_bytes": memory.total,
        "governor": _read(_CPU / "cpufreq/scaling_governor"),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "hostname": socket.gethostname(),
        "virtual": "hypervisor" in (_cpu_flags() or "").split(),
    }


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _proc_cpuinfo(field: str) -> str | None:
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
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
        level, kind, size = (_read(index / name) for name in ("level", "type", "size"))
        if level and size and kind != "Instruction":
            caches[f"L{level}"] = size
    return caches


def last_level_cache_bytes() -> int:
    """Return the size of all last-level caches that this process may use; 0 where unknown."""
    sizes: dict[str, int] = {}
    for core in range(os.cpu_count() or 1):
        levels = sorted(_CPU.parent.glob(f"cpu{core}/cache/index*"))
        size = _read(levels[-1] / "size") if levels else None
        if size and size[:-1].isdigit():
            shared = _read(levels[-1] / "shared_cpu_list") or str(core)
            sizes[shared] = int(size[:-1]) * {"K": 2**10, "M": 2**20}.get(size[-1], 1)
    return sum(sizes.values())


def load() -> dict[str, Any]:
    """Return what else is going on: load average, steal time, frequency range."""
    times = psutil.cpu_times()
    total = sum(times)
    steal = getattr(times, "steal", None)
    return {
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "steal_share": None if steal is None or not total else steal / total,
        "busy_share": psutil.cpu_percent(interval=0.2) / 100,
    }


def spread(samples_s: Sequence[float]) -> float:
    """Return how far the 90th percentile of repeated equal work lies above its median."""
    ordered = sorted(samples_s)
    return ordered[int(0.9 * (len(ordered) - 1))] / statistics.median(ordered) - 1


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


def fingerprint(machine: dict[str, Any]) -> str:
    """Return a short hash of the facts that times depend on."""
    text = json.dumps({name: machine.get(name) for name in FINGERPRINT}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def advice(machine: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what would make measurements steadier on this machine."""
    found = []
    if now["load_1min"] is not None and now["load_1min"] > 0.5:
        found.append(f"load is {now['load_1min']:.1f}: stop other work while measuring")
    if machine["governor"] not in (None, "performance"):
        found.append(
            f'the frequency governor is "{machine["governor"]}": '
            "sudo cpupower frequency-set -g performance"
        )
    if now["steal_share"] and now["steal_share"] > 0.01:
        found.append(
            f"{now['steal_share']:.1%} of the time went to other guests of this host: "
            "a dedicated machine would be steadier"
        )
    if os.environ.get("OMP_NUM_THREADS"):
        found.append("OMP_NUM_THREADS is set: a run's own number of threads overrides it")
    return found


def git_state(folder: Path) -> dict[str, Any]:
    """Return the revision of the checkout in `folder`, None without git."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *words],
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    revision = git("rev-parse", "HEAD")
    status = git("status", "--porcelain")
    return {"git_revision": revision, "git_dirty": None if status is None else bool(status)}
