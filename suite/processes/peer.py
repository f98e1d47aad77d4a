"""Start, watch and end the processes of a run.

Processes are forked from a server that has imported torch and computed nothing (a parallel
region before the fork would hang the child): the first costs seconds, every later fresh process
some ten milliseconds. Where there is no fork server, they are spawned.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from suite import own_imports
from suite.processes import (
    free_memory,
    left_memory,
    left_processes,
    log_file,
    memory_use,
    scratch,
)
from suite.processes.channel import (
    ChannelClosed,
    ForeignFrame,
    NoReplyInTime,
    Reply,
    Request,
    Requester,
    Take,
)
from suite.processes.child import child_main
from suite.processes.environment import variables
from suite.processes.fork_server import process_context, server_pid, without_main
from suite.processes.interpreter import Interpreter, starting_with
from suite.processes.shared_memory import SharedMemory
from suite.processes.tree import ProcessTree, family_of

START_TIMEOUT_S = 120.0
SPARE_PIPES = 4
"""Their eight ends are tried before a start, which opens six files at once."""


class ProcessFailed(Exception):
    """A process did not answer as it should; `status` is a result status, `reason` says why.

    Args:
        from_outside: another process may have ended it.
        by_system: the system did, which may have meant another one.
    """

    def __init__(
        self, status: str, reason: str, *, from_outside: bool = False, by_system: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.from_outside = from_outside
        self.by_system = by_system


_unended: set[BaseProcess] = set()
"""Processes that were started and not ended yet."""


@atexit.register  # after, and so called before, the function of multiprocessing that waits for them
def _end_what_is_left() -> None:
    """End processes that nobody has any more, wherever Ctrl-C came.

    Python would wait for them before it exits: for ever if one is held.
    """
    for process in _unended:
        process.kill()


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


def _require_files() -> None:
    """Open as many files as a start does, and close them again.

    A start that fails half-way leaves the fork server half a request, of which that dies with a
    traceback.

    Raises:
        OSError: no more can be opened.
    """
    with contextlib.ExitStack() as spare:
        for _ in range(SPARE_PIPES):
            for end in os.pipe():
                spare.callback(os.close, end)


class Peer:
    """A process that serves requests, seen from the parent.

    `target` is "module:function", so that the parent never imports what it starts. With an
    `environment` it is an interpreter of its own, started with these variables, instead of a
    fork: slower by what importing torch takes, with a memory layout that nothing else shares. With
    an `interpreter` it is that one, and finds its variables, too.
    """

    def __init__(
        self,
        target: str,
        *args: Any,
        name: str,
        log: Path,
        memory_limit_bytes: int | None = None,
        environment: Mapping[str, str] | None = None,
        interpreter: Interpreter | None = None,
    ) -> None:
        python = None if interpreter is None else interpreter.python
        if interpreter is not None:
            environment = {**(environment or {}), **interpreter.environment()}
        context = process_context() if environment is None else multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self.name = name
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._memory_limit_bytes = memory_limit_bytes
        finding = own_imports.environment_to_find_us()
        if interpreter is not None and interpreter.finding is not None:
            finding = dict(interpreter.finding)
        users = {name: os.environ.get(name) for name in finding}
        self._killed_for_memory = free_memory.killed_for_memory()
        with without_main(), variables(finding | dict(environment or {})):
            self._process: BaseProcess = context.Process(
                target=child_main,
                args=(target, theirs, str(log), str(scratch.own_folder()), users, *args),
                name=name,
            )
            fork = environment is None
            with starting_with(python), _uninterrupted() if fork else contextlib.nullcontext():
                self._start()
        left_processes.note(scratch.own_folder(), self.pid)
        self._server_pid = server_pid() if environment is None else None
        theirs.close()
        self._requester = Requester(ours)
        self.tree = ProcessTree(self.pid)
        """It and what it starts, seen from outside."""
        self._shared: list[SharedMemory] = []
        """What it was handed over, and may have mapped."""
        self._started_at = time.time()

    def _start(self) -> None:
        """Start the process.

        Raises:
            ProcessFailed: the system does not let it start, or the fork server ended meanwhile.
        """
        try:
            _require_files()
            self._process.start()
            _unended.add(self._process)
        except (OSError, EOFError) as error:
            said = getattr(error, "strerror", None) or str(error) or "the fork server is gone"
            reason = f"no process can be started: {said}"
            raise ProcessFailed("crashed", reason, from_outside=True) from error

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def ended(self) -> bool:
        return not self._process.is_alive()

    def send(self, request: Request[Any], to: str = "") -> None:
        self.tree.go_on()
        try:
            self._requester.send(request, to)
        except ChannelClosed:
            raise self._post_mortem() from None

    def hand_over(self, memory: SharedMemory, *, writable: bool, timeout_s: float) -> None:
        """Let the process have shared memory, which it knows by its path from now on.

        Raises:
            ProcessFailed: as `receive` does.
        """
        with memory.descriptor(writable=writable) as descriptor:
            if descriptor is None:
                return
            request = Take(path=memory.path)
            self.tree.go_on()
            try:
                self._requester.send(request)
                self._requester.send_descriptor(descriptor, self.pid)
            except ChannelClosed:
                raise self._post_mortem() from None
            self.receive(request, timeout_s)
        others = (each for each in self._shared if each is not memory and not each.closed)
        self._shared = [*others, memory]

    def receive(self, request: Request[Reply], timeout_s: float) -> Reply:
        """Return the reply to the last request, which was one of this type.

        Raises:
            ProcessFailed: it died, hung, took too much memory, or something in it wrote to the
                channel; the process is gone afterwards.
        """
        try:
            return self._requester.receive(request, timeout_s, self.watch)
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

    def watch(self) -> None:
        """Let it go on where others stopped it, and `keep_to_limits`."""
        self.tree.end_halt()
        self.keep_to_limits()

    def keep_to_limits(self) -> None:
        """Bound what it prints and takes, with all below it.

        Raises:
            ProcessFailed: it took too much memory; it is gone, and what it shared by name.
        """
        log_file.bound(self._log)
        if self._memory_limit_bytes is None:
            return
        family = family_of(self.pid)
        shared_bytes = sum(memory.size_bytes for memory in self._shared if not memory.closed)
        used_bytes = memory_use.used_bytes(family, shared_bytes)
        if used_bytes is None or used_bytes <= self._memory_limit_bytes:
            return
        segments = memory_use.named_segments(family)
        self.kill()
        memory_use.unlink(segments, self._started_at)
        others = f" with what it started ({len(family) - 1})" if family[1:] else ""
        raise ProcessFailed(
            "out_of_memory",
            f"used {used_bytes / 2**30:.1f} GiB{others}, shared memory included; the limit is "
            f"{self._memory_limit_bytes / 2**30:.1f} GiB",
        )

    def _post_mortem(self) -> ProcessFailed:
        self._process.join(5)
        code = self._process.exitcode
        said = self._last_words()
        self.kill()
        if self.lost_its_server:
            reason = "the server that processes are forked from was ended, and this one with it"
            return ProcessFailed("crashed", reason, from_outside=True)
        if code == -getattr(signal, "SIGKILL", 0):
            if free_memory.killed_for_memory() > self._killed_for_memory:
                reason = "ended by the system for lack of memory (SIGKILL)"
                return ProcessFailed("out_of_memory", reason, by_system=True)
            reason = "killed from outside (SIGKILL), and not for lack of memory"
            return ProcessFailed("crashed", reason, from_outside=True)
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            from_outside = -code in (signal.SIGTERM, signal.SIGINT)
            reason = f"the process died of {name}{said}"
            return ProcessFailed("crashed", reason, from_outside=from_outside)
        return ProcessFailed("crashed", f"the process ended by itself with exit code {code}{said}")

    @property
    def lost_its_server(self) -> bool:
        """Whether the server ended that it was forked from: it ends all that it forked."""
        if self._server_pid is None:
            return False
        try:
            return psutil.Process(self._server_pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def _last_words(self) -> str:
        """Return the last line of its log that says where it was, as "; in ..."."""
        lines = log_file.last_lines(self._log, self._log_start)
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
        _unended.discard(self._process)
        left_memory.remove(scratch.own_folder(), self.pid)
