"""A whole run: which cells are missing, one race a scenario, every result on disk at once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite.measuring import estimate
from suite.measuring.arm import Arm
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import Race
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.problem import Scenario
from suite.results.cell import CellResult, cell_key
from suite.results.folder import ResultWriter, read_results

BUDGET_SHARE_INSIDE = 0.6
"""What a cell may spend in calls of its share of the budget; the rest goes to judging."""
LEAST_CELL_BUDGET_S = 0.2
LEAST_WITHIN_BUDGET = 2
"""Blocks of a cell whose share of the run's budget is spent; an interval takes one more."""


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands when a cell was decided."""

    done: int
    total: int
    left_s: float
    """Seconds that the rest will take, from the estimate and how it held so far."""


@dataclass(frozen=True)
class RunOutcome:
    """What became of a run."""

    results: tuple[CellResult, ...]
    """The cells of this call; not those that a resumed run had before."""
    not_measured: tuple[str, ...]
    """Cells that the budget left no time for."""
    time_spent: TimeSpent
    interrupted: bool = False


@dataclass
class Runner:
    """Measures scenarios with arms into a folder.

    Args:
        budget_s: for the whole run; None for as long as it takes.
        watch: called after every decided cell.
    """

    folder: Path
    scenarios: Sequence[Scenario]
    arms: Sequence[Arm]
    settings: Settings
    budget_s: float | None = None
    watch: Callable[[CellResult, RunProgress], None] = lambda *_: None
    _time_spent: TimeSpent = field(default_factory=TimeSpent)

    def run(self) -> RunOutcome:
        """Measure what is missing in the folder; Ctrl-C ends it early and loses nothing."""
        have = {result.key for result in read_results(self.folder)}
        missing = [(s, arms) for s in self.scenarios if (arms := self._missing(s, have))]
        self._total = sum(len(arms) for _, arms in missing)
        self._left_s = sum(estimate.scenario_s(s, len(arms)) for s, arms in missing)
        self._began = time.monotonic()
        self._estimated_s = self._left_s
        results: list[CellResult] = []
        skipped: list[str] = []
        interrupted = False
        writer = ResultWriter(self.folder)
        judge = JudgeClient(self.settings, self._time_spent)
        try:
            for place, (scenario, arms) in enumerate(missing):
                if self._budget_is_spent():
                    skipped += self._names(missing[place:])
                    break
                settings = self._within_budget([arms for _, arms in missing[place:]])
                race = Race(scenario, arms, judge, settings, self._time_spent)
                wanted = {cell_key(scenario.id, arm.name) for arm in arms} - have
                for result in race.results():
                    if result.key in wanted:
                        writer.add(result)
                        results.append(result)
                        self.watch(result, self._progress(len(results)))
                self._left_s -= estimate.scenario_s(scenario, len(arms))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            judge.close()
            writer.close()
            self._time_spent.end()
        return RunOutcome(tuple(results), tuple(skipped), self._time_spent, interrupted)

    def _missing(self, scenario: Scenario, have: set[str]) -> list[Arm]:
        """Return the arms still to measure; the reference comes along as their partner."""
        missing = [arm for arm in self.arms if cell_key(scenario.id, arm.name) not in have]
        if not missing:
            return []
        partner = [arm for arm in self.arms if arm.key == self.settings.reference]
        return [*(arm for arm in partner if arm not in missing), *missing]

    @staticmethod
    def _names(missing: Iterable[tuple[Scenario, list[Arm]]]) -> list[str]:
        return [cell_key(scenario.id, arm.name) for scenario, arms in missing for arm in arms]

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _budget_is_spent(self) -> bool:
        return self.budget_s is not None and self._elapsed_s() >= self.budget_s

    def _within_budget(self, rest: list[list[Arm]]) -> Settings:
        """Return settings that spread what is left of the budget over the cells that are left."""
        if self.budget_s is None:
            return self.settings
        cells = sum(len(arms) for arms in rest)
        share_s = BUDGET_SHARE_INSIDE * (self.budget_s - self._elapsed_s()) / cells
        cell_s = min(self.settings.cell_budget_s, max(share_s, LEAST_CELL_BUDGET_S))
        return dataclasses.replace(
            self.settings,
            cell_budget_s=cell_s,
            least_over_budget=LEAST_WITHIN_BUDGET,
            block_s=min(self.settings.block_s, cell_s / self.settings.least_blocks),
        )

    def _progress(self, done: int) -> RunProgress:
        planned_s = self._estimated_s - self._left_s
        pace = self._elapsed_s() / planned_s if planned_s > 0 else 1.0
        return RunProgress(done=done, total=self._total, left_s=max(0.0, self._left_s * pace))
