"""How much memory may still be taken: the machine's, or what is left of a container's limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_OF_MACHINE = Path("/proc/vmstat")
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_bytes() -> int:
    """Return what can be taken without swapping and without meeting a limit of a control group."""
    return min([psutil.virtual_memory().available, *_left_in_groups()])


def killed_for_memory() -> int:
    """Return how many processes the system has ended so far for lack of memory.

    Those of the whole machine, and of the control groups around this process, which need not be
    told to the machine's account; 0 where the system keeps none (not Linux).
    """
    machine = _statistic(_OF_MACHINE, "oom_kill")
    groups = (_statistic(folder / file, "oom_kill") for folder, file in _event_files())
    return machine + max(groups, default=0)


def _event_files() -> Iterator[tuple[Path, str]]:
    for folder, version in _groups():
        yield folder, "memory.oom_control" if version is _V1 else "memory.events"


def _left_in_groups() -> Iterator[int]:
    """Yield what is left in each control group around this process that has a limit (Linux).

    Cached files that nobody used lately count as used there, but give way.
    """
    for folder, (limit, usage, idle) in _groups():
        most, used = _read(folder / limit), _read(folder / usage)
        if most and most.isdigit() and used:
            yield max(0, int(most) - int(used) + _statistic(folder / "memory.stat", idle))


def _groups() -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Yield the folders of the control groups around this process, and what their files are."""
    for line in (_read(_OWN_GROUPS) or "").splitlines():
        _, kinds, own = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        version, top = (_V1, _GROUPS / kinds) if kinds else (_V2, _GROUPS)
        innermost = top / own.lstrip("/")
        for folder in (innermost, *innermost.parents):
            yield folder, version
            if folder == top:
                break


def _statistic(file: Path, field: str) -> int:
    for line in (_read(file) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == field:
            return int(value)
    return 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
