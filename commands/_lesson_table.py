"""A lesson's table, measured on this machine and shown beside the recorded one."""

from __future__ import annotations

import argparse
import glob
import json
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._asking import asked_files
from commands._folders import LOG, measuring, record
from commands._preparing import ChosenScenarios, Prepared, chosen_arms, prepare, settings_for
from commands._saying import say
from reports import lesson_table, terminal, units
from reports.progress import Bar
from suite import __version__
from suite.errors import EXIT_GOOD, EXIT_INTERRUPTED, EXIT_WRONG, UsageError
from suite.lessons.lesson import Lesson
from suite.lessons.table import Table, read_recorded, rows_of
from suite.measuring.arm import Arm
from suite.measuring.run import Runner
from suite.measuring.settings import Settings
from suite.processes.scratch import scratch_folder
from suite.program import COMMAND_LINE
from suite.registry.catalogue import Catalogue
from suite.results.cell import CellResult, Status
from suite.results.folder import read_results
from suite.results.request import RunRequest

FILE = "lessons"
"""Of scenarios/."""
BLOCKS = 3
"""As few as have an interval: a lesson is about factors."""
TIMEOUT_S = 240.0
"""Rows are compiled in their first call, beside whatever else the machine does."""
REFERENCE = "torch"


def measure_and_show(lesson: Lesson, options: argparse.Namespace) -> int:
    """Measure the table and show both; return the exit code."""
    console = terminal.console()
    recorded = read_recorded(lesson.name)
    if options.recorded:
        return _show_recorded(lesson, recorded, console)
    if options.save is not None and options.save.exists() and not options.force:
        raise UsageError(f"{options.save}: is there already; add --force to write over it")
    with measuring(options, console), scratch_folder() as folder:
        table, interrupted = _measure(lesson, folder, console)
    if not table.rows:
        say("interrupted before anything was measured")
        return EXIT_INTERRUPTED
    say(f"{lesson.title}: {_machine(table)}")
    _print(lesson_table.side_by_side(lesson, table, recorded, console.width))
    if recorded is not None:
        say(f"recorded on {recorded.date}: {_machine(recorded)}")
    gain = lesson_table.total_gain(table.rows) if "gain" in lesson.columns else None
    if gain is not None and not interrupted:
        then = lesson_table.total_gain(recorded.rows) if recorded else None
        beside = f"; recorded: {units.digits(then)}×" if then else ""
        say(f"all gains together: {units.digits(gain)}×{beside}")
    for row in table.rows:
        if row.time_s is None:
            say(f"{row.scenario} {row.implementation}: {row.status.value}: {row.reason}")
    _print(lesson_table.legend(lesson))
    if any(row.disturbed for row in table.rows):
        say("!: others used the cores meanwhile; measure again when the machine is free")
    if interrupted:
        return EXIT_INTERRUPTED
    if options.save is not None:
        _save(table, options.save)
    wrong = any(row.status in (Status.INCORRECT, Status.IMPLAUSIBLE) for row in table.rows)
    return EXIT_WRONG if wrong else EXIT_GOOD


def _show_recorded(lesson: Lesson, recorded: Table | None, console: Console) -> int:
    if recorded is None:
        raise UsageError(f"lesson {lesson.name} has no recorded table here; measure it instead")
    say(f"{lesson.title}: recorded on {recorded.date}: {_machine(recorded)}")
    _print(lesson_table.side_by_side(lesson, recorded, None, console.width))
    _print(lesson_table.legend(lesson))
    say(f"measured by: {recorded.command}")
    return EXIT_GOOD


def _print(lines: Any) -> None:
    for line in lines:
        say(line)


def _machine(table: Table) -> str:
    return "; ".join(table.machine.values())


def _measure(lesson: Lesson, folder: Path, console: Console) -> tuple[Table, bool]:
    """Return the table, and whether somebody interrupted it."""
    request = RunRequest(
        files=asked_files([FILE]),
        scenarios=tuple(dict.fromkeys(glob.escape(cell.scenario) for cell in lesson.cells)),
        implementations=tuple(dict.fromkeys(cell.row for cell in lesson.cells)),
        blocks=BLOCKS,
        timeout_s=TIMEOUT_S,
    )

    def choose(chosen: ChosenScenarios[RunRequest], catalogue: Catalogue) -> list[Arm]:
        return chosen_arms(catalogue, chosen.request.implementations, REFERENCE)

    prepared = prepare(request, console, choose)
    settings = settings_for(request, folder / LOG, blocks=BLOCKS)
    manifest = record(prepared, prepared.catalogue, folder, lesson.name, settings, console)
    interrupted = _race(lesson, prepared, folder, settings, console)
    results = read_results(folder)
    return _table(lesson, prepared, results, manifest["machine"]), interrupted


def _race(
    lesson: Lesson,
    prepared: Prepared[RunRequest],
    folder: Path,
    settings: Settings,
    console: Console,
) -> bool:
    """Measure scenario by scenario, each with its own rows; return whether it was interrupted."""
    with Bar(console, "measuring", len(lesson.cells)) as bar:

        def watch(result: CellResult, _progress: object) -> None:
            if any(_is(result, cell.scenario, cell.row) for cell in lesson.cells):
                bar.advance()

        for scenario in prepared.scenarios:
            own = {cell.row for cell in lesson.cells if scenario.id.endswith(f"/{cell.scenario}")}
            arms = [arm for arm in prepared.arms if arm.name in {*own, REFERENCE}]
            if Runner(folder, [scenario], arms, settings, watch=watch).run().interrupted:
                return True
    return False


def _is(result: CellResult, scenario: str, row: str) -> bool:
    return result.implementation == row and result.scenario.id.endswith(f"/{scenario}")


def _table(
    lesson: Lesson,
    prepared: Prepared[RunRequest],
    results: list[CellResult],
    machine: dict[str, Any],
) -> Table:
    return Table(
        lesson=lesson.name,
        date=date.today().isoformat(),
        command=f"convgauge lesson {lesson.name}",
        machine={
            "processor": f"{machine['cpu']}, {machine['cores']} cores, {machine['cpu_capability']}",
            "system": f"{machine['os']}, Python {machine['python']}",
            "versions": f"ConvGauge {__version__}, torch {machine['torch']}, "
            f"numba {machine['numba']}",
        },
        problems={
            scenario.id.rpartition("/")[2]: scenario.problem for scenario in prepared.scenarios
        },
        rows=rows_of(lesson, results),
    )


def _save(table: Table, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(table.to_dict(), indent=1, ensure_ascii=False)
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    say(f"{path}: written; `{COMMAND_LINE} lesson {table.lesson} --recorded` shows what pages show")
