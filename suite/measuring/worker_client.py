"""The runner's side of a worker: an arm, and the process that runs it for the moment."""

from __future__ import annotations

from typing import Any, Protocol

from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.processes.peer import Peer, ProcessFailed

BEFORE_BLOCKS = ("load", "open", "gate", "gradcheck")
CHECKING = ("turn", "hand_back")
"""Requests in which what is not inside the implementation's calls is there to verify them."""


class Channel(Protocol):
    """What a `Peer` offers to those who talk with it."""

    def send(self, do: str, **fields: Any) -> None: ...

    def receive(self, timeout_s: float) -> dict[str, Any]: ...

    def dismiss(self) -> None: ...

    def close(self) -> None: ...


class WorkerClient:
    """An arm's process, replaced by a fresh one in every block."""

    def __init__(self, arm: Arm, threads: int, settings: Settings, time_spent: TimeSpent) -> None:
        self._arm = arm
        self._threads = threads
        self._settings = settings
        self._time_spent = time_spent
        self._peer: Channel | None = None
        self._leaving: list[Channel] = []
        self.spent_s = 0.0
        """Seconds that its processes held the token in blocks: gates and loading left out."""

    def start(self) -> None:
        """Start a fresh process and ask it to load; `answer("load")` waits for it.

        Raises:
            ProcessFailed: it is gone already.
        """
        self._peer = Peer(
            "suite.worker.process:main",
            self._arm.source,
            self._arm.name,
            self._threads,
            name=self._arm.key,
            log=self._settings.log,
            memory_limit_bytes=self._settings.memory_limit_bytes,
        )
        self._send("load")

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Send a request and return the reply.

        Raises:
            ProcessFailed: the process is gone, or it answered with a status instead.
        """
        self._send(do, **fields)
        return self.answer(do)

    def _send(self, do: str, **fields: Any) -> None:
        assert self._peer is not None
        try:
            self._peer.send(do, **fields)
        except ProcessFailed:
            self._peer = None
            raise

    def answer(self, do: str) -> dict[str, Any]:
        """Return the reply to the request under way; raises as `ask` does."""
        assert self._peer is not None
        try:
            reply = self._peer.receive(self._settings.timeout_s)
        except ProcessFailed as failed:
            self._peer = None
            raise ProcessFailed(failed.status, f"{do}: {failed.reason}") from None
        self._time_spent.inside_s += reply["inside_s"]
        if do in CHECKING:
            self._time_spent.checking_s += reply["held_s"] - reply["inside_s"]
        if do not in BEFORE_BLOCKS:
            self.spent_s += reply["held_s"]
        if "status" in reply:
            if reply["status"] == "crashed":  # what is broken must not serve another cell
                self.dismiss()
            raise ProcessFailed(reply["status"], reply["reason"])
        return reply

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

    def adopt(self, peer: Channel | None) -> bool:
        """Take over a loaded process of the same arm; return whether there is one."""
        self._peer = peer
        return peer is not None

    def release(self) -> Channel | None:
        """Hand on the process, if it is still good for something."""
        peer, self._peer = self._peer, None
        return peer
