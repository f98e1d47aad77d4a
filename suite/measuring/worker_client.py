"""The parent's side of a worker: an arm, and the process that runs it for the moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from suite.measuring.arm import Arm
from suite.measuring.conduct import Conduct
from suite.measuring.deadline import Deadline, OutOfTime
from suite.measuring.losses import Lost
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.messages.worker import (
    EndTurn,
    Gate,
    Gradcheck,
    Load,
    Loaded,
    LookInside,
    Open,
    Sample,
    TimedAnswer,
)
from suite.processes.channel import POLL_S, Request
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.processes.tree import IS_SEEN, ProcessTree
from suite.results.cell import Status

BEFORE_BLOCKS = (Load, Open, Gate, Gradcheck, LookInside)
CHECKING = (Sample, EndTurn)
"""Requests in which what is not inside the implementation's calls is there to verify them."""

MOST_UNSEEN_S = POLL_S
"""For which requests may take together before it is looked what their process holds, as it is in
the middle of a longer one; that takes a millisecond."""

Reply = TypeVar("Reply")


class Channel(Protocol):
    """What a `Peer` offers to those who talk with it."""

    @property
    def pid(self) -> int | None: ...

    @property
    def ended(self) -> bool: ...

    @property
    def lost_its_server(self) -> bool: ...

    def send(self, request: Request[Any]) -> None: ...

    def hand_over(self, memory: SharedMemory, *, writable: bool, timeout_s: float) -> None: ...

    def receive(self, request: Request[Reply], timeout_s: float) -> Reply: ...

    def keep_to_limits(self) -> None: ...

    @property
    def tree(self) -> ProcessTree: ...

    def dismiss(self) -> None: ...

    def close(self) -> None: ...


class WorkerClient:
    """An arm's process in one scenario, replaced by another one in every block."""

    def __init__(self, arm: Arm, threads: int, settings: Settings, time_spent: TimeSpent) -> None:
        self._arm = arm
        self._threads = threads
        self._settings = settings
        self._time_spent = time_spent
        self._peer: Channel | None = None
        self._leaving: list[Channel] = []
        self.spent_s = 0.0
        """Seconds that its processes held the token in blocks: gates and loading left out."""
        self.asked_at = 0.0
        """When its process was last asked, by the monotonic clock; 0 before that."""
        self.held_s = 0.0
        """Seconds that its process took for the last request, by the parent's clock."""
        self.used_s: float | None = None
        """Processor time that its process took for the last sample; None where it cannot be seen,
        or where several threads may take it at once."""
        self._began = 0.0
        self._unseen_s = 0.0
        """For which its process has worked since it was last seen what that holds."""
        self._used_before_s = 0.0
        self._had_ended = False
        """Whether its process was gone when it was last asked."""
        self.deadline: Deadline | None = None
        """An earlier one than the run's, where there is one."""
        self.conduct = Conduct()
        """What its processes did besides their turns, and what others did to them."""
        self.quiet = True
        """Whether the process said with its last answer that its threads sleep."""

    @property
    def _sees_time_used(self) -> bool:
        return IS_SEEN and self._threads == 1

    @property
    def pid(self) -> int | None:
        """The process of the moment; None where there is none."""
        return None if self._peer is None else self._peer.pid

    def start(self) -> None:
        """Start a fresh process and ask it to load; `loaded` waits for it.

        Raises:
            ProcessFailed: it is gone already.
            Lost: it cannot be started, or something else ended it.
        """
        with self._as_lost(True):
            self._begin()

    def _begin(self) -> None:
        self._peer = Peer(
            self._arm.source.host,
            self._arm.source,
            self._arm.registered_name,
            self._threads,
            name=self._arm.key,
            log=self._settings.log,
            memory_limit_bytes=self._settings.memory_limit_bytes,
            interpreter=self._arm.interpreter,
        )
        self._send(Load())

    def loaded(self) -> Loaded:
        """Wait until the process has loaded the implementation; raises as `ask` does."""
        with self._as_lost(True):
            return self._reply(self._answer(Load()))

    def hand_over(self, memory: SharedMemory, *, writable: bool) -> None:
        """Let the process have shared memory; raises as `ask` does."""
        assert self._peer is not None
        with self._as_lost(self._peer.ended):
            deadline = self.deadline or self.run_deadline
            timeout_s = min(self._settings.timeout_s, deadline.until_cut_s)
            try:
                self._peer.hand_over(memory, writable=writable, timeout_s=timeout_s)
            except ProcessFailed as failed:
                self._peer = None
                if failed.status == Status.TIMEOUT and deadline.is_cut:
                    raise OutOfTime from None
                raise

    def ask(self, request: Request[TimedAnswer[Reply]]) -> Reply:
        """Send a request and return the reply.

        Raises:
            ProcessFailed: the process is gone, or it answered with a failure instead.
            OutOfTime: the budget ended first.
            Lost: it had ended before it was asked, or something else ended it.
        """
        self.send(request)
        return self.reply(request)

    def send(self, request: Request[Any]) -> None:
        """Send a request whose reply `reply` returns; raises as `ask` does."""
        assert self._peer is not None
        self._had_ended = self._peer.ended
        with self._as_lost(self._had_ended):
            self.asked_at = time.monotonic()
            if self._sees_time_used and isinstance(request, Sample):
                self._used_before_s = self._peer.tree.cpu_s()
            self._began = time.perf_counter()
            self._send(request)

    def reply(self, request: Request[TimedAnswer[Reply]], *, beside_others: bool = False) -> Reply:
        """Return the reply to what was sent; raises as `ask` does.

        Args:
            beside_others: whether others are at work meanwhile: what ends it may be their doing.
        """
        with self._as_lost(self._had_ended or beside_others):
            answer = self._answer(request)
            self.held_s = time.perf_counter() - self._began
            if self._sees_time_used and isinstance(request, Sample) and self._peer:
                self.used_s = self._peer.tree.cpu_s() - self._used_before_s
            self._unseen_s += self.held_s
            if self._unseen_s > MOST_UNSEEN_S:
                self._watch(request)
        if isinstance(request, CHECKING):
            self._time_spent.checking_s += max(0.0, self.held_s - answer.inside_s)
        if not isinstance(request, BEFORE_BLOCKS):
            self.spent_s += self.held_s
        return self._reply(answer)

    @contextlib.contextmanager
    def _as_lost(self, asleep: bool) -> Iterator[None]:
        """Tell what ended the process from what it did itself.

        Args:
            asleep: whether it had nothing to do when it ended, or others were at work as well.
        """
        try:
            yield
        except ProcessFailed as failed:
            if failed.from_outside or (asleep and failed.by_system):
                status = Status(failed.status)
                raise Lost(status, failed.reason, arm=self._arm.key) from failed
            raise

    @contextlib.contextmanager
    def turn(self, *, timed: bool = False) -> Iterator[None]:
        """Let the process work; outside of its turns it is held."""
        if tree := self._tree():
            self.conduct.enter(tree)
        try:
            yield
        finally:
            if tree and tree is self._tree():
                self.conduct.leave(tree, timed=timed)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Let the process go while no other works, to see what it does with that."""
        if tree := self._tree():
            tree.go_on()
            self.conduct.let_go(tree)
        try:
            yield
        finally:
            if tree and tree is self._tree():
                self.conduct.seize(tree)
                tree.stop()

    def _tree(self) -> ProcessTree | None:
        """Return the process as it is seen from outside; None where there is none any more."""
        try:
            return self._peer.tree if self._peer is not None else None
        except ProcessFailed:
            return None

    def _send(self, request: Request[Any]) -> None:
        assert self._peer is not None
        try:
            self._peer.send(request)
        except ProcessFailed:
            self._peer = None
            raise

    def _answer(self, request: Request[TimedAnswer[Reply]]) -> TimedAnswer[Reply]:
        assert self._peer is not None
        deadline = self.deadline or self.run_deadline
        try:
            answer = self._peer.receive(
                request, min(self._settings.timeout_s, deadline.until_cut_s)
            )
        except ProcessFailed as failed:
            self._peer = None
            if failed.status == Status.TIMEOUT and deadline.is_cut:
                raise OutOfTime from None
            failed.reason = f"{request.do}: {failed.reason}"
            raise
        self.quiet = answer.quiet
        self._time_spent.inside_s += answer.inside_s
        return answer

    @property
    def run_deadline(self) -> Deadline:
        return self._time_spent.deadline

    def _watch(self, request: Request[Any]) -> None:
        """See what the process holds now: short requests end before anybody looked."""
        assert self._peer is not None
        self._unseen_s = 0.0
        try:
            self._peer.keep_to_limits()
        except ProcessFailed as failed:
            self._peer = None
            failed.reason = f"{request.do}: {failed.reason}"
            raise

    def _reply(self, answer: TimedAnswer[Reply]) -> Reply:
        if failure := answer.failure:
            if failure.status is Status.CRASHED:  # what is broken must not serve another cell
                self.dismiss()
            raise ProcessFailed(failure.status, failure.reason)
        assert answer.reply is not None  # where there is no failure
        return answer.reply

    def dismiss(self) -> None:
        """Tell the process to go; it takes milliseconds, and `await_exits` waits for it."""
        if self._peer is not None:
            self._peer.dismiss()
            self._leaving.append(self._peer)
            self._peer = None

    def await_exits(self) -> None:
        """Wait until no dismissed process is left: their end must not disturb a measurement."""
        while self._leaving:
            self._leaving.pop().close()

    def adopt(self, peer: Channel) -> None:
        """Take over a loaded process of the same arm."""
        self._peer = peer

    def release(self, take: Callable[[Channel], object]) -> None:
        """Hand on the process to who takes it, if it is still good for something.

        At no moment does it belong to nobody: whatever interrupts this, somebody ends it.
        """
        if self._peer is None:
            return
        if is_of_use(self._peer):
            take(self._peer)
        else:
            self._peer.close()
        self._peer = None


def is_of_use(peer: Channel) -> bool:
    """Whether a process can be asked for something more."""
    return not (peer.ended or peer.lost_its_server)
