"""Start, watch and end the processes of a run.

Processes are forked from a server that has imported torch and computed nothing (a parallel
region before the fork would hang the child): the first costs seconds, every later fresh process
some ten milliseconds. Where there is no fork server, they are spawned.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from suite import own_imports
from suite.processes.channel import (
    ChannelClosed,
    ForeignFrame,
    NoReplyInTime,
    Reply,
    Request,
    Requester,
)
from suite.processes.child import child_main
from suite.processes.environment import variables
from suite.processes.fork_server import process_context, without_main
from suite.processes.tree import ProcessTree

START_TIMEOUT_S = 120.0


class ProcessFailed(Exception):
    """A process did not answer as it should; `status` is a result status, `reason` says why."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for a moment: a fork that never gets its orders prints a traceback.

    Only where the fork server forks. Whoever is spawned would inherit that signals are blocked.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Peer:
    """A process that serves requests, seen from the parent.

    `target` is "module:function", so that the parent never imports what it starts. With an
    `environment` it is an interpreter of its own, started with these variables, instead of a
    fork: slower by what importing torch takes, with a memory layout that nothing else shares.
    """

    def __init__(
        self,
        target: str,
        *args: Any,
        name: str,
        log: Path,
        memory_limit_bytes: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        context = process_context() if environment is None else multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self.name = name
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._memory_limit_bytes = memory_limit_bytes
        finding = own_imports.environment_to_find_us()
        users = {name: os.environ.get(name) for name in finding}
        with without_main(), variables(finding | dict(environment or {})):
            self._process: BaseProcess = context.Process(
                target=child_main, args=(target, theirs, str(log), users, *args), name=name
            )
            with contextlib.nullcontext() if environment is not None else _uninterrupted():
                self._process.start()
        theirs.close()
        self._requester = Requester(ours)
        self._watched: psutil.Process | None = None
        self.tree = ProcessTree(self.pid)
        """It and what it starts, seen from outside."""

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send(self, request: Request[Any], to: str = "") -> None:
        self.tree.go_on()
        try:
            self._requester.send(request, to)
        except ChannelClosed:
            raise self._post_mortem() from None

    def receive(self, request: Request[Reply], timeout_s: float) -> Reply:
        """Return the reply to the last request, which was one of this type.

        Raises:
            ProcessFailed: it died, hung, took too much memory, or something in it wrote to the
                channel; the process is gone afterwards.
        """
        try:
            return self._requester.receive(request, timeout_s, self._watch_memory)
        except ChannelClosed:
            raise self._post_mortem() from None
        except NoReplyInTime:
            self.kill()
            raise ProcessFailed("timeout", f"no answer within {timeout_s:.0f} s") from None
        except ForeignFrame as error:
            self.kill()
            raise ProcessFailed("error", f"wrote to the suite's own channel: {error}") from None

    def ask(self, request: Request[Reply], *, timeout_s: float = START_TIMEOUT_S) -> Reply:
        self.send(request)
        return self.receive(request, timeout_s)

    def _watch_memory(self) -> None:
        self.tree.end_halt()
        if self._memory_limit_bytes is None:
            return
        try:
            self._watched = self._watched or psutil.Process(self.pid)
            memory = self._watched.memory_info()
        except psutil.Error:
            return
        used_bytes = memory.rss - getattr(memory, "shared", 0)
        if used_bytes > self._memory_limit_bytes:
            self.kill()
            raise ProcessFailed(
                "out_of_memory",
                f"used {used_bytes / 2**30:.1f} GiB, the limit is "
                f"{self._memory_limit_bytes / 2**30:.1f} GiB",
            )

    def _post_mortem(self) -> ProcessFailed:
        self._process.join(5)
        code = self._process.exitcode
        said = self._last_words()
        self.kill()
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            if -code == signal.SIGKILL:
                return ProcessFailed(
                    "out_of_memory",
                    "killed from outside (SIGKILL), most likely by the system for lack of memory",
                )
            return ProcessFailed("crashed", f"the process died of {name}{said}")
        return ProcessFailed("crashed", f"the process ended by itself with exit code {code}{said}")

    def _last_words(self) -> str:
        """Return the last line of its log that says where it was, as "; in ..."."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._log_start)
                lines = file.read()[-8192:].decode(errors="replace").splitlines()
        except OSError:
            return ""
        # Before the fatal error's own trace there may be those of errors that were survived.
        fatal = [at for at, line in enumerate(lines) if "most recent call first" in line]
        places = [
            line.strip()
            for line in lines[fatal[-1] if fatal else 0 :]
            if line.lstrip().startswith("File ")
        ]
        return f"; in {places[0]}" if places else ""

    def dismiss(self) -> None:
        """Close its channel, upon which it ends by itself; `close` waits for that."""
        self.tree.look()
        self.tree.go_on()
        self._requester.close()

    def close(self) -> None:
        """End it by closing its channel; kill it if it does not go."""
        self.dismiss()
        self._process.join(0.5)
        self.kill()

    def kill(self) -> None:
        """End it and everything it started."""
        self.tree.end_below()
        with contextlib.suppress(ProcessLookupError, PermissionError, AssertionError):
            if hasattr(os, "killpg"):
                os.killpg(self.pid, signal.SIGKILL)
        if self._process.is_alive():
            self._process.kill()
        self._process.join(5)
