"""A process that has torch and runs nobody else's code, for questions outside of a race."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TypeVar

from suite.errors import UsageError
from suite.messages.answer import Answer
from suite.processes.channel import Request
from suite.processes.interpreter import Interpreter
from suite.processes.peer import Peer, ProcessFailed

Reply = TypeVar("Reply")


class TorchProcess:
    """Context manager: a judge's process of its own, with so many threads.

    Args:
        log: where its output goes.
        trouble: what to say where it does not answer; the reason follows.
        interpreter: what to start it with; None: a fork of this process.

    Raises:
        UsageError: it cannot be started here.
    """

    def __init__(
        self,
        threads: int,
        *,
        name: str,
        log: Path,
        trouble: str,
        interpreter: Interpreter | None = None,
    ) -> None:
        self._trouble = trouble
        try:
            self._peer = Peer(
                "suite.judge.process:main", threads, name=name, log=log, interpreter=interpreter
            )
        except ProcessFailed as failed:
            raise self._error(failed.reason) from None

    @property
    def pid(self) -> int:
        return self._peer.pid

    def ask(self, request: Request[Answer[Reply]]) -> Reply:
        """Return its reply.

        Raises:
            UsageError: it was lost, or could not do it here.
        """
        try:
            answer = self._peer.ask(request)
        except ProcessFailed as failed:
            raise self._error(failed.reason) from None
        if answer.failure:
            raise self._error(answer.failure.reason)
        assert answer.reply is not None  # where there is no failure
        return answer.reply

    def __enter__(self) -> TorchProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._peer.close()

    def _error(self, reason: str) -> UsageError:
        return UsageError(f"{self._trouble}: {reason}")
