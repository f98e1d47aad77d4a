"""Fresh processes that need not load a network again: forks of one that has, and computed nothing.

Loading imports what the network is made of, which takes seconds for some libraries. A fork has all
of that at once, and memory, caches and threads of its own.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from suite.messages.answer import Answer, Failure
from suite.messages.network import TimeArms, Timings
from suite.network.bench import Bench
from suite.network.child.timing import timed
from suite.processes.child import PR_SET_PDEATHSIG
from suite.records import from_json, to_json
from suite.results.cell import Status

TASKS = Path("/proc/self/task")


def may_fork() -> bool:
    """Return whether this process can be forked: a pool's threads would be missing in the fork."""
    return TASKS.is_dir() and len(list(TASKS.iterdir())) == 1


class ForkedBench:
    """A fork that times variants of a network until it is closed."""

    def __init__(self, bench: Bench, threads: int) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, bench, threads))
        self._process.start()
        theirs.close()

    def ask(self, request: TimeArms) -> Answer[Timings]:
        """Return what was timed, or that the fork did not survive it."""
        try:
            self._connection.send_bytes(to_json(request).encode())
            answer: Answer[Timings] = from_json(
                Answer[Timings], self._connection.recv_bytes().decode()
            )
            return answer
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode or 0
            cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            failure = Failure(status=Status.CRASHED, reason=f"its process ended: {cause}")
            return Answer(reply=None, failure=failure)

    @property
    def ended(self) -> bool:
        return not self._process.is_alive()

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join(5)


def _serve(connection: Connection, bench: Bench, threads: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    while True:
        try:
            request = from_json(TimeArms, connection.recv_bytes().decode())
        except (EOFError, OSError):
            os._exit(0)
        connection.send_bytes(to_json(timed(bench, threads, request)).encode())
