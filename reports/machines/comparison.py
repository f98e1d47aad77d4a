"""What several machines measured, side by side: correctness, winners, ratios, price and energy.

Ratios are of times on a machine over those on the first one. The runs were not interleaved, so an
interval of a ratio is that of two independent times; means over scenarios are geometric.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reports import palette
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from suite.results.standing import Standing, standing
from suite.results.summary import summarise
from suite.stats.intervals import Interval

RIGHT = (Status.PASSED, Status.UNSUPPORTED)
MILLION = 1e6
SECONDS_AN_HOUR = 3600.0
STRONGEST = math.log(4.0)
"""A ratio from which a cell has the strongest colour."""
DARK_FROM = 3
"""Colours of a palette's half from which text on them is white, counted from the palest."""


@dataclass(frozen=True)
class MachineRun:
    """One machine's run, and what the machine costs."""

    name: str
    run: Run
    price_per_hour: float | None = None
    watts: float | None = None

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What the machine is, as far as its manifest tells."""
        told: dict[str, Any] = self.run.manifest.get("machine") or {}
        names = ("cpu", "cores", "gpu", "os", "python", "torch", "threads", "fingerprint")
        return [(name, str(told[name])) for name in names if told.get(name) is not None]


@dataclass(frozen=True)
class Unlike:
    """A cell that is right on one machine and not on another."""

    key: str
    statuses: list[str]
    """Of each machine, in order; empty where it was not measured."""
    reason: str


@dataclass(frozen=True)
class Tile:
    """A cell of the heat map: one row on one machine, over all scenarios it shares with the first.

    None of a ratio: nothing to compare.
    """

    ratio: Interval | None
    scenarios: int
    words: str = ""
    """In place of a ratio."""

    @property
    def colours(self) -> tuple[str, str]:
        """Return background and text: blue is faster than on the first machine, orange slower."""
        if self.ratio is None:
            return "transparent", "inherit"
        log = math.log(self.ratio.value)
        half = palette.FASTER if log < 0 else tuple(reversed(palette.SLOWER))
        step = round(min(1.0, abs(log) / STRONGEST) * len(half)) - 1
        if step < 0:
            return palette.NEUTRAL, "#1a1a1a"
        return half[step], "#ffffff" if step >= DARK_FROM else "#1a1a1a"


@dataclass(frozen=True)
class Best:
    """The fastest row of one scenario on one machine."""

    name: str
    """Empty: none passed."""
    is_certain: bool
    time_s: Interval | None
    price: float | None
    """Of a million calls."""
    joules: float | None
    """Of one call, at the watts that the machine draws under load."""


@dataclass(frozen=True)
class ScenarioLine:
    """One scenario on all machines."""

    id: str
    bests: list[Best]
    winners_change: bool
    """Whether rows win beyond chance, and not the same one everywhere."""


@dataclass(frozen=True)
class Machines:
    """All of it."""

    runs: Sequence[MachineRun]
    unlike: list[Unlike]
    heat: list[tuple[str, list[Tile]]]
    """Row → a tile for each machine."""
    lines: list[ScenarioLine]

    @classmethod
    def of(cls, runs: Sequence[MachineRun]) -> Machines:
        tables = [_Table(run.run.results) for run in runs]
        scenarios = list(dict.fromkeys(s for table in tables for s in table.scenarios))
        rows = list(dict.fromkeys(r for table in tables for r in table.rows))
        return cls(
            runs=runs,
            unlike=list(_unlike(tables, scenarios, rows)),
            heat=[(row, [_tile(tables[0], table, row, scenarios) for table in tables])
                  for row in rows],
            lines=[_line(runs, tables, scenario) for scenario in scenarios],
        )  # fmt: skip

    @property
    def changes(self) -> list[ScenarioLine]:
        return [line for line in self.lines if line.winners_change]

    @property
    def has_prices(self) -> bool:
        return any(run.price_per_hour is not None for run in self.runs)

    @property
    def has_watts(self) -> bool:
        return any(run.watts is not None for run in self.runs)


class _Table:
    """The cells of one machine."""

    def __init__(self, results: Iterable[CellResult]) -> None:
        self.cells = {(r.scenario.id, r.implementation): r for r in results}
        self.scenarios = list(dict.fromkeys(scenario for scenario, _ in self.cells))
        self.rows = list(dict.fromkeys(row for _, row in self.cells))

    @cached_property
    def times(self) -> dict[tuple[str, str], Interval]:
        summaries = {key: summarise(cell) for key, cell in self.cells.items()}
        return {key: summary.time_s for key, summary in summaries.items() if summary}

    @cached_property
    def standings(self) -> dict[str, Standing]:
        by_scenario: dict[str, list[CellResult]] = {}
        for (scenario, _), cell in self.cells.items():
            by_scenario.setdefault(scenario, []).append(cell)
        return {scenario: standing(cells) for scenario, cells in by_scenario.items()}


def _unlike(
    tables: Sequence[_Table], scenarios: Sequence[str], rows: Sequence[str]
) -> Iterable[Unlike]:
    for scenario in scenarios:
        for row in rows:
            cells = [table.cells.get((scenario, row)) for table in tables]
            known = [cell for cell in cells if cell is not None]
            is_right = {cell.status in RIGHT for cell in known}
            if len(is_right) == 2:
                wrong = next(cell for cell in known if cell.status not in RIGHT)
                words = [cell.status_words if cell else "" for cell in cells]
                yield Unlike(wrong.key, words, wrong.reason)


def _tile(first: _Table, other: _Table, row: str, scenarios: Sequence[str]) -> Tile:
    ratios = []
    for scenario in scenarios:
        key = scenario, row
        if key in first.times and key in other.times:
            if first is other:
                ratios.append(Interval(1.0, 1.0, 1.0))
            else:
                ratios.append(other.times[key].over(first.times[key]))
    if ratios:
        return Tile(geometric_mean(ratios), len(ratios))
    statuses = {cell.status for (_, name), cell in other.cells.items() if name == row}
    words = "–" if statuses <= {Status.UNSUPPORTED} else "no pair"
    return Tile(None, 0, words if statuses else "not there")


def geometric_mean(ratios: Sequence[Interval]) -> Interval:
    """Return the geometric mean of independent ratios; without ends where any has none."""
    logs = [math.log(ratio.value) for ratio in ratios]
    value = math.exp(math.fsum(logs) / len(logs))
    widths = [ratio.half_width for ratio in ratios]
    if any(width is None for width in widths):
        return Interval(value, None, None)
    half = math.sqrt(math.fsum((width or 0.0) ** 2 for width in widths)) / len(widths)
    return Interval(value, value * math.exp(-half), value * math.exp(half))


def _line(runs: Sequence[MachineRun], tables: Sequence[_Table], scenario: str) -> ScenarioLine:
    bests = [_best(run, table, scenario) for run, table in zip(runs, tables, strict=True)]
    certain = {best.name for best in bests if best.is_certain}
    return ScenarioLine(scenario, bests, len(certain) > 1)


def _best(machine: MachineRun, table: _Table, scenario: str) -> Best:
    outcome = table.standings.get(scenario)
    if outcome is None or outcome.leader is None:
        return Best("", False, None, None, None)
    name = outcome.leader.implementation
    time_s = table.times[scenario, name]
    price, watts = machine.price_per_hour, machine.watts
    return Best(
        name=name,
        is_certain=outcome.winner is not None,
        time_s=time_s,
        price=None if price is None else MILLION * time_s.value * price / SECONDS_AN_HOUR,
        joules=None if watts is None else time_s.value * watts,
    )
