"""What a gate run found: per cell and as a whole, with its exit code. Plain data, no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suite.counted import counted
from suite.errors import EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_NOT_COMPARABLE, EXIT_SLOWER, EXIT_WRONG
from suite.gate.facts import WRONG, Facts, Finding
from suite.gate.verdict import TimeVerdict, Verdict
from suite.results.cell import Status

SCHEMA_VERSION = 1
WORSE = "worse"
"""The verdict where something other than time speaks against head: a regression is one of time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateCell:
    """One cell on both sides."""

    scenario: str
    implementation: str
    base: Facts
    head: Facts
    findings: tuple[Finding, ...] = ()
    """Ways apart from time in which head is worse, without those that were accepted."""
    accepted: tuple[Finding, ...] = ()
    time: TimeVerdict | None = None
    """None where time could not be compared: a side failed, or another machine measured it."""
    reproduce: str = ""
    """The command that measures this cell alone."""

    @property
    def key(self) -> str:
        return f"{self.scenario} × {self.implementation}"

    @property
    def is_wrong(self) -> bool:
        return any(finding.check in WRONG for finding in self.findings)

    @property
    def is_slower(self) -> bool:
        return self.time is not None and self.time.verdict is Verdict.REGRESSED

    @property
    def fails(self) -> bool:
        return bool(self.findings) or self.is_slower

    @property
    def is_judged(self) -> bool:
        """Whether anything about it was compared."""
        return Status.PASSED is self.base.status

    @property
    def cannot_tell(self) -> bool:
        """Whether its time was to be compared and no verdict came of it."""
        return not self.fails and self.time is not None and self.time.verdict is Verdict.CANNOT_TELL

    @property
    def verdict(self) -> str:
        """Return one word or two for tables."""
        if self.is_wrong:
            is_there = self.head.status in (Status.INCORRECT, Status.PASSED)
            return "wrong" if is_there else "broken"
        if self.fails:
            return str(Verdict.REGRESSED) if self.is_slower else WORSE
        if not self.is_judged:
            return "not compared"
        if self.cannot_tell:
            return str(Verdict.CANNOT_TELL)
        if self.time is not None and self.time.improved:
            return "faster"
        return str(Verdict.FINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOutcome:
    """A whole gate run."""

    base: str
    head: str
    cells: tuple[GateCell, ...]
    margin: float
    missing: tuple[str, ...] = ()
    """What base has and head has not: implementations, or cells of a stored run."""
    new: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Things to know: files that do not import, uncommitted changes, a budget that ran out."""
    differences: tuple[str, ...] = ()
    """In what the environments of the two sides differ, where each has its own."""
    timing_advisory: str = ""
    """Why times cannot be compared; empty where they decide."""
    interrupted: bool = False
    blocks: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Blocks measured in each stage."""
    wall_s: float = 0.0
    null_shifts: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Cell → mean log-ratio of the null arm to the base: the same code on both sides."""
    missing_accepted: bool = False
    times_accepted: bool = False
    """That times cannot be compared is meant: everything else decides."""

    @property
    def failing(self) -> list[GateCell]:
        """Return the cells that fail, wrong ones first, then the slowest."""

        def order(cell: GateCell) -> tuple[bool, float]:
            ratio = cell.time.ratio if cell.time else None
            return not cell.is_wrong, -(ratio or 0.0)

        return sorted((cell for cell in self.cells if cell.fails), key=order)

    @property
    def undecided(self) -> list[GateCell]:
        return [cell for cell in self.cells if cell.cannot_tell]

    @property
    def improved(self) -> list[GateCell]:
        return [c for c in self.cells if c.time and c.time.improved and not c.fails]

    @property
    def not_compared(self) -> list[GateCell]:
        return [cell for cell in self.cells if not cell.is_judged and not cell.fails]

    @property
    def exit_code(self) -> int:
        if any(cell.is_wrong for cell in self.cells):
            return EXIT_WRONG
        if any(cell.fails for cell in self.cells) and not self._is_advice_only:
            return EXIT_SLOWER
        if self._lacks_something:
            return EXIT_NOT_COMPARABLE
        if self.undecided and not self.timing_advisory:
            return EXIT_INCONCLUSIVE
        return EXIT_GOOD

    @property
    def _lacks_something(self) -> bool:
        """Whether something was not compared that should have been."""
        return (
            not any(cell.is_judged for cell in self.cells)
            or (bool(self.missing) and not self.missing_accepted)
            or (bool(self.timing_advisory) and not self.times_accepted)
        )

    @property
    def _is_advice_only(self) -> bool:
        """Whether nothing but time speaks against head, and time does not count."""
        return bool(self.timing_advisory) and not any(cell.findings for cell in self.cells)

    @property
    def state(self) -> str:
        """Return the verdict in a word or two."""
        is_slower = any(cell.is_slower for cell in self.cells) and not self.timing_advisory
        return {
            EXIT_WRONG: "wrong",
            EXIT_SLOWER: str(Verdict.REGRESSED) if is_slower else WORSE,
            EXIT_NOT_COMPARABLE: "not comparable",
            EXIT_INCONCLUSIVE: "cannot tell",
            EXIT_GOOD: "fine",
        }[self.exit_code]

    @property
    def sentence(self) -> str:
        """Return the verdict as a sentence without its full stop."""
        judged = sum(cell.is_judged for cell in self.cells)
        but_time = " in all but time" if self.timing_advisory else ""
        parts = [f"{counted(judged, 'cell')} compared{but_time}"]
        wrong = sum(cell.is_wrong for cell in self.cells)
        slower = sum(cell.is_slower for cell in self.cells)
        worse = sum(bool(cell.findings) and not cell.is_wrong for cell in self.cells)
        counts = (
            (wrong, "wrong or broken"),
            (slower, f"slower by more than {self.margin:.0%}"),
            (worse, "worse in accuracy, memory, operators or algorithm"),
            (len(self.undecided), "that cannot be told"),
            (len(self.improved), "faster"),
            (len(self.missing), "missing"),
        )
        found = [f"{count} {what}" for count, what in counts if count]
        none_slower = f"none slower by more than {self.margin:.0%}"
        none = "none worse" if self.timing_advisory else none_slower
        return ": ".join([*parts, ", ".join(found) or none])

    def to_dict(self) -> dict[str, Any]:
        record = dataclasses.asdict(self)
        for cell, ours in zip(record["cells"], self.cells, strict=True):
            cell["verdict"] = ours.verdict
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.state,
            "exit_code": self.exit_code,
            "sentence": self.sentence,
            **record,
        }
