"""What it takes to empty a CPU's caches: how much other data, and whether there is room for it.

Cold means: in none of the last-level caches of the cores that this process may run on. A CPU may
have one for all cores or one for every few; those of other cores hold nothing of ours. So the other
data are `FILL` times all of them together, and torch's threads read it, each through its own core.
"""

from __future__ import annotations

import os
from pathlib import Path

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.processes import free_memory

FILL = 8
"""Bytes read to empty a cache, in multiples of its size. Twice is not enough: replacement policies
guard against scans, and virtual machines see less of the cache than they use."""
LEAST_FILLER_BYTES = 256 * 2**20
"""Read where the system tells of no cache, or of small ones only."""
MOST_SHARE = 0.75
"""Of the memory that is free: the implementations need some, too."""
_CORES = Path("/sys/devices/system/cpu")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def last_level_cache_bytes() -> int:
    """Return the size of all last-level caches of the cores we may use together; 0 if unknown."""
    sizes: dict[str, int] = {}
    for core in _usable():
        level, size_bytes, shared_by = 0, 0, str(core)
        for index in (_CORES / f"cpu{core}/cache").glob("index*"):
            level_text = _read(index / "level")
            if (
                level_text.isdigit()
                and int(level_text) > level
                and _read(index / "type") != "Instruction"
            ):
                level, size_bytes = int(level_text), _bytes(_read(index / "size"))
                shared_by = _read(index / "shared_cpu_list") or str(core)
        sizes[shared_by] = max(size_bytes, sizes.get(shared_by, 0))
    return sum(sizes.values())


def filler_bytes(scenario: Scenario) -> int:
    """Return how much other data is read before each call; 0 where caches are not to be cold.

    A GPU's caches are flushed on the card; see `suite.worker.cuda_clock`.
    """
    if scenario.on_cuda or scenario.cache_state != "cold":
        return 0
    return max(FILL * last_level_cache_bytes(), LEAST_FILLER_BYTES)


def require_room(scenario: Scenario, missing_bytes: int | None = None) -> None:
    """Refuse to time with cold caches where the other data would not fit into memory.

    Args:
        missing_bytes: how much of it is not in memory yet; all of it if None.

    Raises:
        Unsupported: less data would leave the caches warm, and the times would not tell.
    """
    wanted = filler_bytes(scenario)
    free = free_memory.available_bytes()
    if (wanted if missing_bytes is None else missing_bytes) > MOST_SHARE * free:
        raise Unsupported(
            f"caches cannot be made cold here: {_gib(wanted)} of other data "
            f"({FILL} times {_gib(last_level_cache_bytes())} of cache) would have to be read "
            f"before each call, and {_gib(free)} of memory are free; free some, use fewer cores "
            "(taskset), or ask for cache: hot"
        )


def note(scenario: Scenario) -> str | None:
    """Return what to know about caches that are to be cold, if anything."""
    size_bytes = filler_bytes(scenario)
    if not size_bytes or last_level_cache_bytes():
        return None
    return (
        f"this system does not tell the sizes of its caches: cold means that {_gib(size_bytes)} "
        "of other data were read before each call"
    )


def _usable() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _bytes(text: str) -> int:
    """Return a size as the kernel writes it: "32768K"."""
    number = text.rstrip("KMG")
    return int(number) * _UNITS.get(text[-1], 1) if number.isdigit() else 0


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"
