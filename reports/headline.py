"""What a reader wants first: who won, what failed, what not to trust. For page and comment."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports import contention_text, fallback_text, units
from reports.layers import layer_family
from reports.matrix import Matrix, MatrixCell
from suite.conditions import Scenario
from suite.counted import counted
from suite.results.cell import Status
from suite.results.revisions import SHOWN, revisions
from suite.results.standing import UNDECIDED
from suite.stats.intervals import LEAST_BLOCKS

WIDE_HALF_WIDTH = 0.1
"""An interval of more than ±10 % is pointed out."""
_BAD_GRADES = ("D", "E", "F")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Winner:
    """Who is fastest how often in a group of scenarios, as far as intervals say so."""

    group: str
    name: str | None
    """None: nobody won, or nothing passed in this group."""
    wins: int
    scenarios: int
    speedup: float | None
    """Geometric mean over the reference, over the scenarios that it won."""
    reference: str | None
    speedup_half_width: float | None = None
    """Half its 95 % interval on the logarithmic scale; scenarios count as independent."""
    tied: tuple[str, ...] = ()
    """Others that are fastest as often."""
    undecided: int = 0
    """Scenarios in which something passed and nobody won."""

    @property
    def names(self) -> str:
        """Return all that win most: "torch, fft"."""
        if self.name is None:
            return UNDECIDED if self.undecided else "nothing passed"
        return ", ".join([self.name, *self.tied])

    @property
    def speedup_text(self) -> str:
        """Return the speed-up with its interval: "1.22× ±3.1 %"; "1.00×" for the reference."""
        text = units.times(self.speedup)
        if self.name == self.reference or self.speedup is None:
            return text
        return f"{text} {units.spread(self.speedup_half_width)}".rstrip()

    @property
    def clarity(self) -> str:
        """Return what a win means and in how many scenarios nobody has one, in a sentence."""
        if not self.undecided:
            return "" if self.name is None else "Every win is beyond its interval."
        left = f"{self.undecided} of {self.scenarios} scenarios {self._are} undecided"
        return f"{left}: no interval there leaves one implementation ahead of all others."

    @property
    def sentence(self) -> str:
        if self.name is None:
            if self.undecided:
                return f"Who is fastest is undecided in {self._of_all(self.undecided)} scenarios"
            return f"Nothing passed in {self.scenarios} scenarios"
        if self.tied:
            *others, last = [self.name, *self.tied]
            return (
                f"{', '.join(others)} and {last} are each fastest in {self.wins} of "
                f"{self.scenarios} scenarios{self._left}"
            )
        text = f"{self.name} is fastest in {self.wins} of {self.scenarios} scenarios"
        if self.speedup is None or self.name == self.reference:
            return f"{text}{self._left}"
        there = f"there {units.times(self.speedup)} as fast as {self.reference}"
        return f"{text}, {there}{self._left}"

    @property
    def _left(self) -> str:
        return f"; {self.undecided} {self._are} undecided" if self.undecided else ""

    @property
    def _are(self) -> str:
        return "is" if self.undecided == 1 else "are"

    def _of_all(self, count: int) -> str:
        return f"all {count}" if count == self.scenarios > 1 else f"{count} of {self.scenarios}"


@dataclass(frozen=True)
class Headline:
    """The first screen of a report, in words."""

    overall: Winner
    by_layer: tuple[Winner, ...]
    counts: dict[str, int]
    """Status → cells; statuses without a cell are left out."""
    doubts: tuple[str, ...]
    """Sentences on what not to trust, the worst first."""

    @property
    def passed(self) -> int:
        return self.counts.get(Status.PASSED, 0)

    @property
    def unsupported(self) -> int:
        return self.counts.get(Status.UNSUPPORTED, 0)

    @property
    def failed(self) -> int:
        return sum(self.counts.values()) - self.passed - self.unsupported


def headline(matrix: Matrix, manifest: dict[str, Any]) -> Headline:
    """Return what stands at the top of a report on `matrix`."""
    layers: dict[str, list[Scenario]] = {}
    for scenario in matrix.scenarios:
        layers.setdefault(layer_family(scenario.problem), []).append(scenario)
    return Headline(
        overall=winner(matrix, "all scenarios", matrix.scenarios),
        by_layer=tuple(winner(matrix, layer, members) for layer, members in layers.items()),
        counts=Counter(cell.result.status.value for cell in matrix.cells.values()),
        doubts=tuple(_doubts(matrix, manifest)),
    )


def winner(matrix: Matrix, group: str, scenarios: Iterable[Scenario]) -> Winner:
    """Return the implementation that is fastest in most of `scenarios`, and those that tie."""
    scenarios = list(scenarios)
    firsts = [first for scenario in scenarios if (first := matrix.winner(scenario))]
    undecided = sum(matrix.fastest(scenario) is not None for scenario in scenarios) - len(firsts)
    if not firsts:
        return Winner(group, None, 0, len(scenarios), None, None, undecided=undecided)
    wins = Counter(first.result.implementation for first in firsts)
    most = max(wins.values())
    name, *tied = [name for name in matrix.implementations if wins[name] == most]
    own = [first for first in firsts if first.result.implementation == name]
    speedups = [cell.speedup for cell in own if cell.speedup is not None]
    return Winner(
        group=group,
        name=name,
        wins=most,
        scenarios=len(scenarios),
        speedup=statistics.geometric_mean(speedups) if speedups else None,
        reference=own[0].result.reference,
        speedup_half_width=_mean_half_width(own),
        tied=tuple(tied),
        undecided=undecided,
    )


def _mean_half_width(cells: list[MatrixCell]) -> float | None:
    """Return half the interval of the cells' geometric mean speed-up; None where one has none."""
    speedups = [cell.summary.speedup for cell in cells if cell.summary]
    widths = [speedup.half_width for speedup in speedups if speedup]
    if len(widths) < len(cells) or None in widths:
        return None
    return math.sqrt(sum(width**2 for width in widths if width)) / len(widths)


def _doubts(matrix: Matrix, manifest: dict[str, Any]) -> Iterable[str]:
    for apart in manifest.get("apart", []):
        yield f"Not comparable with the rest, for another machine or setting measured it: {apart}."
    yield from _failures(matrix)
    if fallback := fallback_text.sentence(cell.result for cell in matrix.cells.values()):
        yield fallback
    for remark in manifest.get("remarks") or []:
        yield f"{remark}."
    passed = [cell.result for cell in matrix.passed]
    if disturbed := contention_text.sentence(passed):
        yield f"{disturbed}; {contention_text.remedy_for(passed)}."
    machine = manifest.get("machine") or {}
    if machine.get("noise_grade") in _BAD_GRADES:
        yield f"The machine was noisy: grade {machine['noise_grade']}{_extent(manifest)}."
    few = [cell for cell in matrix.passed if _half_width(cell) is None]
    if few:
        yield (
            f"{counted(len(few), 'passed cell')} with fewer than {LEAST_BLOCKS} blocks, so that "
            "nothing says how far to trust the time."
        )
    wide = [cell for cell in matrix.passed if (_half_width(cell) or 0) > WIDE_HALF_WIDTH]
    if wide:
        worst = max(wide, key=lambda cell: _half_width(cell) or 0)
        yield (
            f"{counted(len(wide), 'passed cell')} with an interval wider than ±10 %; the widest: "
            f"{worst.result.key}, {units.spread(_half_width(worst))}."
        )
    above = [cell for cell in matrix.passed if _is_above_roof(cell)]
    if above:
        yield (
            f"{counted(len(above), 'cell')} above the machine's ceiling by the operations it says "
            f"it executes: {_names(above)}. The count or the ceiling is wrong."
        )
    for revision in revisions(manifest):
        if revision.has_changes:
            yield (
                f"{revision.repository}'s working tree had uncommitted changes: "
                f"{revision.commit[:SHOWN]} does not name this code."
            )
    unavailable = [
        entry["name"]
        for entry in manifest.get("implementations", [])
        if entry.get("unavailable") and entry.get("name") and not entry.get("on_request")
    ]
    if unavailable:
        yield f"Not available on this machine: {', '.join(unavailable)}."


def _failures(matrix: Matrix) -> Iterable[str]:
    words = {
        Status.INCORRECT: "wrong results",
        Status.IMPLAUSIBLE: "implausible times",
        Status.CRASHED: "a crash",
        Status.ERROR: "an error",
        Status.OUT_OF_MEMORY: "too little memory",
        Status.TIMEOUT: "no answer in time",
        Status.LOST: "every worker lost that had it",
    }
    for status, fault in words.items():
        cells = [cell for cell in matrix.cells.values() if cell.result.status is status]
        if cells:
            yield f"{counted(len(cells), 'cell')} with {fault}: {_names(cells)}."


def _half_width(cell: MatrixCell) -> float | None:
    return cell.summary.time_s.half_width if cell.summary else None


def _extent(manifest: dict[str, Any]) -> str:
    """Return how noisy the machine was when the run began."""
    machine = manifest.get("machine") or {}
    noise = machine.get("noise")
    return f" (identical work varied by {units.percent(noise)})" if noise else ""


def _is_above_roof(cell: MatrixCell) -> bool:
    ceiling, summary = cell.result.ceiling, cell.summary
    if ceiling is None or summary is None or summary.executed_gflops is None:
        return False
    return summary.executed_gflops * 1e9 > 1.05 * ceiling.peak_flops_per_s


def _names(cells: list[MatrixCell]) -> str:
    named = ", ".join(cell.result.key for cell in cells[:_MOST_NAMED])
    return named if len(cells) <= _MOST_NAMED else f"{named}, …"
