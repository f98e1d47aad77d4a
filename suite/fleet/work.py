"""What a fleet is to do: the job for some scenarios, and what becomes of the records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from suite.fleet.scenario_queue import Lost
from suite.messages.fleet import Job, SentFile
from suite.records import parse


class OfCell(Protocol):
    """A record about one cell."""

    @property
    def implementation(self) -> str: ...


Record = TypeVar("Record", bound=OfCell)


@dataclass(frozen=True)
class Texts:
    """The files that a job needs, by their place in the job's folder."""

    by_path: Mapping[str, str]

    @property
    def sent(self) -> tuple[SentFile, ...]:
        return tuple(SentFile(path=p, digest=digest_of(t)) for p, t in self.by_path.items())

    def of(self, digests: Iterable[str]) -> dict[str, str]:
        wanted = set(digests)
        by_digest = {digest_of(text): text for text in self.by_path.values()}
        return {digest: text for digest, text in by_digest.items() if digest in wanted}


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


@dataclass
class Work(Generic[Record]):
    """Scenarios and the cells that are missing of each.

    Args:
        missing: scenario → implementations.
        words: the command line for some scenarios, and of these some implementations alone, or
            all that were asked for where there are none.
        records: the file that the command appends its records to, below its folder.
        decode: makes a record of plain JSON, or raises a ValueError.
        scenario_of: the id of a record's scenario.
        store: keeps records that are new, with the name of the machine they are from.
        lose: is told of scenarios that nobody will do, and of what was missing of them.
    """

    missing: dict[str, set[str]]
    words: Callable[[Sequence[str], Sequence[str]], Sequence[str]]
    records: str
    texts: Texts
    decode: Callable[[dict[str, object]], Record]
    scenario_of: Callable[[Record], str]
    store: Callable[[str, Sequence[Record]], object]
    lose: Callable[[Lost, Sequence[str]], object] = lambda *_: None
    variables: Mapping[str, str] = field(default_factory=dict)
    waits: bool = True
    """Whether the command has its machine to itself."""
    shares_cores: bool = False
    """Whether the workers of a machine are each to keep to their share of its cores."""
    _whole: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.total = sum(map(len, self.missing.values()))
        self._whole = {name: frozenset(cells) for name, cells in self.missing.items()}

    @property
    def done(self) -> int:
        return self.total - sum(map(len, self.missing.values()))

    def job(
        self,
        scenarios: Sequence[str],
        begun: bool = False,
        share: tuple[int, int] | None = None,
    ) -> Job:
        """Return the job for some scenarios; of one that was begun only what is missing.

        Args:
            share: which part of its machine's cores a worker has where they are shared.
        """
        names: list[str] = []
        if begun or any(self._whole[s] != self.missing[s] for s in scenarios):
            names = sorted({name for scenario in scenarios for name in self.missing[scenario]})
        return Job(
            words=tuple(self.words(scenarios, names)),
            files=self.texts.sent,
            records=self.records,
            variables=dict(self.variables),
            waits=self.waits,
            share=share if self.shares_cores else None,
        )

    def take(self, machine: str, lines: str) -> int:
        """Keep what is new of some lines of records; return how many cells that is.

        Raises:
            ValueError: a line is no record.
        """
        new: list[Record] = []
        for record in self.decoded(lines):
            of_scenario = self.missing.get(self.scenario_of(record), set())
            if record.implementation in of_scenario:
                of_scenario.discard(record.implementation)
                new.append(record)
        if new:
            self.store(machine, new)
        return len(new)

    def decoded(self, lines: str) -> list[Record]:
        """Return records from lines.

        Raises:
            ValueError: one is none.
        """
        return [self.decode(parse(line)) for line in lines.splitlines()]

    def ended(self, scenarios: Sequence[str], exit_code: int) -> None:
        """Take note that a job has ended by itself, all of its records taken."""

    def left(self, scenarios: Iterable[str]) -> list[str]:
        """Return those of which something is missing still."""
        return [name for name in scenarios if self.missing[name]]

    def mark_lost(self, lost: Lost) -> None:
        self.lose(lost, sorted(self.missing[lost.scenario]))
