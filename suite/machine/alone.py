"""At most one measuring run a machine: two at once would each measure the other as well.

The lock is a file where all users of the machine can see it. A container has a /tmp of its own;
what runs outside of it is seen by the load that it makes alone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from suite.errors import UsageError
from suite.processes.lock import FileLock, Holder

FOLDER_VARIABLE = "CONVGAUGE_LOCKS"
NAME = "convgauge.lock"
POLL_S = 0.2


def lock_path() -> Path:
    """Return the file that measuring runs of this machine lock.

    Not in TMPDIR, which may be each user's own. CONVGAUGE_LOCKS names another folder: runs with
    different ones do not wait for each other.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen) / NAME
    of_all = os.environ.get("PROGRAMDATA", "") if sys.platform == "win32" else "/tmp"
    folder = of_all if of_all and Path(of_all).is_dir() else tempfile.gettempdir()
    return Path(folder) / NAME


@contextlib.contextmanager
def alone(
    say: Callable[[str], object], *, waits: bool = True, refused_by: str = ""
) -> Iterator[None]:
    """Wait until no other run measures on this machine, and keep others waiting meanwhile.

    A run that a measuring run has started belongs to it, and goes on at once.

    Args:
        say: tells the user whom we wait for, and where there are no locks.
        waits: whether to wait, or to refuse.
        refused_by: what refuses in place of waiting, as the user says it.

    Raises:
        UsageError: another run measures, and we are not to wait; it names that run.
    """
    lock = FileLock(lock_path())
    began = time.monotonic()
    named: Holder | None = None
    while (holder := lock.take()) and not _is_ours(holder):
        others = f"another run measures on this machine: {holder}"
        if not waits:
            raise UsageError(f"{others}; wait for its end, or leave out {refused_by}")
        if named is None or (holder.pid and holder != named):
            named = holder
            instead = f" ({refused_by} refuses instead)" if refused_by else ""
            say(f"{others}; waiting for its end, as two at once disturb each other{instead}")
        time.sleep(POLL_S)
    if named:
        say(f"waited {time.monotonic() - began:.0f} s for the machine")
    if lock.unavailable:
        say(
            f"other runs on this machine are not seen, nor do they see this one: {lock.unavailable}"
        )
    try:
        yield
    finally:
        lock.release()


def _is_ours(holder: Holder) -> bool:
    """Return whether it is this process, or one that this one descends from.

    Where containers share a folder of locks, each has numbers of its own.
    """
    if holder.host != socket.gethostname():
        return False
    if holder.pid == os.getpid():
        return True
    import psutil  # noqa: PLC0415 - only where a run waits

    with contextlib.suppress(psutil.Error):
        return any(parent.pid == holder.pid for parent in psutil.Process().parents())
    return False
