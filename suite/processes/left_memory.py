"""Shared memory with a name that a plug-in made and did not remove.

`multiprocessing.shared_memory` leaves that to a resource tracker, which children that are killed,
or end at once, never reach. So a child notes each name as it makes it, in a file of the folder
that it is given, and its parent removes what is still there once the child is gone; where the
parent is killed as well, whoever removes the folder does.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

_NOTED = "shared-memory-"


def note_names(folder: Path) -> None:
    """Note every shared memory that this process makes or removes from now on."""
    try:
        # Not there on Windows, where it ends by itself.
        import _posixshmem  # type: ignore[import-not-found] # noqa: PLC0415
    except ImportError:
        return
    make, remove_one = _posixshmem.shm_open, _posixshmem.shm_unlink

    def note(sign: str, name: str) -> None:
        with contextlib.suppress(OSError, UnicodeError):
            # Opened each time: a descriptor kept could be used to write what was never made.
            noted = folder / f"{_NOTED}{os.getpid()}"
            with noted.open("a", encoding="utf-8") as file:
                file.write(f"{sign}{name}\n")

    def shm_open(path: str, flags: int, mode: int = 0o777) -> Any:
        descriptor = make(path, flags, mode)
        if flags & os.O_CREAT and flags & os.O_EXCL:  # else it may be another program's
            note("+", path)
        return descriptor

    def shm_unlink(path: str) -> None:
        remove_one(path)
        note("-", path)

    _posixshmem.shm_open, _posixshmem.shm_unlink = shm_open, shm_unlink


def remove(folder: Path, pid: int | None = None) -> None:
    """Remove what the processes that were given `folder` left; what one left, if it is named."""
    pattern = f"{_NOTED}*" if pid is None else f"{_NOTED}{pid}"
    for noted in folder.glob(pattern):
        names: dict[str, None] = {}
        for line in noted.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("+"):
                names[line[1:]] = None
            else:
                names.pop(line[1:], None)
        for name in names:
            _unlink(name)
        noted.unlink(missing_ok=True)


def _unlink(name: str) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import _posixshmem  # noqa: PLC0415

        _posixshmem.shm_unlink(name)
