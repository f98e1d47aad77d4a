"""What machine this is, and how steady: facts for the manifest, `doctor` and comparisons.

Facts about torch come from a process that has it; see `torch_facts`.
"""

from __future__ import annotations

import contextlib
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
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Return the cores this process may run on."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota() -> float | None:
    """Return how many cores' time this process's container gets, None without such a limit."""
    quotas = []
    for line in (_read(_OWN_CGROUPS) or "").splitlines():
        _, controllers, own = line.split(":", 2)
        if controllers == "":
            root = _CGROUPS
        elif "cpu" in controllers.split(","):  # of the first version
            root = _CGROUPS / "cpu"
        else:
            continue
        groups = [root / own.lstrip("/"), *(root / own.lstrip("/")).parents]
        # Within a container the path may be the host's, and the limit lies at the root.
        for group in [group for group in groups if group.is_relative_to(root)]:
            limit, period = _quota(group)
            if limit > 0 and period > 0:
                quotas.append(limit / period)
    return min(quotas, default=None)


def _quota(group: Path) -> tuple[int, int]:
    """Return microseconds of processor time and the period they are for; 0 where unlimited."""
    words = (_read(group / "cpu.max") or "").split()
    if not words:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [_read(group / name) or "" for name in names]
    limit, period = (int(word) if word.isdigit() else 0 for word in words)
    return limit, period


def facts() -> dict[str, Any]:
    """Return what can be known without torch; what the system does not tell is None."""
    memory = psutil.virtual_memory()
    return {
        "cpu": _cpu_name(),
        "flags": _cpu_flags(),
        "cores": usable_cores(),
        "cpu_quota": cpu_quota(),
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


def git_state(folder: Path) -> dict[str, Any]:
    """Return the revision of the checkout in `folder`, None without git.

    Whatever a calling hook has set to name another repository does not count.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words: str) -> str | None:
        try:
            completed = subprocess.run(
                ["git", "-C", str(folder), *words],
                env=own,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=True,
                timeout=10,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return completed.stdout.strip()

    revision = git("rev-parse", "HEAD")
    status = git("status", "--porcelain")
    return {"git_revision": revision, "git_dirty": None if status is None else bool(status)}
