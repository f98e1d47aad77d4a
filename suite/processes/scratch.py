"""Temporary folders, and what goes with them when their process is killed.

Each process that needs any has one folder of its own, `convgauge-…`, below the system's for
temporary files; all else lies in it, the fork server's socket too. It goes when the process ends.
A process that is killed leaves it, and the next one takes it away: whoever owns a folder keeps a
file in it locked, and a lock ends with its process, however that ends. (A process's number would
not do: where containers share a /tmp, each has numbers of its own.)
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from suite.errors import UsageError
from suite.processes import left_memory, left_processes
from suite.processes.file_locks import locked

PREFIX = "convgauge-"
LOCK = "owner"
LONGEST_FOR_SOCKETS = 80
"""Bytes of a folder's path: a socket's name in it takes 20 more, and systems allow 103 or 107."""
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
UNLOCKED_S = 3600.0
"""Age from which a folder without a lock is left over: its process was killed as it made it."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a new empty folder, for as long as the block lasts.

    Raises:
        UsageError: no folder for temporary files can be written.
    """
    with _explained():
        folder = Path(tempfile.mkdtemp(dir=own_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own_folder() -> Path:
    """Return this process's folder for temporary files; it goes when the process ends.

    Raises:
        UsageError: no folder for temporary files can be written.
    """
    with _explained():
        return _own(None)


def folder_for_sockets() -> Path:
    """Return a folder whose path is short enough for a socket in it.

    Raises:
        UsageError: TMPDIR is too long for that, and no other place can be written.
    """
    usual = own_folder()
    if len(os.fsencode(usual)) <= LONGEST_FOR_SOCKETS:
        return usual
    for base in SHORT_FOLDERS:
        with contextlib.suppress(OSError):
            return _own(base)
    raise UsageError(
        f"{usual}: too long for a socket's path, which may have {LONGEST_FOR_SOCKETS} bytes there, "
        f"and none of {', '.join(SHORT_FOLDERS)} can be written; set TMPDIR to a shorter one"
    )


_folders: dict[tuple[int, str | None], tuple[Path, IO[bytes]]] = {}
"""This process's folders, by process and by the place they were wanted at; with their locks."""


def _own(wanted: str | None) -> Path:
    """Return this process's folder at a place; None is where temporary files usually go."""
    key = os.getpid(), wanted  # a fork does not own its parent's
    if key not in _folders:
        base = wanted or tempfile.gettempdir()
        remove_left_over(Path(base))
        _folders[key] = _new_folder(base)
        atexit.register(_remove, *key)
    return _folders[key][0]


def _new_folder(base: str) -> tuple[Path, IO[bytes]]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        try:
            lock = (folder / LOCK).open("xb")
        except FileNotFoundError:  # taken away just now: it looked left over
            continue
        with contextlib.suppress(OSError):  # a file system without locks: nothing is taken away
            locked(lock.fileno(), wait=True)
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()


def _remove(pid: int, wanted: str | None) -> None:
    if pid == os.getpid() and (pid, wanted) in _folders:
        folder, lock = _folders.pop((pid, wanted))
        left_memory.remove(folder)
        if sys.platform == "win32":
            lock.close()  # or it cannot be removed
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def remove_left_over(base: Path) -> None:
    """Remove what killed processes of this user left below `base`, and nothing else."""
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and _is_ours(entry):
                _remove_if_left(Path(entry.path))


def _is_ours(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        ours = not hasattr(os, "geteuid") or (
            entry.stat(follow_symlinks=False).st_uid == os.geteuid()
        )
        return ours and entry.is_dir(follow_symlinks=False)
    return False


def _remove_if_left(folder: Path) -> None:
    """Remove a folder whose owner is gone.

    One without a lock may be somebody else's of that name: it goes only if it is empty and old.
    """
    try:
        lock = (folder / LOCK).open("r+b")
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > UNLOCKED_S:
                folder.rmdir()
        return
    except OSError:
        return
    try:
        is_left = locked(lock.fileno())
    except OSError:  # a file system without locks
        is_left = False
    if not is_left:
        lock.close()
        return
    left_processes.end(folder)
    left_memory.remove(folder)
    if sys.platform == "win32":
        lock.close()
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        prefix = f"{error.filename}: " if error.filename else ""
        raise UsageError(
            f"{prefix}no folder for temporary files can be written ({error.strerror or error}); "
            "set TMPDIR to one that can"
        ) from error
