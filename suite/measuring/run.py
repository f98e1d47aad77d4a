"""A whole run: which cells are missing, block after block through all scenarios, all on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite.conditions import Scenario
from suite.measuring import estimate
from suite.measuring.arm import Arm
from suite.measuring.deadline import Budget, Deadline
from suite.measuring.interim import Interim
from suite.measuring.judge_client import JUDGE_OF_NETWORKS, JUDGE_PROCESS, JudgeClient
from suite.measuring.kept import KeptProcesses
from suite.measuring.race import race
from suite.measuring.settings import Settings
from suite.measuring.time_left import TimeLeft
from suite.measuring.time_spent import TimeSpent
from suite.results.cell import CellResult, Status, cell_key
from suite.results.folder import ResultWriter, UnfinishedCells, read_results, read_unfinished
from suite.results.own_records import OwnRecords
from suite.workload import network_of

NEED_SHARE = 2.0
"""Of an estimate, which is right within a factor of two."""
FEW_ARMS = 2
"""A scenario begins where there is time for so many short cells."""


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands."""

    done: int
    """Cells that are decided."""
    total: int
    left_s: float
    """Seconds that the rest will take, by what its blocks took so far."""
    round: int
    """Which block of each scenario is measured now, counted from 1."""


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


class _ScenarioRace:
    """One scenario's race, taken a block at a time."""

    def __init__(self, scenario: Scenario, events: Iterator[CellResult | Interim]) -> None:
        self.scenario = scenario
        self._events = events
        self.interim: Interim | None = None
        self.ended = False

    def block(self) -> Iterator[CellResult]:
        """Take the gates and a block, or one more; yield what is decided by it."""
        self.interim = None
        for event in self._events:
            if isinstance(event, Interim):
                self.interim = event
                return
            yield event
        self.ended = True

    @property
    def left_s(self) -> float:
        """About how long its undecided cells still take."""
        interim = self.interim
        return interim.blocks_left * interim.next_block_s if interim else 0.0


@dataclass
class Runner:
    """Measures scenarios with arms into a folder.

    Blocks go round the whole grid: the gates and one block of every scenario, then a second block
    of every one, and so on, until each cell is known well. So a whole table stands soon, and
    whatever ends the run early leaves the best one there is.

    Args:
        budget_s: for all that is measured, gates and judging included; None for as long as it
            takes. It ends at most a tenth later.
        watch: called after every decided cell.
        watch_standing: called after every block, with the scenario's cells that it left undecided.
        watch_round: called when every scenario has had one more block, with all cells as they
            stand then.
    """

    folder: Path
    scenarios: Sequence[Scenario]
    arms: Sequence[Arm]
    settings: Settings
    budget_s: float | None = None
    watch: Callable[[CellResult, RunProgress], None] = lambda *_: None
    watch_standing: Callable[[Sequence[CellResult], RunProgress], None] = lambda *_: None
    watch_round: Callable[[Sequence[CellResult], RunProgress], None] = lambda *_: None
    _time_spent: TimeSpent = field(default_factory=TimeSpent)

    def run(self) -> RunOutcome:
        """Measure what is missing in the folder; Ctrl-C ends it early and loses nothing.

        The budget begins here, with the judge's process: what there is was found out before.
        """
        self._budget = Budget(self.budget_s)
        self._round = 1
        self._before = read_results(self.folder)
        self._have = {result.key for result in self._before}
        self._decided: list[CellResult] = []
        self._races: list[_ScenarioRace] = []
        missing = self._all_missing()
        self._total = sum(len(arms) for _, arms in missing)
        self._first_looks_s = sum(estimate.first_look_s(s, len(arms)) for s, arms in missing)
        self._first_looks_done_s = 0.0
        self._began = time.monotonic()
        self._time_left = TimeLeft()
        interrupted = False
        earlier = {result.key: result for result in read_unfinished(self.folder)}
        self._writer = ResultWriter(self.folder)
        self._unfinished = UnfinishedCells(self.folder)
        are_networks = any(network_of(scenario) for scenario in self.scenarios)
        judge = JudgeClient(
            self.settings, self._time_spent, JUDGE_OF_NETWORKS if are_networks else JUDGE_PROCESS
        )
        self._kept = KeptProcesses()
        try:
            self._look_at_all(missing, judge, earlier)
            self._narrow()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self._time_spent.deadline = Deadline()
            self._kept.close()
            judge.close()
            tampering = self._writer.close()
            self._unfinished.close(self._standing())
            self._time_spent.end()
        return RunOutcome(
            tuple(self._decided),
            () if interrupted else tuple(self._names(missing)),
            self._time_spent,
            self._writer.records,
            tampering,
            interrupted,
        )

    def _look_at_all(
        self,
        missing: Sequence[tuple[Scenario, list[Arm]]],
        judge: JudgeClient,
        earlier: Mapping[str, CellResult],
    ) -> None:
        """Take the gates and the first block of all that is missing.

        Within a budget some cells may get no turn; with time left they are tried once more.
        """
        slowness = 1.0
        while missing:
            known_before = len(self._known())
            for number, (scenario, arms) in enumerate(missing):
                if self._budget.whole.passed:
                    return
                self._time_spent.deadline = self._budget.for_the_first(
                    [NEED_SHARE * estimate.first_look_s(s, len(a)) for s, a in missing[number:]],
                    slowness * estimate.FIRST_LOOK_S * min(len(arms), FEW_ARMS),
                )
                of_scenario = {
                    name: earlier[key]
                    for name in (arm.name for arm in arms)
                    if (key := cell_key(scenario.id, name)) in earlier
                }
                events = race(
                    scenario,
                    arms,
                    judge,
                    self.settings,
                    self._time_spent,
                    of_scenario,
                    self._kept,
                )
                one = _ScenarioRace(scenario, events)
                self._races.append(one)
                passed = self._take_block(one)
                # A slow machine, or a busy one.
                slowness *= 2 if not passed and self._time_spent.deadline.passed else 1
                self._first_looks_done_s += estimate.first_look_s(scenario, len(arms))
            missing = self._all_missing()
            if self.budget_s is None or len(self._known()) == known_before:
                return

    def _narrow(self) -> None:
        """Take one more block of every scenario, until all cells are known or the time is spent.

        After the deadline each race ends with what it has.
        """
        self._time_spent.deadline = self._budget.whole
        self._time_spent.first_table()
        while going_on := [one for one in self._races if not one.ended]:
            self.watch_round(self._everything(), self._progress())
            self._round += 1
            for one in going_on:
                self._take_block(one)

    def _take_block(self, one: _ScenarioRace) -> bool:
        """Have a scenario's next block measured; return whether any cell has times."""
        for result in one.block():
            if result.key not in self._have:
                self._have.add(result.key)
                self._writer.add(result)
                self._decided.append(result)
                self.watch(result, self._progress())
        standing = self._standing_of(one)
        self._unfinished.add(standing)
        if standing:
            self.watch_standing(standing, self._progress())
        return bool(standing) or any(
            result.status is Status.PASSED and result.scenario.id == one.scenario.id
            for result in self._decided
        )

    def _standing_of(self, one: _ScenarioRace) -> list[CellResult]:
        results = one.interim.results if one.interim else ()
        return [result for result in results if result.key not in self._have]

    def _standing(self) -> list[CellResult]:
        return [result for one in self._races for result in self._standing_of(one)]

    def _known(self) -> set[str]:
        """Return the cells that are decided, or have a block."""
        return self._have | {result.key for result in self._standing()}

    def _everything(self) -> list[CellResult]:
        """Return all cells as they stand, in the order of the scenarios."""
        order = {scenario.id: number for number, scenario in enumerate(self.scenarios)}
        results = [*self._before, *self._decided, *self._standing()]
        return sorted(results, key=lambda result: order.get(result.scenario.id, len(order)))

    def _all_missing(self) -> list[tuple[Scenario, list[Arm]]]:
        known = self._known()
        return [(s, arms) for s in self.scenarios if (arms := self._missing(s, known))]

    def _missing(self, scenario: Scenario, known: set[str]) -> list[Arm]:
        """Return the arms still to measure; the reference comes along as their partner."""
        missing = [arm for arm in self.arms if cell_key(scenario.id, arm.name) not in known]
        if not missing:
            return []
        partner = [arm for arm in self.arms if arm.key == self.settings.reference]
        return [*(arm for arm in partner if arm not in missing), *missing]

    def _names(self, missing: Iterable[tuple[Scenario, list[Arm]]]) -> list[str]:
        keys = [cell_key(scenario.id, arm.name) for scenario, arms in missing for arm in arms]
        return [key for key in keys if key not in self._have]

    def _progress(self) -> RunProgress:
        """Return where the run stands: first looks by their estimate, the rest by its blocks."""
        elapsed_s = time.monotonic() - self._began
        first_s = self._first_looks_s - self._first_looks_done_s
        if self._first_looks_done_s and first_s:
            pace = elapsed_s / self._first_looks_done_s
            seen = self._first_looks_done_s / self._first_looks_s
            narrowing_s = sum(one.left_s for one in self._races) / seen
            left_s = first_s * pace + narrowing_s
        else:
            estimated_s = sum(one.left_s for one in self._races)
            left_s = self._time_left.corrected(estimated_s, elapsed_s) if estimated_s else first_s
        return RunProgress(
            done=len(self._decided),
            total=self._total,
            left_s=max(min(left_s, self._budget.whole.left_s), 0.0),
            round=self._round,
        )
