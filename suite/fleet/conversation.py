"""Asking workers: one open question each, files sent where they are lacking, troubles retried.

What a worker is asked for and what it is doing is the dispatcher's; here is only how one gets to
know.
"""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from suite.fleet.patience import Patience
from suite.fleet.transport import Answer
from suite.fleet.work import Texts
from suite.fleet.workers import Worker
from suite.messages.fleet import Ask, Job, Told
from suite.records import from_json, to_json

MOST_TROUBLES = 3
"""Questions in a row that are not answered: it may have been the first question that was lost."""


class Transport(Protocol):
    """How questions get there; `suite.fleet.transport` has Dask's."""

    answers: queue.SimpleQueue[Answer]

    def addresses(self) -> set[str]: ...
    def ask(self, address: str, text: str) -> None: ...
    def forget(self, address: str) -> None: ...


@dataclass(frozen=True)
class Unfit:
    """A worker that can do nothing, and why."""

    why: str


@dataclass(frozen=True)
class Unanswered:
    """A worker that does not answer, and what was said in its place."""

    trouble: str


Heard = Told | Unfit | Unanswered


class Conversation:
    """With all workers of a fleet."""

    def __init__(self, transport: Transport, texts: Texts, patience: Patience) -> None:
        self._transport = transport
        self._texts = texts
        self._patience = patience
        self._begins: dict[str, Job] = {}
        """Address → the job that it was told to begin: said again until it has begun."""
        self._troubles: dict[str, int] = {}

    def addresses(self) -> set[str]:
        """Return who is there; see `Transport`."""
        return self._transport.addresses()

    def begin(self, worker: Worker, job: Job) -> None:
        """Have a worker begin a job, whose name is the worker's from now on."""
        worker.job, worker.offset = uuid.uuid4().hex, 0
        self._begins[worker.address] = job
        self.ask(worker)

    def ask(self, worker: Worker) -> None:
        """Ask what is new of its job, and let it forget others."""
        self._ask(worker, {})

    def _ask(self, worker: Worker, texts: dict[str, str]) -> None:
        ask = Ask(
            identity=worker.job,
            begin=self._begins.get(worker.address),
            texts=texts,
            offset=worker.offset,
            wait_s=self._patience.poll_s,
            lease_s=self._patience.lease_s,
            forget=tuple(worker.to_forget),
        )
        worker.to_forget.clear()
        worker.is_asked = True
        worker.heard_at = time.monotonic()
        self._transport.ask(worker.address, to_json(ask))

    def forget(self, worker: Worker) -> None:
        """Expect nothing of a worker any more."""
        self._transport.forget(worker.address)
        self._begins.pop(worker.address, None)
        worker.is_asked = False

    def answers(self, wait_s: float) -> Iterator[Answer]:
        """Yield the answers that are there, waiting for the first."""
        try:
            yield self._transport.answers.get(timeout=wait_s)
            for _ in range(self._transport.answers.qsize()):  # others come while these are heard
                yield self._transport.answers.get_nowait()
        except queue.Empty:
            return

    def heard(self, worker: Worker) -> None:
        """Take note that a worker has answered, whatever it said."""
        worker.is_asked = False
        worker.heard_at = time.monotonic()
        self._transport.forget(worker.address)

    def understand(self, worker: Worker, answer: Answer) -> Heard | None:
        """Return what an answer says; None where the worker has to be asked once more, and was."""
        if answer.is_not_installed:
            return Unfit(f"ConvGauge is not installed there ({answer.trouble})")
        if answer.text is None:
            self._troubles[worker.address] = self._troubles.get(worker.address, 0) + 1
            if self._troubles[worker.address] >= MOST_TROUBLES:
                return Unanswered(answer.trouble)
            self.ask(worker)
            return None
        self._troubles.pop(worker.address, None)
        try:
            told = from_json(Told, answer.text)
        except ValueError as error:
            return Unfit(f"another version of ConvGauge answers there: {error}")
        if told.state == "lacks files":
            self._ask(worker, self._texts.of(told.lacking))
            return None
        self._begins.pop(worker.address, None)
        return told
