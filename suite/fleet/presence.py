"""Who is there of a fleet, and whether this computer itself was away meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from suite.fleet.conversation import Conversation
from suite.fleet.patience import Patience
from suite.fleet.transport import SchedulerGone
from suite.fleet.workers import Doing, Worker

USELESS = (Doing.GONE, Doing.SET_ASIDE, Doing.SILENT)


@dataclass
class Presence:
    """The workers that there are or were, by address."""

    conversation: Conversation
    workers: dict[str, Worker] = field(default_factory=dict)
    _looked_at: float = 0.0
    _reached_at: float = field(default_factory=time.monotonic)
    _round_at: float = field(default_factory=time.monotonic)
    _away_at: float | None = None
    _deserted_since: float | None = None

    def begin(self) -> None:
        """What was before was no round: nobody asked."""
        self._round_at = time.monotonic()

    def look(self, patience: Patience) -> list[Worker]:
        """See who came and who is gone; return the latter.

        Raises:
            SchedulerGone: nobody has told for too long.
        """
        now = time.monotonic()
        if now - self._round_at > patience.away_s:
            self._away_at = now
        self._round_at = now
        if now - self._looked_at < patience.present_s:
            return []
        self._looked_at = now
        try:
            there = self.conversation.addresses()
        except SchedulerGone:
            if time.monotonic() - self._reached_at > patience.gone_s:
                raise
            return []
        self._reached_at = time.monotonic()
        for address in sorted(there - self.workers.keys()):
            worker = self.workers[address] = Worker(address, 1)
            self.number(worker)
        return [
            worker
            for address, worker in self.workers.items()
            if address not in there and worker.doing is not Doing.GONE
        ]

    def number(self, worker: Worker) -> None:
        """Give a worker the least number that no other one on its machine has."""
        others = [
            other.number
            for other in self.workers.values()
            if other is not worker and other.doing is not Doing.GONE
            if other.machine == worker.machine
        ]
        worker.number = next(n for n in range(1, len(others) + 2) if n not in others)

    def share(self, worker: Worker) -> tuple[int, int]:
        """Return which part of its machine's cores a worker has, and how many such parts."""
        beside = [
            other.number
            for other in self.workers.values()
            if other.machine == worker.machine and other.doing not in (Doing.GONE, Doing.SET_ASIDE)
        ]
        return sorted(beside).index(worker.number), len(beside)

    def note_use(self) -> None:
        """Note whether anybody is of use, when all have been seen in a round."""
        if any(worker.doing not in USELESS for worker in self.workers.values()):
            self._deserted_since = None
        elif self._deserted_since is None:
            self._deserted_since = time.monotonic()

    @property
    def deserted_s(self) -> float:
        """For how long nobody has been of use."""
        since = self._deserted_since
        return 0.0 if since is None else time.monotonic() - since

    def was_away(self, patience: Patience) -> bool:
        """Return whether this computer slept so lately that leases ended for want of us."""
        away_at = self._away_at
        return away_at is not None and time.monotonic() - away_at < patience.silent_s
