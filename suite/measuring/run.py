"""A whole run: which cells are missing, one race a scenario, every result on disk at once."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite.measuring import estimate
from suite.measuring.arm import Arm
from suite.measuring.deadline import Budget, Deadline
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import race
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.problem import Scenario
from suite.results.cell import CellResult, Status, cell_key
from suite.results.folder import ResultWriter, read_results
from suite.results.own_records import OwnRecords

BUDGET_SHARE_INSIDE = 0.6
"""What a cell may spend in calls of its share of the budget; the rest goes to judging."""
LEAST_CELL_BUDGET_S = 0.2
NEED_SHARE = 2.0
"""Of an estimate, which is right within a factor of two."""
FEW_ARMS = 2
"""A scenario begins where there is time for so many short cells."""
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
    records: OwnRecords
    """What this call wrote into the folder, to hold against what is read from it."""
    tampering: str | None = None
    """What something else changed in it meanwhile."""
    interrupted: bool = False


@dataclass
class Runner:
    """Measures scenarios with arms into a folder.

    Args:
        budget_s: for all that is measured, gates and judging included; None for as long as it
            takes. It ends at most a tenth later.
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
        """Measure what is missing in the folder; Ctrl-C ends it early and loses nothing.

        The budget begins here, with the judge's process: what there is was found out before.
        """
        self._budget = Budget(self.budget_s)
        self._slowness = 1.0
        have = {result.key for result in read_results(self.folder)}
        missing = self._all_missing(have)
        self._total = sum(len(arms) for _, arms in missing)
        self._left_s = sum(estimate.scenario_s(s, len(arms)) for s, arms in missing)
        self._began = time.monotonic()
        self._estimated_s = self._left_s
        results: list[CellResult] = []
        interrupted = False
        writer = ResultWriter(self.folder)
        judge = JudgeClient(self.settings, self._time_spent)
        try:
            while missing:
                before = len(results)
                for result in self._measure(missing, judge):
                    if result.key not in have:
                        have.add(result.key)
                        writer.add(result)
                        results.append(result)
                        self.watch(result, self._progress(len(results)))
                missing = self._all_missing(have)
                if self.budget_s is None or self._budget.whole.passed or len(results) == before:
                    break
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._time_spent.deadline = Deadline()
            judge.close()
            tampering = writer.close()
            self._time_spent.end()
        return RunOutcome(
            tuple(results),
            () if interrupted else tuple(self._names(missing, have)),
            self._time_spent,
            writer.records,
            tampering,
            interrupted,
        )

    def _measure(
        self, missing: Sequence[tuple[Scenario, list[Arm]]], judge: JudgeClient
    ) -> Iterator[CellResult]:
        """Yield the results of these cells, until the budget is spent."""
        for number, (scenario, arms) in enumerate(missing):
            if self._budget.whole.passed:
                return
            deadline = self._budget.for_the_first(
                [NEED_SHARE * estimate.scenario_s(s, len(a)) for s, a in missing[number:]],
                self._slowness * estimate.CELL_S * min(len(arms), FEW_ARMS),
            )
            self._time_spent.deadline = deadline
            settings = self._within(deadline, len(arms))
            passed = 0
            for result in race(scenario, arms, judge, settings, self._time_spent):
                passed += result.status is Status.PASSED
                yield result
            if not passed and self._time_spent.deadline.passed:  # a slow machine, or a busy one
                self._slowness *= 2
            self._left_s -= estimate.scenario_s(scenario, len(arms))

    def _all_missing(self, have: set[str]) -> list[tuple[Scenario, list[Arm]]]:
        return [(s, arms) for s in self.scenarios if (arms := self._missing(s, have))]

    def _missing(self, scenario: Scenario, have: set[str]) -> list[Arm]:
        """Return the arms still to measure; the reference comes along as their partner."""
        missing = [arm for arm in self.arms if cell_key(scenario.id, arm.name) not in have]
        if not missing:
            return []
        partner = [arm for arm in self.arms if arm.key == self.settings.reference]
        return [*(arm for arm in partner if arm not in missing), *missing]

    @staticmethod
    def _names(missing: Iterable[tuple[Scenario, list[Arm]]], have: set[str]) -> list[str]:
        keys = [cell_key(scenario.id, arm.name) for scenario, arms in missing for arm in arms]
        return [key for key in keys if key not in have]

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _within(self, deadline: Deadline, cells: int) -> Settings:
        """Return settings that spread what a scenario may take over its cells."""
        if math.isinf(deadline.at_s):
            return self.settings
        share_s = BUDGET_SHARE_INSIDE * deadline.left_s / cells
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
