"""The file that processes print into: what a run keeps of it is bounded, however much they print.

They all append to one file, so that it can be cut while they print: what comes next lands behind.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

MOST_BYTES = 16 * 2**20
"""From here on the middle goes, so that a run's folder stays small."""
HEAD_BYTES = 4 * 2**20
TAIL_BYTES = 2**20


def bound(log: Path) -> None:
    """Cut the middle out of a log that has become too large; a line says how much went."""
    with contextlib.suppress(OSError):
        if log.stat().st_size <= MOST_BYTES:
            return
        with log.open("r+b", buffering=0) as file:
            size = file.seek(0, 2)
            gone = size - HEAD_BYTES - TAIL_BYTES
            note = f"\n[{gone / 2**20:.0f} MiB of output left out here: both ends are kept]\n"
            end, start = HEAD_BYTES, size - TAIL_BYTES
            kept = note.encode()
            while kept:  # what was printed meanwhile, too
                file.seek(end)
                end += file.write(kept)
                file.seek(start)
                kept = file.read(TAIL_BYTES)
                start += len(kept)
            file.truncate(end)


def last_lines(log: Path, since: int, most_bytes: int = 8192) -> list[str]:
    """Return the last lines that were printed since the file had a size; none if unreadable."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            # Where it was cut meanwhile, what is left at its end is newer than `since`.
            first = since if since <= size else 0
            file.seek(max(first, size - most_bytes))
            return file.read(most_bytes).decode(errors="replace").splitlines()
    except OSError:
        return []
