"""A process and all that it has started, seen and held from outside (Linux).

What runs in the process cannot change what is seen here: the parent asks the kernel. Orphans stay
in the tree, because every process of the suite takes in those of its descendants. On other systems
no more is seen than that somebody has stopped the process, and nothing held.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

IS_SEEN = sys.platform == "linux"
_OF_A_PROCESS = 2
"""The kind of a process's clock in the numbers that Linux gives to clocks."""
_MOST_ROUNDS = 20
_MOST_STOPPING_S, _LOOK_S = 0.2, 1e-4


@dataclass(frozen=True)
class _Process:
    """A process that no other one is mistaken for: numbers are used again."""

    pid: int
    started: int
    """In ticks since the machine's start."""
    session: int


class ProcessTree:
    """The process with this number, whose standing has to be ours."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._usual = _our_standing()
        self._itself = _process(pid) if IS_SEEN else None
        self._below: dict[int, _Process] = {}
        self._is_stopped = False
        self.halts = 0
        """Times that it was found stopped by others when it was to work."""

    # -- what it does ------------------------------------------------------------------------------

    def look(self) -> int:
        """Find what it has started that still runs; return how many that are."""
        self._below = {each.pid: each for each in _below(self.pid)}
        return len(self._below)

    def cpu_s(self) -> float:
        """Return the processor time that it has taken so far, with all that was last found."""
        return sum(map(_cpu_s, (self.pid, *self._below))) if IS_SEEN else 0.0

    def end_detached(self) -> int:
        """End what has left the process's session, to outlive it; return how many that were."""
        detached = [each for each in self._below.values() if each.session != self.pid]
        for each in detached:
            _signal(each, signal.SIGKILL)
            del self._below[each.pid]
        return len(detached)

    def end_below(self) -> None:
        """End all that it has started, whether it is still there itself or not."""
        if self._is_itself():
            self.look()
        for each in self._below.values():
            _signal(each, signal.SIGKILL)
        self._below = {}

    # -- what is done to it ------------------------------------------------------------------------

    def changes(self) -> list[str]:
        """Return in what its standing is another than ours, and put it back."""
        changed = []
        for name, (read, write) in _STANDING.items():
            usual, now = self._usual[name], _asked(read, self.pid)
            if now is not None and now != usual:
                changed.append(f"{name} {usual} → {now}")
                with contextlib.suppress(OSError):
                    write(self.pid, usual)
        self.end_halt()
        if self.halts:
            changed.append(f"stopped {self.halts} times")
            self.halts = 0
        return changed

    def end_halt(self) -> None:
        """Let it go on where somebody else has stopped it."""
        if not self._is_stopped and _is_halted(self.pid):
            self.halts += 1
            with contextlib.suppress(psutil.Error):
                psutil.Process(self.pid).resume()

    def stop(self) -> None:
        """Keep it, and all below it, from doing anything until it is to go on."""
        if not IS_SEEN:
            return
        self._is_stopped = True
        self._send(signal.SIGSTOP)
        _await_stop(self.pid)
        self._below = {}
        for _ in range(_MOST_ROUNDS):  # what is not stopped yet may start more
            fresh = [each for each in _below(self.pid) if each.pid not in self._below]
            for each in fresh:
                _signal(each, signal.SIGSTOP)
                self._below[each.pid] = each
            for each in fresh:
                _await_stop(each.pid)
            if not fresh:
                return

    def go_on(self) -> None:
        if self._is_stopped:
            self._is_stopped = False
            for each in self._below.values():
                _signal(each, signal.SIGCONT)
            self._send(signal.SIGCONT)

    def _is_itself(self) -> bool:
        """Return whether the number does not belong to another process by now."""
        now = _process(self.pid)
        return self._itself is not None and now is not None and now.started == self._itself.started

    def _send(self, number: int) -> None:
        with contextlib.suppress(OSError):
            os.kill(self.pid, number)


# -- asking the kernel -----------------------------------------------------------------------------


def _asked(read: Callable[[int], Any], pid: int) -> Any:
    try:
        return read(pid)
    except OSError:
        return None


def _standing() -> dict[str, tuple[Callable[[int], Any], Callable[[int, Any], object]]]:
    """Return name → (read, write) of what the scheduler goes by."""
    if not IS_SEEN:
        return {}
    return {
        "affinity": (lambda pid: sorted(os.sched_getaffinity(pid)), os.sched_setaffinity),
        "priority": (
            lambda pid: os.getpriority(os.PRIO_PROCESS, pid),
            lambda pid, nice: os.setpriority(os.PRIO_PROCESS, pid, nice),
        ),
        "scheduling policy": (
            os.sched_getscheduler,
            lambda pid, policy: os.sched_setscheduler(pid, policy, os.sched_param(0)),
        ),
    }


_STANDING = _standing()


@functools.cache
def _our_standing() -> dict[str, Any]:
    """Return this process's own, which all that it starts get: as it was before the first of them.

    Not theirs: the server that they are forked from may have been tampered with.
    """
    return {name: _asked(read, os.getpid()) for name, (read, _) in _STANDING.items()}


def _cpu_s(pid: int) -> float:
    """Return a process's processor time, of all its threads and those that have ended."""
    try:
        return time.clock_gettime((~pid << 3) | _OF_A_PROCESS)
    except (OSError, AttributeError, ValueError):
        return 0.0


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - half the time
            return file.read().rpartition(b") ")[2].decode().split()
    except OSError:
        return None


def _is_halted(pid: int) -> bool:
    if IS_SEEN:
        return (_stat(pid) or ["?"])[0] in ("T", "t")
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def _await_stop(pid: int) -> None:
    """Wait until a process that was sent SIGSTOP is stopped, or has ended.

    Sending returns before any of its threads has seen the signal. On a busy machine another thread
    than the one that takes it went on for up to 2.5 ms, in one of 15 to 20 cases.
    """
    deadline = time.monotonic() + _MOST_STOPPING_S
    while (fields := _stat(pid)) and fields[0] not in "TtZX" and time.monotonic() < deadline:
        time.sleep(_LOOK_S)


def _process(pid: int) -> _Process | None:
    fields = _stat(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return _Process(pid=pid, started=int(fields[19]), session=int(fields[3]))


def family_of(pid: int) -> list[int]:
    """Return a process and all below it that have not ended, as far as the system tells."""
    return [pid, *(each.pid for each in _below(pid))]


def _below(pid: int) -> Iterator[_Process]:
    """Yield the processes below one that have not ended, nearest first."""
    generation, seen = [pid], {pid}
    while generation:
        below = [child for parent in generation for child in _children(parent)]
        generation = [child for child in below if child not in seen]
        seen.update(generation)
        for child in generation:
            if process := _process(child):
                yield process


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - a tenth of the cost
            path = f"/proc/{pid}/task/{task}/children"
            with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
                children += map(int, file.read().split())
    return children


def _signal(process: _Process, number: int) -> None:
    """Send a signal, unless the number belongs to another process by now."""
    now = _process(process.pid)
    if now is not None and now.started == process.started:
        with contextlib.suppress(OSError):
            os.kill(process.pid, number)
