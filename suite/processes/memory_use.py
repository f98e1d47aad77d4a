"""How much memory a process takes together with those that it started, shared memory included.

Read from /proc where that is (Linux). What a kernel tells of another process of the same user are
sums; descriptors and mappings only to who may trace it, which is the superuser where the process
keeps others out. So shared memory that is neither mapped nor, for all but the superuser, touched
through a mapping does not show.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

_PROC = Path("/proc")
_NAMED = Path("/dev/shm")
_OURS = "/memfd:convgauge"


def used_bytes(family: Iterable[int], shared_bytes: int) -> int | None:
    """Return what processes hold: private memory, and shared memory that is not the suite's.

    Args:
        shared_bytes: of the suite's memory that each of them may have mapped.

    Returns:
        None where the system does not tell.
    """
    private = mapped = 0
    known = False
    for pid in family:
        with contextlib.suppress(OSError, KeyError, ValueError):
            status = _status(pid)
            private += status["RssAnon"]
            mapped += max(0, status["RssShmem"] - shared_bytes)
            known = True
    if known:
        return private + max(mapped, _opened_bytes(family))
    return _resident_bytes(next(iter(family)))


def _status(pid: int) -> dict[str, int]:
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        fields = [line.split() for line in file if line.startswith("Rss")]
    return {name.rstrip(":"): int(value) * 1024 for name, value, *_ in fields}


def _resident_bytes(pid: int) -> int | None:
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return None
    return int(memory.rss - getattr(memory, "shared", 0))


def _opened_bytes(family: Iterable[int]) -> int:
    """Return the size of the shared memory that processes have open, each counted once."""
    sizes = {}
    for pid in family:
        for path, link in _links(pid):
            if link.startswith(("/memfd:", f"{_NAMED}/")) and not link.startswith(_OURS):
                with contextlib.suppress(OSError):
                    status = os.stat(path)  # noqa: PTH116 - as below
                    sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _links(pid: int) -> Iterator[tuple[str, str]]:
    """Yield what a process has open, by strings: this is asked after every request."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            path = f"{folder}/{name}"
            with contextlib.suppress(OSError):
                yield path, os.readlink(path)  # noqa: PTH115


def named_segments(family: Iterable[int]) -> set[Path]:
    """Return the named shared memory that processes have mapped or open."""
    names = set()
    for pid in family:
        names |= {link for _, link in _links(pid)}
        with contextlib.suppress(OSError):
            maps = (_PROC / str(pid) / "maps").read_text(encoding="utf-8", errors="replace")
            names |= {
                line.split(maxsplit=5)[-1] for line in maps.splitlines() if "/dev/shm/" in line
            }
    return {Path(name) for name in names if Path(name).parent == _NAMED}


def unlink(segments: Iterable[Path], since: float) -> None:
    """Take the names of shared memory that was made since a moment, by the system's clock."""
    for segment in segments:
        with contextlib.suppress(OSError):
            status = segment.stat()
            if status.st_ctime >= since and status.st_uid == os.getuid():
                segment.unlink()
