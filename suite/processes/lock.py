"""A lock on a file: it names who holds it, and ends with that process, whatever kills it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import stat
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from suite.printable import printable
from suite.processes.file_locks import locked

_FOR_ALL = 0o666
"""Whoever may open the file may lock it, and write there who they are."""
_MOST_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Who holds a lock."""

    pid: int
    command: str
    since: str
    host: str

    def __str__(self) -> str:
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"process {self.pid}{where}, `{self.command}`, since {self.since}"


UNKNOWN = Holder(pid=0, command="unknown", since="unknown", host=socket.gethostname())
"""A process that could not write down who it is, or did not yet."""


class FileLock:
    """One process at a time holds it.

    Args:
        path: of the file that is locked; it is made, and holds the record of the last holder.
        is_removed: whether the file goes with the lock.
    """

    def __init__(self, path: Path, *, is_removed: bool = False) -> None:
        self.path = path
        self._is_removed = is_removed
        self._descriptor: int | None = None
        self.unavailable: str | None = None
        """Why this system or folder has no such locks, if that is so; nobody is kept out then."""

    def take(self) -> Holder | None:
        """Take the lock without waiting; return who holds it where that is somebody else."""
        while self._descriptor is None and self.unavailable is None:
            try:
                descriptor = _open(self.path)
            except OSError as error:
                self.unavailable = f"{self.path}: {error.strerror or error}"
                break
            try:
                is_free = locked(descriptor)
            except OSError as error:  # a file system without locks
                os.close(descriptor)
                self.unavailable = f"{self.path}: {error.strerror or error}"
                break
            if not is_free:
                holder = _read_holder(descriptor)
                os.close(descriptor)
                return holder
            if not _is_still(descriptor, self.path):  # its last holder has removed it meanwhile
                os.close(descriptor)
                continue
            self._descriptor = descriptor
            _write_holder(descriptor)
        return None

    def release(self) -> None:
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            if self._is_removed and sys.platform != "win32":
                self.path.unlink()
            else:
                os.truncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None
        if self._is_removed and sys.platform == "win32":
            with contextlib.suppress(OSError):
                self.path.unlink()


def named_holder(path: Path) -> Holder | None:
    """Return who a lock's file names, without touching the lock; None where it names nobody.

    Whoever let it go has emptied the file. One that was killed has not: the name may be a dead
    process's.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        return _read_holder(descriptor) if os.fstat(descriptor).st_size else None
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open a lock's file, made if it is not there.

    A file of another user in a folder for all is opened without O_CREAT, which Linux refuses
    there, and one that may only be read can be locked all the same. Links are not followed.

    Raises:
        OSError: it cannot be opened, or is no plain file.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | flags)
        except FileNotFoundError:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, _FOR_ALL)
            except FileExistsError:
                if path.is_symlink():
                    raise
                continue
            with contextlib.suppress(OSError, AttributeError):  # the mask took some of it away
                os.fchmod(descriptor, _FOR_ALL)
        except PermissionError:
            descriptor = os.open(path, os.O_RDONLY | flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{path} is no plain file")
        return descriptor


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _write_holder(descriptor: int) -> None:
    us = Holder(
        pid=os.getpid(),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        host=socket.gethostname(),
    )
    with contextlib.suppress(OSError):
        os.truncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(asdict(us)).encode()[:_MOST_BYTES])


def _read_holder(descriptor: int) -> Holder:
    """Return who a locked file says holds it: anybody's text, so nothing is taken for granted."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        record = json.loads(os.read(descriptor, _MOST_BYTES))
        return Holder(
            pid=int(record["pid"]),
            command=_plain(record["command"], 300),
            since=_plain(record["since"], 30),
            host=_plain(record["host"], 100),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return UNKNOWN


def _plain(text: object, most: int) -> str:
    """Return a text of somebody else's so that it shows as text whatever it holds."""
    return printable(str(text)[:most])[:most]
