"""`tune --on WHERE`: problems divided among machines that are alike, or all of them on each kind.

What a machine learns holds on machines like it alone, so that there is a table for each kind; it
lies where this computer keeps its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from commands._fleet import (
    Asked,
    admit_to,
    admit_to_kind,
    asked_of_many,
    assembled,
    refuse_unlike,
    words_for,
)
from commands._fleet_view import account
from commands._folders import keeping_folders
from suite.conditions import MEMORY_FORMATS, Scenario
from suite.errors import EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, UsageError
from suite.fleet.description import Description
from suite.fleet.dispatch import Lane
from suite.fleet.scenario_queue import ScenarioQueue
from suite.fleet.work import Work
from suite.measuring import estimate
from suite.results.cell import CellResult
from suite.results.folder import RESULTS, ResultWriter, read_results
from suite.tuning.campaign import in_turns, measured_as, trials_of, under_formats
from suite.tuning.eligible import REFERENCE
from suite.tuning.store import FACTS, FOLDER_VARIABLE, fingerprint_of, table_path

if TYPE_CHECKING:
    from commands.tune import TuneRequest

TUNING = "tuning"
"""The folder of tables in a job's folder: a machine's own is left alone."""
TOGETHER_S = 40.0
WHOLE = "tuned"
"""Stands for all cells of a problem: which are worth measuring is found out on the machine."""


@dataclass
class TuneWork(Work[CellResult]):
    """A problem is done when a command has ended that measured it; what came before is kept."""

    def take(self, machine: str, lines: str) -> int:
        """Keep all records; return how many.

        Raises:
            ValueError: a line is no record.
        """
        records = self.decoded(lines)
        self.store(machine, records)
        return len(records)

    def ended(self, scenarios: Sequence[str], exit_code: int) -> None:
        if exit_code in (EXIT_GOOD, EXIT_INCONCLUSIVE):
            for name in scenarios:
                self.missing[name].clear()


@dataclass
class Part:
    """What machines that are alike learn."""

    asked: Asked
    like: Description
    request: TuneRequest
    folder: Path = field(init=False)
    facts: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        told = self.like.manifest["machine"]
        self.facts = {name: told.get(name) for name in (*FACTS, "torch")}
        self.threads = int(self.like.manifest["settings"]["threads"])

    @property
    def path(self) -> Path:
        return table_path(fingerprint_of(self.facts))

    def lane(self, name: str, open_folder: Any) -> Lane:
        """Return the problems that nothing is known of yet, as work."""
        self.folder = open_folder(self.path, fresh=self.request.fresh)
        formats = self.request.memory_formats or MEMORY_FORMATS
        before = read_results(self.folder)
        self._have = {_measured(result) for result in before}
        left = not_measured(self.asked.scenarios, formats, self.threads, before)
        self._writer = ResultWriter(self.folder)
        fingerprint = fingerprint_of(self.facts)
        work = TuneWork(
            missing={scenario.id: {WHOLE} for scenario in left},
            words=lambda scenarios, _: words_for(self.asked.sent, scenarios, ()),
            records=f"{TUNING}/{fingerprint}/{RESULTS}",
            texts=self.asked.texts,
            decode=CellResult.from_dict,
            scenario_of=lambda result: problem_of(result.scenario.id),
            store=self._store,
            variables={FOLDER_VARIABLE: TUNING},
        )
        rows = len(self.like.rows)
        order = in_turns(left)  # any first part of it teaches something
        estimates = {s.id: len(formats) * estimate.first_look_s(s, rows) for s in order}
        queue = ScenarioQueue(estimates, TOGETHER_S, in_order=True)
        return Lane(name, queue, work)

    def _store(self, machine: str, results: Sequence[CellResult]) -> None:
        new = [r for r in results if _measured(r) not in self._have or not r.is_disturbed]
        self._have |= {_measured(result) for result in new}
        if new:
            self._writer.add(*(replace(result, machine=machine) for result in new))

    def close(self) -> None:
        self._writer.close()

    @property
    def has_records(self) -> bool:
        return bool(self._have)

    def trials(self) -> Any:
        """Return what was learnt; of plug-ins' rows only what one file may have registered."""
        plugins = self.request.plugins
        own = plugins[0].path if len(plugins) == 1 else None
        modules = {
            row.name: location
            for row in self.like.rows
            if (location := own if row.is_own else row.module)
        }
        return trials_of(read_results(self.folder), modules, REFERENCE, self.threads)


def not_measured(
    scenarios: Sequence[Scenario],
    memory_formats: Sequence[str],
    threads: int,
    results: Sequence[CellResult],
) -> list[Scenario]:
    """Return the problems that were not measured undisturbed in each of the memory formats.

    As they are now: under the same id a file may have had other sizes or values before.

    Args:
        threads: of problems that name none.
        results: what a table's folder holds.
    """
    known = {measured_as(result.scenario) for result in results if not result.is_disturbed}
    return [
        scenario
        for scenario in scenarios
        if any(
            measured_as(one) not in known
            for one in under_formats([scenario], memory_formats, threads)
        )
    ]


def _measured(result: CellResult) -> tuple[Scenario, str]:
    """Return what a result is of: what was measured, and with which row."""
    return measured_as(result.scenario), result.implementation


def problem_of(identity: str) -> str:
    """Return a problem's id, of one under a memory format and threads."""
    return identity.rsplit("+", 2)[0]


def begin(request: TuneRequest, console: Console) -> int:
    """Learn on many machines; return the exit code.

    Raises:
        NotComparable: machines are unlike, and were not asked each.
        UsageError: bad input, or nobody there.
    """
    from commands import tune  # noqa: PLC0415 - which is what begins this

    assert request.on is not None
    alone = replace(request, on=None, each=False, fresh=False)
    asked = asked_of_many(alone, request.on)
    tune.refuse_other_scenarios(asked.scenarios)
    parts: dict[str, Part] = {}

    def lane_for(name: str, like: Description) -> Lane:
        parts[name] = Part(asked, like, request)
        return parts[name].lane(name, tune.open_table_folder)

    with keeping_folders(), assembled(asked, console, "cells") as (fleet, ready):
        fleet.deadline_s = request.budget_s
        if request.each:
            admit: Any = partial(admit_to_kind, asked.scenarios, {}, lane_for)
        else:
            like = refuse_unlike(ready, asked.scenarios)
            lane = lane_for("", like)
            fleet.lanes.append(lane)
            admit = partial(admit_to, lane, like, asked.scenarios)
        outcome = fleet.run(admit)
        for part in parts.values():
            part.close()
    for line in account(outcome.workers, "cells"):
        console.print(line, soft_wrap=True)
    is_complete = not any(outcome.left.values())
    learnt = [_learn(part, tune, console) for part in parts.values()]
    if not any(learnt) and any(part.has_records for part in parts.values()):
        console.print(
            "nothing was learnt: others took the cores in all that was measured; the same command "
            "measures it again",
            style="yellow",
            soft_wrap=True,
        )
        return EXIT_INTERRUPTED if outcome.interrupted else EXIT_INCONCLUSIVE
    if not any(learnt) and not outcome.interrupted:
        raise UsageError(
            "nothing measured yet, so no table was written; give more than "
            f"--budget {request.budget_s:g}"
        )
    console.print(
        "auto reads a table on machines like those that it was measured on: copy it into their "
        f"cache folder, or name one that they share in {FOLDER_VARIABLE}",
        soft_wrap=True,
    )
    if outcome.why and not is_complete:
        console.print(
            f"{outcome.why}; the same command goes on from here", style="yellow", soft_wrap=True
        )
    return EXIT_INTERRUPTED if outcome.interrupted else EXIT_GOOD


def _learn(part: Part, tune: Any, console: Console) -> bool:
    """Write the table of a kind of machine; return whether there is anything in it."""
    trials = part.trials()
    if trials:
        table = tune.write_learnt(part.path, part.facts, trials)
        tune.tell(console, table, part.asked.scenarios, part.path)
    return bool(trials)
