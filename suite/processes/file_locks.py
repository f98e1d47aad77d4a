"""Locks on open files, which end with the process that took them, whatever kills it."""

from __future__ import annotations

import os
import sys

_BEYOND_THE_TEXT = 2**30
"""Windows keeps others from reading what is locked."""


def locked(descriptor: int, *, wait: bool = False) -> bool:
    """Lock a file; return whether it is ours now, which it is not where another process has it.

    Raises:
        OSError: this file system knows no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows has no fcntl, the others no msvcrt

            os.lseek(descriptor, _BEYOND_THE_TEXT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):
        return False
    return True
