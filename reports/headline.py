"""What a reader wants first: who won, what failed, what not to trust. For page and comment."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports import units
from reports.layers import layer_family
from reports.matrix import Matrix, MatrixCell
from suite.problem import Scenario
from suite.results.cell import Status

WIDE_HALF_WIDTH = 0.1
"""An interval of more than ±10 % is pointed out."""
_BAD_GRADES = ("D", "E", "F")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Winner:
    """Who is fastest how often in a group of scenarios."""

    group: str
    name: str | None
    """None: nothing passed in this group."""
    wins: int
    clear_wins: int
    """Wins in which no other implementation's interval reaches the winner's."""
    scenarios: int
    speedup: float | None
    """Geometric mean over the reference, over the scenarios that it won."""
    reference: str | None
    speedup_half_width: float | None = None
    """Half its 95 % interval on the logarithmic scale; scenarios count as independent."""
    tied: tuple[str, ...] = ()
    """Others that are fastest as often."""

    @property
    def names(self) -> str:
        """Return all that win most: "torch, fft"."""
        return ", ".join([self.name, *self.tied]) if self.name else "nothing passed"

    @property
    def speedup_text(self) -> str:
        """Return the speed-up with its interval: "1.22× ±3.1 %"; "1.00×" for the reference."""
        text = units.times(self.speedup)
        if self.name == self.reference or self.speedup is None:
            return text
        return f"{text} {units.spread(self.speedup_half_width)}".rstrip()

    @property
    def clarity(self) -> str:
        """Return how many of the wins are beyond doubt, as a sentence; empty without a winner."""
        if self.name is None or self.tied:
            return ""
        if self.clear_wins == self.wins:
            return "Every win is clear: no other interval reaches the winner's."
        if not self.clear_wins:
            return "No win is clear: another interval reaches the winner's."
        return f"{self.clear_wins} of {self.wins} wins are clear: no other interval reaches them."

    @property
    def sentence(self) -> str:
        if self.name is None:
            return f"nothing passed in {self.scenarios} scenarios"
        if self.tied:
            *others, last = [self.name, *self.tied]
            return (
                f"{', '.join(others)} and {last} are each fastest in {self.wins} of "
                f"{self.scenarios} scenarios"
            )
        text = f"{self.name} is fastest in {self.wins} of {self.scenarios} scenarios"
        if self.speedup is None or self.name == self.reference:
            return text
        return f"{text}, there {units.times(self.speedup)} as fast as {self.reference}"


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
    firsts = [first for scenario in scenarios if (first := matrix.fastest(scenario))]
    if not firsts:
        return Winner(group, None, 0, 0, len(scenarios), None, None)
    wins = Counter(first.result.implementation for first in firsts)
    most = max(wins.values())
    name, *tied = [name for name in matrix.implementations if wins[name] == most]
    own = [first for first in firsts if first.result.implementation == name]
    speedups = [cell.speedup for cell in own if cell.speedup is not None]
    return Winner(
        group=group,
        name=name,
        wins=most,
        clear_wins=sum(is_clear(matrix, cell) for cell in own),
        scenarios=len(scenarios),
        speedup=statistics.geometric_mean(speedups) if speedups else None,
        reference=own[0].result.reference,
        speedup_half_width=_mean_half_width(own),
        tied=tuple(tied),
    )


def _mean_half_width(cells: list[MatrixCell]) -> float | None:
    """Return half the interval of the cells' geometric mean speed-up; None where one has none."""
    speedups = [cell.summary.speedup for cell in cells if cell.summary]
    widths = [speedup.half_width for speedup in speedups if speedup]
    if len(widths) < len(cells) or None in widths:
        return None
    return math.sqrt(sum(width**2 for width in widths if width)) / len(widths)


def is_clear(matrix: Matrix, first: MatrixCell) -> bool:
    """Return whether no other passed cell's interval reaches that of the fastest."""
    high = first.summary.time_s.high if first.summary else None
    lows = [
        cell.summary.time_s.low
        for cell in matrix.row(first.result.scenario)
        if cell.summary is not None and cell is not first
    ]
    return high is not None and all(low is not None and low > high for low in lows)


def _doubts(matrix: Matrix, manifest: dict[str, Any]) -> Iterable[str]:
    for apart in manifest.get("apart", []):
        yield f"Not comparable with the rest, for another machine or setting measured it: {apart}."
    yield from _failures(matrix)
    for remark in manifest.get("remarks") or []:
        yield f"{remark}."
    machine = manifest.get("machine") or {}
    if machine.get("noise_grade") in _BAD_GRADES:
        cv = machine.get("noise")
        extent = f" (identical work varied by {units.percent(cv)})" if cv else ""
        yield f"The machine was noisy: grade {machine['noise_grade']}{extent}."
    wide = [cell for cell in matrix.passed if _half_width(cell) > WIDE_HALF_WIDTH]
    if wide:
        worst = max(wide, key=_half_width)
        yield (
            f"{_count(len(wide), 'passed cell')} with an interval wider than ±10 %; the widest: "
            f"{worst.result.key}, {units.spread(_half_width(worst))}."
        )
    above = [cell for cell in matrix.passed if _is_above_roof(cell)]
    if above:
        yield (
            f"{_count(len(above), 'cell')} above the machine's ceiling by the operations it says "
            f"it executes: {_names(above)}. The count or the ceiling is wrong."
        )
    if manifest.get("git_dirty"):
        yield "The working tree had uncommitted changes: the revision does not name this code."
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
    }
    for status, fault in words.items():
        cells = [cell for cell in matrix.cells.values() if cell.result.status is status]
        if cells:
            yield f"{_count(len(cells), 'cell')} with {fault}: {_names(cells)}."


def _half_width(cell: MatrixCell) -> float:
    return (cell.summary.time_s.half_width if cell.summary else None) or 0.0


def _is_above_roof(cell: MatrixCell) -> bool:
    ceiling, summary = cell.result.ceiling, cell.summary
    if ceiling is None or summary is None or summary.executed_gflops is None:
        return False
    return summary.executed_gflops * 1e9 > 1.05 * ceiling.peak_flops_per_s


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _names(cells: list[MatrixCell]) -> str:
    named = ", ".join(cell.result.key for cell in cells[:_MOST_NAMED])
    return named if len(cells) <= _MOST_NAMED else f"{named}, …"
