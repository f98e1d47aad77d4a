"""What a row started, where the run was killed: held or at work, with nobody to end it (Linux).

A run that ends by itself ends it. One that is killed takes its own processes with it, each of which
leads a session, but not what they had started. So each is noted in the run's folder, and whoever
removes the folder ends what is left of its session.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

_NOTED = "sessions"
IS_SEEN = sys.platform == "linux"


def note(folder: Path, leader: int) -> None:
    """Note a process that leads a session of its own."""
    import psutil  # noqa: PLC0415 - whoever has started one has it

    with contextlib.suppress(OSError, psutil.Error), (folder / _NOTED).open("a") as noted:
        noted.write(f"{leader} {psutil.Process(leader).create_time()}\n")


def end(folder: Path) -> None:
    """End what is left of the sessions whose leaders were noted in `folder`, and are gone.

    While anything of a session is left, no new one gets its number. Containers that share a folder
    have numbers of their own: what is older than the leader that was noted is another's.
    """
    sessions = _noted(folder)
    if not (IS_SEEN and sessions):
        return
    import psutil  # noqa: PLC0415 - 10 ms that few starts need

    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            session = os.getsid(process.pid)
            if session not in sessions or psutil.pid_exists(session):
                continue
            if process.create_time() >= sessions[session] and process.uids().real == os.getuid():
                process.send_signal(signal.SIGKILL)


def _noted(folder: Path) -> dict[int, float]:
    """Return leader → when it started."""
    sessions = {}
    with contextlib.suppress(OSError):
        for line in (folder / _NOTED).read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                leader, started = line.split()
                sessions[int(leader)] = float(started)
    return sessions
