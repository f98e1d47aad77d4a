"""What a container, or another control group of Linux, leaves to this process.

Both versions of control groups are read. A limit of any group around ours counts, as does one at
the root of the file system: within a container the path in /proc may be the host's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_UNLIMITED_BYTES = 2**60
"""The first version writes "no limit" as a number a little below 2^63."""


def cpu_quota() -> float | None:
    """Return how many cores' time this process gets, None without such a limit."""
    quotas = []
    for group in _groups("cpu"):
        limit_us, period_us = _quota_us(group)
        if limit_us > 0 and period_us > 0:
            quotas.append(limit_us / period_us)
    return min(quotas, default=None)


def memory_limit_bytes() -> int | None:
    """Return how much memory all processes of the group may take, None without such a limit."""
    limits = []
    for group in _groups("memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            limit = read(group / name) or ""
            if limit.isdigit() and int(limit) < _UNLIMITED_BYTES:
                limits.append(int(limit))
    return min(limits, default=None)


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the groups around this process that a controller may limit."""
    for line in (read(_OWN_GROUPS) or "").splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, controllers, own = parts
        if controllers == "":
            roots = [_GROUPS, _GROUPS / "unified"]
        elif controller in controllers.split(","):  # of the first version
            roots = [_GROUPS / controller, _GROUPS / controllers]
        else:
            continue
        for root in dict.fromkeys(roots):
            innermost = root / own.lstrip("/")
            for group in (innermost, *innermost.parents):
                if group.is_relative_to(root):
                    yield group


def _quota_us(group: Path) -> tuple[int, int]:
    """Return microseconds of processor time and the period they are for; 0 where unlimited."""
    words = (read(group / "cpu.max") or "").split()
    if not words:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [read(group / name) or "" for name in names]
    limit, period = (int(word) if word.isdigit() else 0 for word in (*words, "", "")[:2])
    return limit, period


def read(path: Path) -> str | None:
    """Return a file's text without white space around it, None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
