"""What this process wrote into a file of records, held against what stands there.

Whatever runs under the same user can open the file and append to it, change it or put another in
its place while a run measures. A reader cannot tell such a record from a run's own; who wrote it
can.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from suite.results.inside import write_whole

MOST_NAMED = 3


class OwnRecords:
    """The lines of one file: by digest those that were there before, in full those of this call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = [_digest(line) for line in _lines(path)]
        self._written: list[bytes] = []
        self._was_link = path.is_symlink()

    def wrote(self, line: bytes) -> None:
        """Take note of a line, with its end, that is in the file now."""
        self._written.append(line)

    @property
    def intact(self) -> bool:
        """Whether the file holds what it should and nothing else, and became no link to another."""
        digests = [_digest(line) for line in _lines(self._path)]
        ours = self._before + [_digest(line) for line in self._written]
        return digests == ours and self._path.is_symlink() == self._was_link

    def restore(self) -> str | None:
        """Put back what was written, without what was not; return what was amiss, if anything.

        A line from before this call that is gone cannot be put back.

        Raises:
            UsageError: the file cannot be written.
        """
        if self.intact:
            return None
        lines = _lines(self._path)
        ours = {_digest(line) for line in self._written}
        kept = [line for line in lines if _digest(line) in self._before]
        foreign = [line for line in lines if _digest(line) not in {*self._before, *ours}]
        lost = len(set(self._before)) - len({_digest(line) for line in kept})
        write_whole(self._path, b"".join(dict.fromkeys([*kept, *self._written])))
        return _told(self._path, foreign, lost)


def _told(path: Path, foreign: list[bytes], lost: int) -> str:
    names = list(dict.fromkeys(map(_name, foreign)))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    which = f" ({', '.join(names[:MOST_NAMED])}{more})" if names else ""
    gone = f", {lost} from before this call cannot be put back" if lost > 0 else ""
    return (
        f"{path}: something else changed it while this run measured; not believed: "
        f"{len(foreign)} records that are none of the run's{which}; what the run recorded is "
        f"back in place{gone}"
    )


def _name(line: bytes) -> str:
    """Return the cell that a foreign record claims to be about."""
    try:
        record = json.loads(line)
        scenario, implementation = record["scenario"]["id"], record["implementation"]
    except (ValueError, KeyError, TypeError):
        return "no record at all"
    return f"{scenario} × {implementation}"[:100]


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except OSError:
        return []


def _digest(line: bytes) -> bytes:
    return hashlib.sha256(line).digest()
