"""First code of every process that is started here."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing import synchronize
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from suite import own_imports
from suite.processes import left_memory
from suite.processes.environment import set_variables
from suite.processes.keeping_out import keep_others_out

PR_SET_PDEATHSIG = 1


def child_main(
    target: str,
    connection: Connection,
    log: str,
    scratch: str,
    variables: Mapping[str, str | None],
    *args: object,
) -> None:
    """First code of every process: cut loose from the terminal, die with the parent.

    Args:
        scratch: the parent's folder for temporary files.
        variables: of the environment, as the user has them.
    """
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # What implementations print must not reach the terminal or a report.
    descriptor = _opened(log)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    _cut_off_all_but(0, 1, 2, connection.fileno())
    _unlink_semaphores_at_once()
    left_memory.note_names(Path(scratch))
    keep_others_out()
    faulthandler.enable(all_threads=False)
    module, _, function = target.partition(":")
    set_variables(variables)
    getattr(own_imports.import_own(module), function)(connection, *args)
    # A plug-in's exit handlers and threads do not hold up the run.
    os._exit(0)


def _opened(log: str) -> int:
    """Open the log; where its folder was removed meanwhile, no implementation is to blame."""
    try:
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _cut_off_all_but(*kept: int) -> None:
    """Point inherited descriptors at nothing.

    One byte written to the fork server's would end every process of the run. They are replaced
    rather than closed, because objects that own them still do.
    """
    with contextlib.suppress(OSError):
        inherited = {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in inherited - {*kept, nothing}:
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                os.dup2(nothing, descriptor)


def _unlink_semaphores_at_once() -> None:
    """Take the name of every semaphore that this process makes as soon as it exists.

    Numba's parallel back end makes a lock of multiprocessing, and so may anything else here. Apart
    from the fork method a lock keeps a name in shared memory, for processes to come, and neither
    `os._exit` nor a kill removes that: it stays until the machine is restarted. So all are made as
    for the fork method: this process and its forks have them until the last of them ends, and
    handing one to another process is an error that says so. Windows has handles only, which end
    by themselves.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return
    create, fork = synchronize.SemLock.__init__, multiprocessing.get_context("fork")

    def create_unlinked(self: synchronize.SemLock, *args: Any, **_: object) -> None:
        create(self, *args, ctx=fork)

    synchronize.SemLock.__init__ = create_unlinked  # type: ignore[method-assign]
