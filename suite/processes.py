"""Start, watch and end the processes of a run.

Processes are forked from a server that has imported torch and computed nothing (a parallel
region before the fork would hang the child): the first costs seconds, every later fresh process
some ten milliseconds. Where there is no fork server, they are spawned.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
import time
import types
from collections.abc import Iterator, Mapping
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from suite.channel import ChannelClosed, ForeignFrame, Message, NoReplyInTime, Requester

PRELOAD = ["suite.preload"]
_ROOT = str(Path(__file__).resolve().parents[1])
START_TIMEOUT_S = 120.0
PR_SET_PDEATHSIG = 1


class ProcessFailed(Exception):
    """A process did not answer as it should; `status` is a result status, `reason` says why."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _context() -> ForkServerContext | SpawnContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with _server_environment():
        forkserver.ensure_running()
    return context


@contextlib.contextmanager
def _server_environment() -> Iterator[None]:
    """Set what the fork server, and so every process, has to find in its environment.

    It looks for what it preloads on a path of its own, and skips silently what it does not find.
    """
    ours = {"PYTHONPATH": os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))}
    with _variables(ours | steady_environment()):
        yield


def steady_environment() -> dict[str, str]:
    """Return the variables that make a call's time its own, each unless the user chose.

    libgomp's threads spin for 9 ms after their work, and every turn waits until they sleep; a
    millisecond still bridges the gaps within and between calls.

    glibc gives large freed blocks back to the system, and their pages cost a fault each when they
    are wanted again. Which outputs meet that is chance, a layer's every second one perhaps, and no
    median stands above it. So blocks are kept, as far as glibc can (32 MiB each), as they are
    between the layers of a network.
    """
    variables = {}
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        variables["GOMP_SPINCOUNT"] = "30000"
    if not any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        variables["MALLOC_MMAP_THRESHOLD_"] = str(32 * 2**20)
        variables["MALLOC_TRIM_THRESHOLD_"] = str(2**30)
    return variables


@contextlib.contextmanager
def _variables(ours: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the main module, which multiprocessing would import again in every child.

    No child needs it: what they run is in `suite`. Under pytest it would cost 0.3 s a process.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class Peer:
    """A process that serves requests, seen from the runner.

    `target` is "module:function", so that the runner never imports what it starts. With an
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
        context = _context() if environment is None else multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self.name = name
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._memory_limit_bytes = memory_limit_bytes
        with _without_main(), _variables(environment or {}):
            self._process: BaseProcess = context.Process(
                target=_child, args=(target, theirs, str(log), *args), name=name
            )
            self._process.start()
        theirs.close()
        self._requester = Requester(ours)
        self._watched: psutil.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send(self, do: str, **fields: Any) -> None:
        try:
            self._requester.send(do, **fields)
        except ChannelClosed:
            raise self._post_mortem() from None

    def receive(self, timeout_s: float) -> Message:
        """Return the reply to the last request.

        Raises:
            ProcessFailed: it died, hung, took too much memory, or something in it wrote to the
                channel; the process is gone afterwards.
        """
        try:
            return self._requester.receive(timeout_s, self._watch_memory)
        except ChannelClosed:
            raise self._post_mortem() from None
        except NoReplyInTime:
            self.kill()
            raise ProcessFailed("timeout", f"no answer within {timeout_s:.0f} s") from None
        except ForeignFrame as error:
            self.kill()
            raise ProcessFailed("error", f"wrote to the suite's own channel: {error}") from None

    def ask(self, do: str, *, timeout_s: float = START_TIMEOUT_S, **fields: Any) -> Message:
        self.send(do, **fields)
        return self.receive(timeout_s)

    def _watch_memory(self) -> None:
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
                f"{self._memory_limit_bytes / 2**30:.1f} GiB (--memory-limit)",
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
        self._requester.close()

    def close(self) -> None:
        """End it by closing its channel; kill it if it does not go."""
        self.dismiss()
        self._process.join(0.5)
        self.kill()

    def kill(self) -> None:
        """End it and everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError, AssertionError):
            if hasattr(os, "killpg"):
                os.killpg(self.pid, signal.SIGKILL)
        if self._process.is_alive():
            self._process.kill()
        self._process.join(5)


def _child(target: str, connection: Connection, log: str, *args: object) -> None:
    """First code of every process: cut loose from the terminal, die with the runner."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # What implementations print must not reach the terminal or a report.
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    _cut_off_all_but(0, 1, 2, connection.fileno())
    faulthandler.enable(all_threads=False)
    module, _, function = target.partition(":")
    getattr(importlib.import_module(module), function)(connection, *args)
    # A plug-in's exit handlers and threads do not hold up the run.
    os._exit(0)


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


def running_threads() -> int:
    """Return how many of this process's other threads are running right now (Linux; else 0)."""
    own = f"/proc/self/task/{_thread_id()}/stat"
    count = 0
    try:
        tasks = os.listdir("/proc/self/task")  # noqa: PTH208 - a tenth of the cost
    except OSError:
        return 0
    for task in tasks:
        path = f"/proc/self/task/{task}/stat"
        if path == own:
            continue
        with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
            count += file.read().rpartition(b") ")[2][:1] == b"R"
    return count


def _thread_id() -> int:
    import threading  # noqa: PLC0415

    return threading.get_native_id()


def wait_until_threads_sleep(most_s: float = 0.05) -> bool:
    """Wait until no other thread of this process runs; return whether that came about.

    Pools spin after their work (libgomp for some milliseconds) and would take a core from
    whoever is measured next.
    """
    deadline = time.monotonic() + most_s
    while running_threads():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0002)
    return True
