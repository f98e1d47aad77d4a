"""`tune`: measure what `auto` should choose on this machine.

scenario files ─► suite.tuning.campaign ─► results.jsonl ─► suite.tuning.learning ─► table
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from rich.console import Console

from commands import _fleet_tune
from commands._asking import asked
from commands._cures import advise_on_memory, after_freeing_space
from commands._fleet import add_on, refuse_halves
from commands._folders import lock_folder, measuring
from commands._options import (
    add_alone,
    add_files,
    add_measuring,
    add_scenarios,
    add_selection,
    add_switch,
)
from commands._preparing import Prepared, prepare, settings_for
from commands._tuned import TuningProgress, learnt_lines
from commands.arguments import Parser, at_least
from reports import contention_text, terminal
from suite.conditions import MEMORY_FORMATS, Scenario
from suite.counted import counted
from suite.errors import EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, UsageError
from suite.measuring import selection
from suite.measuring.arm import Arm
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue
from suite.results.cell import CellResult
from suite.results.folder import RESULTS, read_results
from suite.results.request import Request, asked_by
from suite.tuning.campaign import Campaign, in_turns, trials_of, under_formats
from suite.tuning.eligible import (
    CHOOSER,
    MOST_ERROR_FACTOR,
    REFERENCE,
    is_eligible,
    usual_rows,
)
from suite.tuning.learning import gained_here, outlook, shapes_of
from suite.tuning.store import (
    Conditions,
    Trial,
    TuningTable,
    fingerprint_of,
    machine_facts,
    table_path,
    write_table,
)
from suite.values import NORMAL, TRAINED, words

USUAL_FILE = "tune"


@dataclass(frozen=True, kw_only=True)
class TuneRequest(Request):
    """What a `tune` is asked."""

    command: ClassVar[str] = "tune"

    budget_s: float = asked_by("--budget", 600.0)
    memory_formats: tuple[str, ...] = asked_by("--memory-format", ())
    """Empty: all."""
    fresh: bool = asked_by("--fresh", False)
    on: str | None = asked_by("--on")
    """Where to measure, if not here: see `suite.fleet.where`."""
    each: bool = asked_by("--each", False)
    """Whether every different machine measures everything."""


def add_arguments(parser: Parser) -> None:
    add_files(
        parser,
        f"scenario files to learn from, or names of shipped ones (default: {USUAL_FILE})",
    )
    add_scenarios(parser, "'3x3*'")
    add_selection(parser)
    add_measuring(parser)
    add_alone(parser)
    add_on(parser)
    parser.add_argument(
        "--budget",
        type=at_least(0, float),
        metavar="SECONDS",
        help=f"stop measuring after so long (default {TuneRequest.budget_s:g}); the next call "
        "goes on from there",
    )
    parser.add_argument(
        "--memory-format",
        action="append",
        choices=MEMORY_FORMATS,
        help="of the inputs; repeatable (default: both)",
    )
    add_switch(parser, "--fresh", "forget what was measured before, and begin anew")


def main(options: argparse.Namespace) -> int:
    request = asked(TuneRequest, options, USUAL_FILE)
    console = terminal.console()
    _refuse_other_devices(request.device)
    refuse_halves(options)
    if request.on:
        return _fleet_tune.begin(request, console)
    with measuring(options, console):
        return _tune(request, console)


def prepared_for(options: argparse.Namespace, console: Console) -> Prepared[TuneRequest]:
    """Find what these arguments would measure on this machine."""
    return _prepared(asked(TuneRequest, options, USUAL_FILE), console)


def _prepared(request: TuneRequest, console: Console) -> Prepared[TuneRequest]:
    return prepare(
        request,
        console,
        lambda _, catalogue: _arms(catalogue, request.implementations),
        narrow=lambda scenarios: _with_formats(scenarios, request),
    )


def _tune(request: TuneRequest, console: Console) -> int:
    prepared = _prepared(request, console)
    scenarios, arms = prepared.scenarios, prepared.arms
    with scratch_folder() as scratch:
        settings = settings_for(request, scratch / "worker.log")
        facts = machine_facts(prepared.facts.torch)
        path = table_path(fingerprint_of(facts))
        folder = open_table_folder(path, fresh=request.fresh)
        progress = TuningProgress(console, folder, scenarios, request.budget_s)
        campaign = Campaign(
            folder=folder,
            scenarios=in_turns(scenarios),
            arms=arms,
            settings=settings,
            budget_s=request.budget_s,
            watch=progress,
        )
        console.print(
            f"{counted(len(scenarios), 'problem')}, "
            f"{counted(len(arms), 'implementation')} at first, "
            f"{request.budget_s:.0f} s at most"
        )
        interrupted = False
        try:
            with after_freeing_space(replace(request, fresh=False).command_line()), progress.bar:
                is_complete = campaign.run()
        except KeyboardInterrupt:
            is_complete, interrupted = False, True
    modules = {entry.name: entry.source.location for entry in prepared.catalogue.entries}
    results = read_results(folder)
    advise_on_memory(console, [result.status for result in results])
    trials = trials_of(results, modules, REFERENCE, settings.threads)
    disturbed = _disturbed(results, scenarios)
    if disturbed:
        console.print(
            f"others took the cores in {disturbed} of {len(scenarios)} problems, which teach "
            "nothing; the same command measures them again; "
            + contention_text.remedy(settings.threads),
            style="yellow",
            soft_wrap=True,
        )
    if not trials and disturbed and not interrupted:
        return EXIT_INCONCLUSIVE
    if not trials and interrupted:
        return EXIT_INTERRUPTED
    if not trials:
        raise UsageError(
            f"{folder}: nothing measured yet, so no table was written; give more than "
            f"--budget {request.budget_s:g}"
        )
    table = write_learnt(path, facts, trials)
    tell(console, table, scenarios, path)
    if not is_complete:
        console.print("more to measure: the same command goes on from here", style="yellow")
    return EXIT_INTERRUPTED if interrupted else EXIT_GOOD


def _arms(catalogue: Catalogue, patterns: Sequence[str]) -> list[Arm]:
    """Return torch and the rows to measure, `auto` itself never.

    Raises:
        UsageError: a pattern that matches nothing, or that leaves nothing to choose from.
    """
    if patterns:
        named = catalogue.select(patterns, asked_by="--impl")
    else:
        named = usual_rows(catalogue.entries)
    rows = [entry for entry in named if entry.unavailable is None and is_eligible(entry.declared)]
    if not rows:
        raise UsageError(
            f"--impl {' '.join(patterns)}: nothing that {CHOOSER} may choose: it has to be "
            f"available, compute on the CPU in full precision, and declare an error_factor of at "
            f"most {MOST_ERROR_FACTOR:g}"
        )
    (reference,) = catalogue.select([REFERENCE], asked_by="--impl")
    return [
        Arm(entry.declared, entry.source, unsupported=entry.unsupported)
        for entry in (reference, *rows)
    ]


def _refuse_other_devices(device: str | None) -> None:
    if device not in (None, "cpu"):
        raise UsageError(f"--device {device}: {CHOOSER} chooses on the CPU only; leave it out")


def _with_formats(scenarios: Sequence[Scenario], request: TuneRequest) -> list[Scenario]:
    """Return the scenarios in each memory format that was asked for.

    Raises:
        UsageError: a device or a direction that `auto` leaves to torch.
    """
    refuse_other_scenarios(scenarios)
    formats = request.memory_formats or MEMORY_FORMATS
    return under_formats(scenarios, formats, selection.chosen_threads(request.threads))


def refuse_other_scenarios(scenarios: Sequence[Scenario]) -> None:
    """Stop where a scenario is none that `auto` chooses for.

    A network's own numbers are as good as normal ones. It chooses before it sees any, so what is
    faster on others alone would be chosen for all.

    Raises:
        UsageError: a device or a direction that it leaves to torch, or values it cannot know of.
    """
    for scenario in scenarios:
        if scenario.device != "cpu" or scenario.direction != "forward":
            raise UsageError(
                f"{scenario.id}: {scenario.direction} on {scenario.device}; {CHOOSER} chooses "
                "forward on the CPU only, so tune takes no other scenarios"
            )
        if not {scenario.values, scenario.weight_values} <= {NORMAL, TRAINED}:
            raise UsageError(
                f"{scenario.id}: {words(scenario.values, scenario.weight_values)}; {CHOOSER} "
                f"chooses before it sees any, so tune takes {NORMAL} and {TRAINED} ones alone"
            )


def _disturbed(results: Sequence[CellResult], scenarios: Sequence[Scenario]) -> int:
    """Return how many of these problems were disturbed whenever they were measured."""
    known = {result.scenario.id for result in results if not result.is_disturbed}
    marked = {result.scenario.id for result in results if result.is_disturbed}
    return len((marked - known) & {scenario.id for scenario in scenarios})


def open_table_folder(path: Path, *, fresh: bool) -> Path:
    """Return the folder of raw results beside the table, emptied if asked to.

    Raises:
        UsageError: it cannot be made.
    """
    folder = path.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock_folder(folder, "name another in CONVGAUGE_TUNING")
        if fresh:
            (folder / RESULTS).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written: {error.strerror}; name a folder in CONVGAUGE_TUNING"
        ) from error
    return folder


def write_learnt(path: Path, facts: dict[str, object], trials: Sequence[Trial]) -> TuningTable:
    by_conditions = _by_conditions(trials)
    made_at = datetime.now().astimezone().isoformat(timespec="minutes")
    shapes = {conditions: shapes_of(part) for conditions, part in by_conditions.items()}
    table = TuningTable(fingerprint_of(facts), facts, made_at, tuple(trials), shapes)
    write_table(table, path)
    return table


def _by_conditions(trials: Sequence[Trial]) -> dict[Conditions, list[Trial]]:
    trials_of: dict[Conditions, list[Trial]] = {}
    for trial in trials:
        trials_of.setdefault(trial.conditions, []).append(trial)
    return trials_of


def tell(console: Console, table: TuningTable, asked: Sequence[Scenario], path: Path) -> None:
    problems = [scenario.problem for scenario in asked]
    for conditions, trials in _by_conditions(table.trials).items():
        here = gained_here(trials, problems, table.shapes.get(conditions))
        lines = learnt_lines(conditions, here, outlook(trials, problems), console.width)
        for line in lines:
            console.print(line, soft_wrap=True)
    console.print(f"table: {path}", soft_wrap=True)
