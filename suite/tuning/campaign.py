"""Measure many problems within a budget, and stop measuring what has no chance.

The suite's own race measures: gates first, then paired blocks of fresh processes. What is won by
being clever is which cells: kinds take turns, and a row that never came near the best row of a
kind is not measured on it again.
"""

from __future__ import annotations

import dataclasses
import math
import random
import statistics
import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite.conditions import Scenario
from suite.measuring.arm import Arm
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.kept import KeptProcesses
from suite.measuring.race import race
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.results.cell import CellResult, Status
from suite.results.folder import ResultWriter, read_results
from suite.tuning.features import kind_of
from suite.tuning.store import Conditions, Measured, Row, Trial

BLOCKS = 1
ROUNDS = 3
BLOCK_S = 0.06
"""One short block a problem: many problems teach more than few that are known well, and how far
blocks differ shows in how well problems predict each other."""
QUICK_SHARE = 0.15
QUICKEST_SHARE = 0.05
"""What counts of a block's samples is their 15th percentile; how far it lies above the 5th is its
error. Tuning takes long and others use the
machine meanwhile: they hit the median of a parallel row by a scheduler's tick, which is many times
a short call, and leave the quicker samples as they are."""
LEAST_ERROR = 0.03
"""Standard error of a speed-up from one block; more where the quick samples disagree, too."""
FEW_SAMPLES = 5
FEW_ERROR = 0.1
MOST_ERROR = 0.25
"""Beyond it a cell says nothing: it was disturbed all the time."""

HOPELESS = ((2, math.log(0.4)), (4, math.log(0.75)))
"""After so many problems of a kind a row is dropped there, unless it once came so near the best."""
CRAWLING = math.log(0.1)
CRAWLING_S = 2e-3
"""A row so far behind is dropped at once if its calls take longer than this, too: measuring it
would use up the budget. Where all calls are short, overhead alone may put it behind."""
WRONG = (Status.INCORRECT, Status.IMPLAUSIBLE)
"""One such cell, and nothing of that row is believed for the kind."""

Watch = Callable[[Scenario, Sequence[CellResult], float], None]


def conditions_of(scenario: Scenario, threads: int) -> Conditions:
    return Conditions(scenario.dtype, scenario.memory_format, scenario.threads or threads)


def under_formats(
    scenarios: Iterable[Scenario], memory_formats: Sequence[str], threads: int
) -> list[Scenario]:
    """Return each scenario in each memory format, with an id and the threads of its own."""
    return [
        dataclasses.replace(
            scenario,
            id=f"{scenario.id}+{memory_format}+{scenario.threads or threads}",
            memory_format=memory_format,
            threads=scenario.threads or threads,
        )
        for scenario in scenarios
        for memory_format in memory_formats
    ]


def in_turns(scenarios: Sequence[Scenario], seed: int = 0) -> list[Scenario]:
    """Return the scenarios in the order to measure them in, so that any first part is useful.

    Kinds and memory formats take turns, rare ones more often than they occur. Each begins with
    its smallest problem, where even the slowest row takes no time, and one of middle size, where
    the hopeless ones show; then they come as drawn.
    """
    piles: dict[tuple[str, Conditions], list[Scenario]] = {}
    for scenario in scenarios:
        key = kind_of(scenario.problem), conditions_of(scenario, 0)
        piles.setdefault(key, []).append(scenario)
    generator = random.Random(seed)
    for pile in piles.values():
        generator.shuffle(pile)
        by_size = sorted(pile, key=lambda scenario: scenario.problem.direct_flops)
        first_ids = list(dict.fromkeys((by_size[0].id, by_size[len(by_size) // 2].id)))
        pile.sort(
            key=lambda scenario: first_ids.index(scenario.id) if scenario.id in first_ids else 2
        )
    totals = {key: len(pile) for key, pile in piles.items()}
    taken = dict.fromkeys(piles, 0)
    order = []
    for _ in range(len(scenarios)):
        unfinished = (key for key in piles if taken[key] < totals[key])
        key = min(unfinished, key=lambda key: taken[key] / math.sqrt(totals[key]))
        order.append(piles[key][taken[key]])
        taken[key] += 1
    return order


@dataclass
class Standing:
    """How the rows fared so far on the problems of one kind under one set of conditions."""

    nearness: dict[str, list[float]] = field(default_factory=dict)
    """Row → on each problem, its log speed-up over the fastest of the others."""
    wrong: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    crawling: set[str] = field(default_factory=set)

    def add(self, results: Sequence[CellResult], before: Sequence[CellResult] = ()) -> None:
        """Take in the results of one problem; those taken in before are for comparison."""
        times = {result.implementation: _time_of(result) for result in (*before, *results)}
        for result in results:
            name, own_time = result.implementation, times[result.implementation]
            if result.status in WRONG:
                self.wrong.add(name)
            elif own_time is not None:
                other_times = [time for other, time in times.items() if other != name and time]
                best = min(other_times, key=lambda time: time.log_s, default=own_time)
                behind = best.log_s - own_time.log_s
                if _speedup(best, own_time):
                    self.nearness.setdefault(name, []).append(behind)
                if behind < CRAWLING and own_time.log_s > math.log(CRAWLING_S):
                    self.crawling.add(name)
            elif result.status not in (Status.UNSUPPORTED, Status.PASSED):
                self.failed.add(name)

    def is_out(self, name: str) -> bool:
        """Whether a row need not be measured on this kind any more."""
        if name in self.wrong | self.failed | self.crawling:
            return True
        near = self.nearness.get(name, [])
        return any(len(near) >= count and max(near) < least for count, least in HOPELESS)


def standings(
    results: Iterable[CellResult], threads: int
) -> dict[tuple[str, Conditions], Standing]:
    """Return how the rows stand for each kind and each set of conditions."""
    by_kind: dict[tuple[str, Conditions], Standing] = {}
    for of_scenario in _by_scenario(results).values():
        scenario: Scenario = of_scenario[0].scenario
        key = kind_of(scenario.problem), conditions_of(scenario, threads)
        by_kind.setdefault(key, Standing()).add(of_scenario)
    return by_kind


def _by_scenario(results: Iterable[CellResult]) -> dict[Scenario, list[CellResult]]:
    groups: dict[Scenario, list[CellResult]] = {}
    for result in results:
        groups.setdefault(measured_as(result.scenario), []).append(result)
    return groups


def measured_as(scenario: Scenario) -> Scenario:
    """Return what two measurements have to agree in to be of the same thing.

    An id is not enough: a file may have been changed since, to another type or other sizes.
    """
    return dataclasses.replace(scenario, occurrences=1, source="")


@dataclass
class Campaign:
    """Measures scenarios with arms into a folder until the budget is spent.

    A scenario's cells are written only when all are known, so that a later call goes on with the
    next scenario, and with those in which others took the cores; rows that are new by then are
    measured on the earlier ones, too. The first arm is the reference.
    """

    folder: Path
    scenarios: Sequence[Scenario]
    arms: Sequence[Arm]
    settings: Settings
    budget_s: float
    watch: Watch = lambda *_: None

    def run(self) -> bool:
        """Measure what is missing; return whether all of it was, or time ran out before."""
        results = read_results(self.folder)
        known = _by_scenario(result for result in results if not result.is_disturbed)
        standing = standings(results, self.settings.threads)
        time_spent = TimeSpent()
        judge, kept = JudgeClient(self.settings, time_spent), KeptProcesses()
        writer = ResultWriter(self.folder)
        began = time.monotonic()
        try:
            for scenario in self.scenarios:
                key = kind_of(scenario.problem), conditions_of(scenario, self.settings.threads)
                so_far = standing.setdefault(key, Standing())
                before = known.get(measured_as(scenario), [])
                measured = {result.implementation for result in before}
                arms = self._worth_measuring(scenario, so_far, measured)
                if all(arm.name in measured for arm in arms):
                    continue
                left_s = self.budget_s - (time.monotonic() - began)
                if left_s <= 0:
                    return False
                raced = race(scenario, arms, judge, self._quick(), time_spent, kept=kept)
                now = [r for r in decided(raced) if r.implementation not in measured]
                for result in now:
                    writer.add(result)
                so_far.add(now, before)
                self.watch(scenario, [*before, *now], left_s)
        finally:
            kept.close()
            judge.close()
            writer.close()
        return True

    def _worth_measuring(
        self, scenario: Scenario, standing: Standing, measured: Container[str]
    ) -> list[Arm]:
        """Return the reference and the arms that may still teach something here."""
        reference, *others = self.arms
        missing = (
            arm for arm in others if arm.name not in measured and scenario.id not in arm.unsupported
        )
        return [reference, *(arm for arm in missing if not standing.is_out(arm.name))]

    def _quick(self) -> Settings:
        return dataclasses.replace(
            self.settings,
            blocks=BLOCKS,
            least_blocks=BLOCKS,
            block_s=BLOCK_S,
            rounds=ROUNDS,
            peak_memory=False,
        )


def trials_of(
    results: Iterable[CellResult], modules: dict[str, str], reference: str, threads: int
) -> list[Trial]:
    """Return what is worth knowing of the results: passed rows against a passed reference.

    Args:
        modules: row → the module or file that registers it; rows that are not in it are left out.
    """
    results = list(results)
    standing = standings(results, threads)
    trials = []
    for of_scenario in _by_scenario(results).values():
        scenario: Scenario = of_scenario[0].scenario
        conditions = conditions_of(scenario, threads)
        wrong = standing[kind_of(scenario.problem), conditions].wrong
        times = {result.implementation: _time_of(result) for result in of_scenario}
        torch_time = times.pop(reference, None)
        if torch_time is None:
            continue
        measured = [
            Measured(Row(name, modules[name]), *gain)
            for name, own in times.items()
            if own and name in modules and name not in wrong
            if (gain := _speedup(torch_time, own))
        ]
        trials.append(Trial(scenario.problem.as_called(), conditions, tuple(measured)))
    return trials


@dataclass(frozen=True)
class _Time:
    """A cell's undisturbed time, as a logarithm, and its standard error."""

    log_s: float
    error: float


def _time_of(result: CellResult) -> _Time | None:
    if not result.blocks or result.is_disturbed:
        return None
    logs, errors = [], []
    for block in result.blocks:
        samples_s = sorted(block.samples_s)
        last = len(samples_s) - 1
        quick_s = samples_s[round(QUICK_SHARE * last)]
        quickest_s = samples_s[int(QUICKEST_SHARE * last)]
        logs.append(math.log(quick_s))
        least = FEW_ERROR if len(samples_s) < FEW_SAMPLES else LEAST_ERROR
        errors.append(max(least, math.log(quick_s / quickest_s)))
    return _Time(statistics.fmean(logs), max(errors) / math.sqrt(len(errors)))


def _speedup(reference: _Time, own: _Time) -> tuple[float, float] | None:
    """Return a log speed-up and its standard error, None where it says nothing."""
    error = math.hypot(reference.error, own.error)
    return None if error > MOST_ERROR else (reference.log_s - own.log_s, error)
