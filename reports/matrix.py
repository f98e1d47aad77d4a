"""A run as a matrix, scenario × implementation, each passed cell with its summary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from reports import palette, units
from suite.conditions import Scenario
from suite.results.cell import CellResult
from suite.results.folder import Run
from suite.results.standing import Standing, standing
from suite.results.summary import Summary, summarise


@dataclass(frozen=True)
class MatrixCell:
    """A result and its numbers; `summary` is None unless it passed."""

    result: CellResult
    summary: Summary | None

    @property
    def time_s(self) -> float | None:
        return self.summary.time_s.value if self.summary else None

    @property
    def speedup(self) -> float | None:
        if self.summary is None or self.summary.speedup is None:
            return None
        return self.summary.speedup.value

    @property
    def is_disturbed(self) -> bool:
        """Whether others took the cores while it was timed: its speed-up needs a mark."""
        return self.result.is_disturbed

    @property
    def time_words(self) -> str:
        """Return the time with its interval, or with why it has none."""
        if self.summary is None:
            return units.ABSENT
        spread = units.interval(self.summary.time_s.half_width, self.summary.blocks)
        return f"{units.seconds(self.time_s)} {spread}"

    @property
    def speedup_words(self) -> str:
        """Return the speed-up, marked where nothing may be concluded from it."""
        text = units.times(self.speedup)
        return f"{text} disturbed" if self.is_disturbed and self.speedup is not None else text

    @property
    def rel_l2_error(self) -> float | None:
        return self.result.residuals.rel_l2_error if self.result.residuals else None


@dataclass(frozen=True)
class Matrix:
    """Scenarios in the run's order, implementations with the reference first, cells by both."""

    scenarios: tuple[Scenario, ...]
    implementations: tuple[str, ...]
    cells: dict[tuple[str, str], MatrixCell]

    @classmethod
    def of(cls, run: Run) -> Matrix:
        scenarios = {result.scenario.id: result.scenario for result in run.results}
        measured = {result.implementation for result in run.results}
        references = [result.reference for result in run.results]
        listed = [entry["name"] for entry in run.manifest.get("implementations", [])]
        names = [result.implementation for result in run.results]
        ordered = [name for name in dict.fromkeys(references + listed + names) if name in measured]
        cells = {
            (result.scenario.id, result.implementation): MatrixCell(result, summarise(result))
            for result in run.results
        }
        return cls(tuple(scenarios.values()), tuple(ordered), cells)

    def look(self, name: str) -> palette.Look:
        """Return the colour and the mark of an implementation: the same in every picture."""
        return palette.look(self.implementations.index(name))

    def row(self, scenario: Scenario) -> list[MatrixCell]:
        """Return the scenario's cells in the order of `implementations`."""
        cells = (self.cells.get((scenario.id, name)) for name in self.implementations)
        return [cell for cell in cells if cell is not None]

    def fastest(self, scenario: Scenario) -> MatrixCell | None:
        """Return the passed cell with the least time, be that by chance or not."""
        return self._cell(self.standings[scenario.id].leader)

    def winner(self, scenario: Scenario) -> MatrixCell | None:
        """Return the cell that is fastest beyond chance; None where that cannot be said."""
        return self._cell(self.standings[scenario.id].winner)

    def _cell(self, result: CellResult | None) -> MatrixCell | None:
        return None if result is None else self.cells[result.scenario.id, result.implementation]

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """Scenario → who is fastest in it, or why that cannot be said."""
        return {
            scenario.id: standing(cell.result for cell in self.row(scenario))
            for scenario in self.scenarios
        }

    @cached_property
    def passed(self) -> list[MatrixCell]:
        return [cell for cell in self.cells.values() if cell.summary is not None]

    def with_few_implementations(self, most: int) -> Matrix:
        """Return at most `most` implementations, the first in order, where there are more."""
        if len(self.implementations) <= most:
            return self
        kept = self.implementations[:most]
        return Matrix(
            self.scenarios, kept, {key: cell for key, cell in self.cells.items() if key[1] in kept}
        )

    def most_telling(self, most: int) -> Matrix:
        """Return the `most` scenarios in which the implementations differ most, in order."""
        if len(self.scenarios) <= most:
            return self
        ranked = sorted(self.scenarios, key=self._spread, reverse=True)[:most]
        kept = {scenario.id for scenario in ranked}
        return Matrix(
            tuple(scenario for scenario in self.scenarios if scenario.id in kept),
            self.implementations,
            {key: cell for key, cell in self.cells.items() if key[0] in kept},
        )

    def _spread(self, scenario: Scenario) -> float:
        """Return how far apart the passed times lie, as a logarithm."""
        times = [cell.time_s for cell in self.row(scenario) if cell.time_s is not None]
        return math.log(max(times) / min(times)) if times else 0.0
