"""A run's folder: manifest.json, and results.jsonl with one fsynced record per finished cell.

A run that was profiled has profiles.jsonl beside them, written alike; each of its records carries
a version of its own. While a run goes on, and where it was interrupted, unfinished.jsonl has the
cells that are not known well enough yet: a record after every block, the last of a cell counts.

Format history
    1   first version
    2   `request`: what was asked, to resume and to do it again; budget, shard and plug-ins stand
        there and no longer among the settings
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from suite.errors import UsageError
from suite.interrupts import held_back
from suite.ranges import shown
from suite.records import parse
from suite.results.cell import CellResult
from suite.results.inside import leads_elsewhere, read_inside, write_whole
from suite.results.manifest import HALF_CHARACTER, checked_manifest, whole_characters
from suite.results.own_records import OwnRecords
from suite.results.profile import CellProfile
from suite.results.version_1 import upgraded

SCHEMA_VERSION = 2
MANIFEST = "manifest.json"
RESULTS = "results.jsonl"
PROFILES = "profiles.jsonl"
UNFINISHED = "unfinished.jsonl"
MOST_MANIFEST_BYTES = 2**26
Decoded = TypeVar("Decoded")


class Record(Protocol):
    """What is known about one cell: a result or a profile."""

    @property
    def key(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...


class CellLost(UsageError):
    """A result could not be written. Whoever knows the command adds how to go on."""

    def with_cure(self, cure: str) -> CellLost:
        return CellLost(f"{self}; {cure}")


class ResultWriter:
    """Appends cells to a run's results.jsonl; every record is on disk before `add` returns.

    Args:
        name: another file of the folder that holds a record a cell.
    """

    def __init__(self, folder: Path, name: str = RESULTS) -> None:
        self._path = folder / name
        if leads_elsewhere(self._path):
            raise UsageError(f"{self._path}: is a link to another place; put a copy there")
        try:
            self._drop_torn_line()
            self.records = OwnRecords(self._path)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise UsageError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _drop_torn_line(self) -> None:
        """Remove what a killed run left half-written, so that the next record starts a line."""
        if self._path.exists():
            data = self._path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(self._path, whole)

    def add(self, *results: Record) -> None:
        """Append records, one or some that are known at once.

        Raises:
            CellLost: the disk is full; everything before these cells is kept.
        """
        lines = [
            json.dumps(result.to_dict(), separators=(",", ":"), allow_nan=True).encode() + b"\n"
            for result in results
        ]
        # Written and not yet noted, a record would be taken for something that others put there.
        with held_back():
            self._append(lines, results)

    def _append(self, lines: Sequence[bytes], results: Sequence[Record]) -> None:
        end = self._file.tell()
        try:
            data = b"".join(lines)
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
            for line in lines:
                self.records.wrote(line)
        except OSError as error:
            self._file.truncate(end)
            named = ", ".join(result.key for result in results)
            raise CellLost(
                f"{self._path}: cannot be written: {error.strerror}; the {named} cell is "
                "lost, everything before it is kept"
            ) from error

    def close(self) -> str | None:
        """Close the file; return what something else has changed in it, which is undone."""
        self._file.close()
        try:
            return self.records.restore()
        except UsageError as error:
            return f"something else changed what was recorded, and it cannot be put back: {error}"


class UnfinishedCells:
    """A run's unfinished.jsonl, which goes when the run ends with nothing unfinished."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: ResultWriter | None = None

    def add(self, results: Sequence[CellResult]) -> None:
        """Keep how cells stand.

        Raises:
            CellLost: the disk is full.
        """
        if results:
            self._writer = self._writer or ResultWriter(self._folder, UNFINISHED)
            self._writer.add(*results)

    def close(self, results: Sequence[CellResult]) -> None:
        """Leave these cells and no others."""
        if self._writer is not None:
            self._writer.close()
        path = self._folder / UNFINISHED
        with contextlib.suppress(OSError):  # what stays there says nothing about finished cells
            path.unlink()
        self._writer = None
        self.add(results)
        if self._writer is not None:
            self._writer.close()


@dataclass(frozen=True)
class Run:
    """A run as read back: its folder, its manifest and the cells it finished."""

    folder: Path
    manifest: dict[str, Any]
    results: tuple[CellResult, ...]
    profiles: Mapping[str, CellProfile] = field(default_factory=dict)
    """By cell; only those that were profiled."""


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    write_whole(folder / MANIFEST, _text_of(manifest))


def _text_of(manifest: Mapping[str, Any]) -> str:
    return json.dumps({"schema_version": SCHEMA_VERSION, **manifest}, indent=1) + "\n"


def finish_manifest(
    folder: Path, summary: dict[str, Any], written: Mapping[str, Any] | None = None
) -> str | None:
    """Add what is known only after the last cell: when it ended and where the time went.

    Args:
        written: the manifest as the run wrote it; None to believe the file.

    Returns:
        What is amiss where something else has changed the file meanwhile, which is undone.
    """
    finished_at = datetime.now().astimezone().isoformat(timespec="seconds")
    changed = None
    if written is None:
        written = read_manifest(folder)
    elif not _holds(folder, written):
        changed = f"{folder / MANIFEST}: something else changed it meanwhile; it is as it was again"
    write_manifest(folder, {**written, "finished_at": finished_at, "summary": summary})
    return changed


def _holds(folder: Path, written: Mapping[str, Any]) -> bool:
    """Whether the folder's manifest is this one still."""
    text = _text_of(written)
    try:
        there = read_manifest(folder)
        if (folder / MANIFEST).read_bytes() == text.encode("utf-8", "replace"):
            return True
    except (UsageError, OSError):
        return False
    # What a resumed run has read may be of another version, or spelled otherwise.
    return bool({**there, "schema_version": SCHEMA_VERSION} == json.loads(text))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a run's manifest, one of an older version as this one would have written it.

    Raises:
        UsageError: not a run's folder, or one that another version wrote.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the folder that a run wrote")
    text = read_inside(folder, MANIFEST, MOST_MANIFEST_BYTES)
    if text is None:
        raise UsageError(f"{folder}: no {MANIFEST} in it; give the folder that a run wrote")
    try:
        return _manifest(text, str(path))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a run's manifest: {error}") from error


def _manifest(text: str, path: str) -> dict[str, Any]:
    plain = parse(text)
    version = plain["schema_version"]
    if type(version) is not int or version not in range(1, SCHEMA_VERSION + 1):
        raise UsageError(
            f"{path}: schema version {shown(version)}, this ConvGauge reads {SCHEMA_VERSION} and "
            "older; run again, or use the version that wrote it"
        )
    manifest = checked_manifest(whole_characters(plain) if HALF_CHARACTER.search(text) else plain)
    return checked_manifest(upgraded(manifest)) if version == 1 else manifest


def has_records(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def read_results(folder: Path) -> list[CellResult]:
    """Return the finished cells of one folder, a torn last line left out.

    Raises:
        UsageError: a line in the middle is damaged.
    """
    return read_records(folder, RESULTS, CellResult.from_dict)


def read_unfinished(folder: Path) -> list[CellResult]:
    """Return how cells stood that a run had no time to finish, the last of each.

    Raises:
        UsageError: a line in the middle is damaged.
    """
    cells = {cell.key: cell for cell in read_records(folder, UNFINISHED, CellResult.from_dict)}
    return list(cells.values())


def read_profiles(folder: Path) -> list[CellProfile]:
    """Return the profiles of one folder, a torn last line left out.

    Raises:
        UsageError: a line in the middle is damaged, or another version wrote it.
    """
    return read_records(folder, PROFILES, CellProfile.from_dict)


def read_records(
    folder: Path, name: str, decode: Callable[[dict[str, Any]], Decoded]
) -> list[Decoded]:
    """Return the records of one of a folder's files, a torn last line left out.

    Raises:
        UsageError: a line in the middle is damaged; `decode` says so by a `Misfit`.
    """
    text = read_inside(folder, name)
    records = []
    for number, line in enumerate((text or "").split("\n")[:-1], start=1):
        try:
            records.append(decode(parse(line)))
        except ValueError as error:  # a Misfit, or no JSON
            raise UsageError(f"{folder / name}:{number}: damaged record: {error}") from error
        except UsageError as error:
            raise UsageError(f"{folder / name}:{number}: {error}") from error
    return records


def read_run(folders: Iterable[Path]) -> Run:
    """Return one run from one or several folders (shards); the last record of a cell counts.

    Of cells that were not finished, what was known when the run was interrupted.

    Raises:
        UsageError: no folder, a folder that is no run's, or nothing measured in any.
    """
    folders = list(folders)
    manifests = [read_manifest(folder) for folder in folders]
    cells: dict[str, CellResult] = {}
    profiles: dict[str, CellProfile] = {}
    for folder in folders:
        profiles |= {profile.key: profile for profile in read_profiles(folder)}
        finished = {result.key: result for result in read_results(folder)}
        cells |= {cell.key: cell for cell in read_unfinished(folder) if cell.key not in cells}
        cells |= finished
    if not cells:
        raise no_cells(folders)
    order = {
        identity: position for position, identity in enumerate(manifests[0].get("scenarios", []))
    }
    results = sorted(cells.values(), key=lambda cell: order.get(cell.scenario.id, len(order)))
    return Run(folders[0], manifests[0], tuple(results), profiles)


def no_cells(folders: Iterable[Path]) -> UsageError:
    names = ", ".join(str(folder) for folder in folders)
    return UsageError(f"{names}: no finished cell in it; nothing to report")
