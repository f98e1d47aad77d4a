"""A run's folder in a zip, which may be a stranger's: three files are unpacked and no more.

What a zip says of its own sizes counts for nothing; bytes are counted as they come out.
"""

from __future__ import annotations

import contextlib
import lzma
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from suite.errors import NotComparable, UsageError
from suite.processes.scratch import scratch_folder
from suite.results.folder import MANIFEST, PROFILES, RESULTS, Run, read_run

MOST_ENTRIES = 100_000
MOST_RATIO = 50
"""Times that a run's files may be longer than their zip; samples of a real one compress by 3, and
cells that are all unsupported by 30."""
ALWAYS_BYTES = 2**24
"""May be unpacked whatever the ratio."""
MOST_BYTES = 2**30
PIECE_BYTES = 2**16
ENCRYPTED = 1
"""Bit of a zip's flags."""


def read_archive(path: Path) -> Run:
    """Return the run whose folder a zip holds.

    Raises:
        NotComparable: there is none in it.
        UsageError: it is no zip, encrypted, damaged, longer than a run can be, or what it holds
            is.
    """
    with scratch_folder() as scratch:
        with _unpacking(path), zipfile.ZipFile(path) as archive:
            _unpack(archive, path, scratch)
        try:
            return read_run([scratch])
        except UsageError as error:
            # The reader of the message knows the zip, and not where it was unpacked.
            raise UsageError(str(error).replace(str(scratch), str(path))) from error


@contextlib.contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    """Make a message of everything that zipfile and its decompressors raise."""
    damaged = (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,  # NotImplementedError among them: a way to compress that Python has not
        MemoryError,
        OverflowError,
    )
    try:
        yield
    except damaged as error:
        reason = str(error) or type(error).__name__
        raise UsageError(f"{path}: cannot be unpacked: {reason}; zip the run's folder") from error


def _unpack(archive: zipfile.ZipFile, path: Path, target: Path) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise UsageError(f"{path}: {len(entries)} files in it, more than a run's folder has")
    folder = _folder_of_run([entry.filename for entry in entries], path)
    wanted = {f"{folder}{name}": name for name in (MANIFEST, RESULTS, PROFILES)}
    left_bytes = min(MOST_BYTES, max(ALWAYS_BYTES, MOST_RATIO * path.stat().st_size))
    for entry in entries:
        if entry.filename not in wanted:
            continue
        if entry.flag_bits & ENCRYPTED:
            raise UsageError(f"{path}: {entry.filename} is encrypted; zip it without a password")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UsageError(f"{path}: {entry.filename} is a link; zip the file itself")
        with archive.open(entry) as packed, (target / wanted[entry.filename]).open("xb") as file:
            while piece := packed.read(PIECE_BYTES):
                left_bytes -= len(piece)
                if left_bytes < 0:
                    raise UsageError(
                        f"{path}: {entry.filename} is longer than a run's file can be in a zip "
                        f"of this size; unpack it and give the folder"
                    )
                file.write(piece)


def _folder_of_run(names: list[str], path: Path) -> str:
    """Return what stands before the names of a run's files: "" or "folder/".

    Raises:
        NotComparable: no manifest is in it.
        UsageError: several are, as near to the top, or one name stands twice.
    """
    manifests = [n for n in names if n.rpartition("/")[2] == MANIFEST]
    if not manifests:
        raise NotComparable(f"{path}: no {MANIFEST} in it; zip a run's folder")
    least = min(name.count("/") for name in manifests)
    nearest = sorted({name for name in manifests if name.count("/") == least})
    if len(nearest) > 1:
        raise UsageError(
            f"{path}: {len(nearest)} runs in it, first {nearest[0]} and {nearest[1]}; zip one"
        )
    folder = nearest[0].removesuffix(MANIFEST)
    counts = Counter(names)
    for name in (MANIFEST, RESULTS, PROFILES):
        if counts[f"{folder}{name}"] > 1:
            raise UsageError(f"{path}: {folder}{name} stands in it twice; zip the folder anew")
    return folder
