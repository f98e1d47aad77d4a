"""One worker of the fleet as its client sees it: what it does, and how long it did nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

from suite.fleet.description import Description


class Doing(StrEnum):
    """What a worker is at."""

    ARRIVED = "just arrived"
    DESCRIBING = "being asked what it is"
    IDLE = "idle"
    STARTING = "starting"
    WAITING = "waiting for its machine"
    WORKING = "measuring"
    SILENT = "silent"
    GONE = "gone"
    SET_ASIDE = "set aside"


AT_WORK = (Doing.STARTING, Doing.WAITING, Doing.WORKING)
CAN_WORK = (*AT_WORK, Doing.IDLE)


@dataclass
class Worker:
    """A worker process, by its address."""

    address: str
    number: int
    """Of those on its machine, from 1."""
    doing: Doing = Doing.ARRIVED
    why: str = ""
    """It is set aside."""
    description: Description | None = None
    job: str = ""
    scenarios: list[str] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    """How many cells each of its scenarios lacked when it began."""
    offset: int = 0
    """Bytes of its job's records that have arrived."""
    text: str = ""
    """Of its description, as far as it has come."""
    is_asked: bool = False
    """Whether a question to it is open."""
    heard_at: float = field(default_factory=time.monotonic)
    progressed_at: float = field(default_factory=time.monotonic)
    began_at: float = field(default_factory=time.monotonic)
    failures: int = 0
    """Jobs in a row that ended without a record."""
    has_waited: bool = False
    """Whether it was told for whom."""
    cells: int = 0
    """That it has measured."""
    done: int = 0
    """Scenarios that it has finished."""
    lost: int = 0
    """Scenarios that it had and gave back."""
    estimated_s: float = 0.0
    """That what it has finished was thought to take."""
    busy_s: float = 0.0
    waited_s: float = 0.0
    """For its machine, which another run had."""
    idle_s: float = 0.0
    """With nothing to do."""
    _since: float = field(default_factory=time.monotonic)
    to_forget: list[str] = field(default_factory=list)
    """Jobs that it may remove."""

    @property
    def machine(self) -> str:
        """The name of its machine."""
        return self.description.machine if self.description else host_of(self.address)

    @property
    def name(self) -> str:
        """The name of its machine, and which worker on it it is if it is not the first."""
        return self.machine if self.number == 1 else f"{self.machine} #{self.number}"

    def turn_to(self, doing: Doing) -> None:
        """Do something else from now on; how long it did the last thing is counted."""
        now = time.monotonic()
        spent_s = now - self._since
        if self.doing is Doing.WAITING:
            self.waited_s += spent_s
        elif self.doing is Doing.IDLE:
            self.idle_s += spent_s
        elif self.doing in (Doing.STARTING, Doing.WORKING):
            self.busy_s += spent_s
        if doing is not self.doing:
            self.progressed_at = now
        self.doing, self._since = doing, now

    def begin(self, scenarios: list[str]) -> None:
        self.scenarios = scenarios
        self.began_at = time.monotonic()
        self.turn_to(Doing.STARTING)

    def end(self) -> None:
        """Have nothing to do; its last job may be removed."""
        if self.job:
            self.to_forget.append(self.job)
        self.job, self.scenarios = "", []
        self.turn_to(Doing.IDLE)


def host_of(address: str) -> str:
    """Return the host of a worker's address: "tcp://10.0.0.7:40123" is on 10.0.0.7."""
    return address.partition("://")[2].rpartition(":")[0].strip("[]") or address
