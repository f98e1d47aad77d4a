"""`run --on WHERE`: a run's scenarios divided among machines that are alike, in one folder."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from commands import _resuming
from commands._cures import advise_on_memory, after_freeing_space
from commands._fleet import (
    Asked,
    admit_to,
    asked_of_many,
    assembled,
    refuse_unlike,
    words_for,
)
from commands._fleet_view import account, summary_of
from commands._folders import LOG, keeping_folders, lock_folder, open_folder
from commands._preparing import MOST_CELLS
from commands._reporting import report_on
from commands._verdict import exit_code
from reports.run_summary import print_summary
from suite.counted import counted
from suite.errors import (
    EXIT_GOOD,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    NotComparable,
    UsageError,
)
from suite.fleet.description import DescribedRow, Description
from suite.fleet.dispatch import Lane, Outcome
from suite.fleet.scenario_queue import Lost, ScenarioQueue
from suite.fleet.work import Work
from suite.machine import repositories
from suite.measuring import estimate, new_run, selection
from suite.results.cell import CellResult, Status
from suite.results.comparable import comparability
from suite.results.folder import (
    RESULTS,
    ResultWriter,
    Run,
    UnfinishedCells,
    finish_manifest,
    has_records,
    read_results,
    read_run,
    write_manifest,
)
from suite.results.request import RunRequest

TOGETHER_S = 45.0
"""Of short scenarios that one process measures: it takes some five to begin."""
OUT = "run"


def begin(request: RunRequest, options: argparse.Namespace, console: Console) -> int:
    """Measure all that was asked for, on many machines, into a new folder; return the exit code.

    Args:
        options: what is about this call alone, and what the machines are told besides.

    Raises:
        NotComparable: the machines are unlike.
        UsageError: bad input, nobody there, or a folder that is taken.
    """
    asked = asked_of_run(request)
    with keeping_folders(), assembled(asked, console, "cells") as (fleet, ready):
        like = refuse_unlike(ready, asked.scenarios)
        name = "-".join(file.name for file in asked.files)
        folder = open_folder(options.out, name)
        manifest = manifest_for(asked, request, like, [w.machine for w in ready], name)
        write_manifest(folder, manifest)
        part = FleetRun(folder, request, asked, like, manifest, besides(options))
        return part.finish(fleet, console, verbose=options.verbose)


def besides(options: argparse.Namespace) -> tuple[str, ...]:
    """Return what the machines are told that is no part of the request."""
    return ("--no-exclusive",) if options.no_exclusive else ()


def resume(run: _resuming.Interrupted, options: argparse.Namespace, console: Console) -> int:
    """Measure what is missing, on whatever machines are there now; return the exit code."""
    request = run.request
    asked = asked_of_run(request)
    if [scenario.id for scenario in asked.scenarios] != run.manifest["scenarios"]:
        raise UsageError(
            f"{run.folder}: holds a run of other scenarios; leave out the files to resume with "
            "its own, or choose another --out"
        )
    with keeping_folders():
        lock_folder(run.folder)
        with assembled(asked, console, "cells") as (fleet, ready):
            like = refuse_unlike(ready, asked.scenarios)
            _refuse_other_machine(run, like)
            part = FleetRun(run.folder, request, asked, like, run.remember(), besides(options))
            return part.finish(fleet, console, verbose=options.verbose)


def asked_of_run(request: RunRequest) -> Asked:
    """Read what a run is asked of many machines, its shard of the scenarios."""
    assert request.on is not None
    if request.profile or request.instructions:
        raise UsageError(
            "--profile looks at processes on this machine, and --on measures on others; profile "
            "a cell on the machine itself: profile SCENARIO --impl NAME"
        )
    alone = replace(request, shard=None, budget_s=None, on=None, each=False)
    asked = asked_of_many(alone, request.on)
    return replace(asked, scenarios=selection.shard_of(asked.scenarios, request.shard))


def _refuse_other_machine(run: _resuming.Interrupted, like: Description) -> None:
    stored = Run(run.folder, run.manifest, tuple(read_results(run.folder)))
    now = Run(run.folder, dict(like.manifest), ())
    if why := comparability(stored, now).why_not:
        raise NotComparable(
            f"{run.folder}: was begun on another kind of machine than those that are there now: "
            f"{why}; choose another --out"
        )


def manifest_for(
    asked: Asked, request: RunRequest, like: Description, machines: Sequence[str], name: str
) -> dict[str, Any]:
    """Return the manifest of a run on many machines that are all like one."""
    there = dict(like.manifest)
    settled = there.get("request") or {}
    request = replace(request, device=settled.get("device"), threads=settled.get("threads"))
    plugins = [plugin.path for plugin in request.plugins]
    of_plugins = repositories.state_of_code(new_run.TREE, plugins).get("plugins")
    names = sorted(set(machines))
    return {
        **there,
        "name": name,
        "started_at": _now(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "request": request.to_dict(),
        "plugins": of_plugins or [],
        "machine": {**there["machine"], "hostname": ", ".join(names)},
        "fleet": {"on": request.on, "machines": names},
        "settings": {**there["settings"], "log": LOG},
        "scenario_files": [
            {"name": file.name, "path": str(file.path), "text": file.text} for file in asked.files
        ],
        "scenarios": [scenario.id for scenario in asked.scenarios],
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


@dataclass
class FleetRun:
    """A folder that workers which are alike fill together."""

    folder: Path
    request: RunRequest
    asked: Asked
    like: Description
    manifest: dict[str, Any]
    besides: tuple[str, ...] = ()
    """Words that the machines are told besides the request's."""
    name: str = ""
    """Of its lane."""
    lost: list[CellResult] = field(default_factory=list)
    _writer: ResultWriter | None = None

    @property
    def rows(self) -> tuple[DescribedRow, ...]:
        return self.like.rows

    @property
    def again(self) -> str:
        return self.request.resuming(str(self.folder))

    def lane(self) -> Lane:
        """Return what is missing in the folder, as work; records go there from now on."""
        have = {result.key for result in read_results(self.folder)}
        missing: dict[str, set[str]] = {}
        estimates: dict[str, float] = {}
        for scenario in self.asked.scenarios:
            names = {r.name for r in self.rows if f"{scenario.id} × {r.name}" not in have}
            if names:
                missing[scenario.id] = names
                estimates[scenario.id] = estimate.scenario_s(scenario, len(names))
        cells = sum(map(len, missing.values()))
        if cells > MOST_CELLS and not self.request.yes:
            raise UsageError(
                f"{cells:,} cells are more than {MOST_CELLS:,}; name fewer implementations with "
                "--impl, cut the grid, or confirm with --yes"
            )
        self._writer = ResultWriter(self.folder)
        self._scenarios = {scenario.id: scenario for scenario in self.asked.scenarios}
        partial_ones = {
            scenario for scenario, names in missing.items() if len(names) < len(self.rows)
        }
        work: Work[CellResult] = Work(
            missing=missing,
            words=partial(self._words, partial_ones),
            records=f"{OUT}/{RESULTS}",
            texts=self.asked.texts,
            decode=CellResult.from_dict,
            scenario_of=lambda result: result.scenario.id,
            store=self._store,
            lose=self._lose,
        )
        return Lane(self.name, ScenarioQueue(estimates, TOGETHER_S), work)

    def _words(
        self, begun: set[str], scenarios: Sequence[str], rows: Sequence[str]
    ) -> Sequence[str]:
        if not rows and begun & set(scenarios):  # by an earlier call
            rows = [row.name for row in self.rows]
        return [*words_for(self.asked.sent, scenarios, rows), *self.besides, "--out", OUT]

    def _store(self, machine: str, results: Sequence[CellResult]) -> None:
        assert self._writer is not None
        self._writer.add(*(dataclasses.replace(result, machine=machine) for result in results))

    def _lose(self, lost: Lost, names: Sequence[str]) -> None:
        families = {row.name: row.family for row in self.rows}
        for name in names:
            self.lost.append(
                CellResult(
                    scenario=self._scenarios[lost.scenario],
                    implementation=name,
                    family=families[name],
                    status=Status.LOST,
                    reason=lost.reason,
                    reference=self.request.reference,
                )
            )

    def close(self, outcome: Outcome) -> str | None:
        """Close the folder's files; return what something else changed in them."""
        assert self._writer is not None
        changed = self._writer.close()
        self._writer = None  # it remembers every line, and the report needs the room
        unfinished = UnfinishedCells(self.folder)
        unfinished.close(self.lost)
        workers = [worker for worker in outcome.workers if worker.description]
        by_machine: dict[str, list[Any]] = {}
        for worker in workers:
            by_machine.setdefault(worker.machine, []).append(worker)
        summary = {
            "wall_s": outcome.wall_s,
            "interrupted": outcome.interrupted,
            "handing_out_s": round(outcome.own_s, 3),
            "machines": {name: summary_of(them) for name, them in by_machine.items()},
        }
        return finish_manifest(self.folder, summary, self.manifest) or changed

    def finish(self, fleet: Any, console: Console, *, verbose: bool) -> int:
        """Measure with a fleet, report, and return the exit code."""
        lane = self.lane()
        console.print(
            f"{counted(len(self.asked.scenarios), 'scenario')} × "
            f"{counted(len(self.rows), 'implementation')} on "
            f"{_counted(fleet.workers.values())} into {self.folder}",
            soft_wrap=True,
        )
        fleet.lanes.append(lane)
        fleet.deadline_s = self.request.budget_s
        with after_freeing_space(self.again):
            outcome = fleet.run(partial(admit_to, lane, self.like, self.asked.scenarios))
        changed = self.close(outcome)
        return self.conclude(console, outcome, lane, changed, verbose=verbose)

    def conclude(
        self,
        console: Console,
        outcome: Outcome,
        lane: Lane,
        changed: str | None,
        *,
        verbose: bool,
    ) -> int:
        """Report what is in the folder, and return the exit code."""
        if changed:
            console.print(changed, style="red", soft_wrap=True)
        left = outcome.left.get(self.name, [])
        not_measured = [
            f"{scenario} × {name}" for scenario in left for name in lane.work.missing[scenario]
        ]
        for line in account(outcome.workers, "cells"):
            console.print(line, soft_wrap=True)
        if outcome.why:
            console.print(outcome.why, style="yellow", soft_wrap=True)
        if not has_records(self.folder / RESULTS):
            console.print(
                f"nothing was measured; measure it with: {self.again}",
                style="yellow",
                soft_wrap=True,
            )
            return EXIT_INTERRUPTED if outcome.interrupted else EXIT_INCONCLUSIVE
        finished = read_run([self.folder])
        print_summary(
            console,
            finished,
            spent={"inside_share": None},
            not_measured=(),
            again=self.again,
            own=[row.name for row in self.rows if row.is_own],
            order=[row.name for row in self.rows],
            verbose=verbose,
        )
        report_on(finished, self.folder, console)
        advise_on_memory(console, [result.status for result in finished.results])
        if outcome.interrupted or not_measured or self.lost:
            missing = len(not_measured) + len(self.lost)
            how = "interrupted" if outcome.interrupted else f"{counted(missing, 'cell')} missing"
            text = f"{how}; finish it with: {self.again}"
            console.print(text, style="yellow", soft_wrap=True)
        if outcome.interrupted:
            return EXIT_INTERRUPTED
        return code_of(self, finished, left)

    @property
    def asked_rows(self) -> set[str]:
        """The rows that were asked for; the reference may have come along."""
        patterns = self.request.implementations
        names = {row.name for row in self.rows}
        return {n for n in names if not patterns or any(fnmatchcase(n, p) for p in patterns)}


def code_of(part: FleetRun, finished: Run, left: Sequence[str]) -> int:
    """Return the exit code of what a fleet has measured.

    Args:
        left: scenarios that nobody has done.
    """
    code = exit_code(finished.results, part.asked_rows, left_out=left)
    return EXIT_INCONCLUSIVE if code == EXIT_GOOD and (left or part.lost) else code


def _counted(workers: Any) -> str:
    machines = {worker.machine for worker in workers}
    return f"{counted(len(workers), 'worker')} on {counted(len(machines), 'machine')}"
