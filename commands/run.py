"""`run`: race implementations over scenario files.

scenario files ─► suite.measuring ─► results.jsonl ─► reports

With --profile the cells that passed are profiled afterwards, when nothing is timed any more.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rich.console import Console

from commands import _fleet_each, _fleet_run, _networks, _resuming
from commands._asking import asked, given
from commands._choosing import ready
from commands._cures import advise_on_memory, after_freeing_space
from commands._fleet import add_on, refuse_halves
from commands._folders import LOG, lock_folder, measuring, open_folder, race, record
from commands._options import (
    add_alone,
    add_files,
    add_instructions,
    add_measuring,
    add_model,
    add_scenarios,
    add_selection,
    add_switch,
    precision,
    shard,
)
from commands._preparing import (
    ChosenScenarios,
    Prepared,
    chosen_arms,
    names_of_plugins,
    patterns,
    prepare,
    refuse_too_many,
    settings_for,
    settings_for_precision,
)
from commands._reporting import report_on
from commands._run_environments import choose_in, environments_for, remarks
from commands._verdict import exit_code
from commands.arguments import Parser, at_least
from reports import profile_text, terminal
from reports.progress import Bar
from reports.run_summary import print_summary
from suite.counted import counted
from suite.environments.environment import Environment
from suite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, UsageError
from suite.machine import placement
from suite.measuring import selection
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.profiling.profiler import Profiler
from suite.registry.catalogue import Catalogue
from suite.results.folder import (
    RESULTS,
    UNFINISHED,
    Run,
    finish_manifest,
    has_records,
    read_results,
    read_run,
    write_manifest,
)
from suite.results.own_records import OwnRecords
from suite.results.profile import CellProfile
from suite.results.request import RunRequest

USUAL_FILE = "quick"
MOST_READINGS = 5


def add_arguments(parser: Parser) -> None:
    add_files(parser, f"scenario files, or names of shipped ones (default: {USUAL_FILE})")
    add_model(parser)
    parser.add_argument(
        "--optimize-budget",
        type=at_least(1, float),
        metavar="SECONDS",
        help="of --model, what the arm `optimize` may measure for before it is measured "
        f"(default {RunRequest.optimize_budget_s:g})",
    )
    add_scenarios(parser, "'3x3*'")
    add_selection(parser)
    add_measuring(parser, of_models=True)
    add_run_options(parser, "as many as the precision takes, at most 8 for 2 %%")
    parser.add_argument(
        "--precision",
        type=precision,
        metavar="all|PERCENT",
        help="to how many percent speed-ups are to be known (default 2) of rows that may be the "
        "fastest or were asked for; others to 10, with `all` every row to 2",
    )
    parser.add_argument(
        "--budget",
        type=at_least(1, float),
        metavar="SECONDS",
        help="for the whole run, spread over its cells",
    )
    add_switch(
        parser,
        "--resume",
        "finish the missing cells of --out, or of the newest run of the same files, as its "
        "manifest says",
    )
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="measure only the I-th of N parts; `report A B C --out D` puts them together",
    )
    add_on(parser)
    add_switch(
        parser,
        "--energy",
        "measure joules per call too, where the machine counts them; some 4 s a cell",
    )
    add_switch(
        parser,
        "--no-verify",
        "do not judge the outputs of timed calls; only to measure what judging costs",
    )
    add_switch(
        parser,
        "--profile",
        "afterwards, show where time and memory of every passed cell go (some 5 s a cell)",
    )

    parser.add_argument(
        "--env",
        action="append",
        dest="env",
        metavar="ENV",
        help="the same rows in another environment too: a requirement line, the path of a Python, "
        "variables (ONEDNN_MAX_CPU_ISA=AVX2); repeatable",
    )


def add_run_options(parser: Parser, usual_blocks: str) -> None:
    """Add what `profile` takes, too."""
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results folder (default: results/<time>-<name>)"
    )
    parser.add_argument(
        "--blocks",
        type=at_least(1, int),
        metavar="N",
        help=f"most fresh processes that a cell is timed in (default: {usual_blocks})",
    )
    parser.add_argument(
        "--reference",
        metavar="NAME",
        help=f"implementation that speed-ups are measured against (default {RunRequest.reference})",
    )
    add_alone(parser)
    add_instructions(parser)
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="a line for each unsupported cell, with the whole reason; not one a row",
    )


def main(options: argparse.Namespace) -> int:
    console = terminal.console()
    refuse_halves(options)
    if options.resume and _fleet_each.is_begun(options.out):
        return _fleet_each.resume(options, console)
    if options.resume:
        run = _resuming.interrupted(given(RunRequest, options), options.out, USUAL_FILE)
        if run.request.on:
            return _fleet_run.resume(run, options, console)
        with measuring(options, console, run.folder):
            return _resume(run, console, verbose=options.verbose)
    request = asked(RunRequest, options, *(() if options.model else (USUAL_FILE,)))
    _networks.refuse_mixtures(request)
    if request.on:
        if request.environments:
            raise UsageError("--env runs on this machine alone; leave out --on")
        begin_on = _fleet_each.begin if request.each else _fleet_run.begin
        return begin_on(request, options, console)
    with measuring(options, console, options.out):
        return begin(request, options.out, console, verbose=options.verbose)


def begin(request: RunRequest, out: Path | None, console: Console, *, verbose: bool = False) -> int:
    """Measure all that was asked for into a new folder; return the exit code.

    Args:
        verbose: say of each unsupported cell why it is.
    """
    _refuse_lonely_instructions(request)
    environments = environments_for(request, console)
    prepared = prepared_run(request, console, environments)
    request = prepared.request
    name = "-".join(file.name for file in prepared.files)
    folder = open_folder(out, name)
    settings = settings_of_run(request, folder / LOG)
    manifest = record(prepared, prepared.catalogue, folder, name, settings, console)
    if environments:
        manifest["remarks"] = [*manifest["remarks"], *remarks(environments)]
        write_manifest(folder, manifest)
        for remark in remarks(environments):
            console.print(remark, soft_wrap=True)
    return _measure(prepared, folder, settings, manifest, console, verbose=verbose)


def settings_of_run(request: RunRequest, log: Path) -> Settings:
    settings = settings_for(
        request,
        log,
        **settings_for_precision(request.precision, request.blocks),
        reference=request.reference,
        energy=request.energy,
        verify=request.verify,
    )
    return settings if request.model is None else _networks.settings_of_models(settings, request)


def _resume(run: _resuming.Interrupted, console: Console, *, verbose: bool) -> int:
    _refuse_lonely_instructions(run.request)
    lock_folder(run.folder)
    environments = environments_for(run.request, console)
    prepared = prepared_run(run.request, console, environments)
    run.refuse_others(prepared)
    return _measure(prepared, run.folder, run.settings, run.remember(), console, verbose=verbose)


def _refuse_lonely_instructions(request: RunRequest) -> None:
    if request.instructions and not request.profile:
        raise UsageError("--instructions belongs to profiling; add --profile")


def prepared_for(options: argparse.Namespace, console: Console) -> Prepared[RunRequest]:
    """Find what these arguments would measure on this machine."""
    return prepared_run(asked(RunRequest, options, USUAL_FILE), console)


def prepared_run(
    request: RunRequest, console: Console, environments: Sequence[Environment] = ()
) -> Prepared[RunRequest]:
    """Find what a run is to measure, on this machine.

    Args:
        environments: in which, where there are several; this one is the first.
    """
    if request.model is not None:
        return _networks.prepare_network(request, console)
    by_file = not request.implementations

    def choose(chosen: ChosenScenarios[RunRequest], catalogue: Catalogue) -> list[Arm]:
        return chosen_arms(
            catalogue, patterns(chosen, catalogue), request.reference, by_file=by_file
        )

    prepared = prepare(
        request,
        console,
        choose_in(environments, request.reference, by_file=by_file) if environments else choose,
        narrow=lambda them: selection.shard_of(them, request.shard),
    )
    refuse_too_many(request, len(prepared.scenarios), len(prepared.arms))
    return prepared


def _measure(
    prepared: Prepared[RunRequest],
    folder: Path,
    settings: Settings,
    manifest: dict[str, Any],
    console: Console,
    *,
    verbose: bool,
) -> int:
    """Measure what is missing in the folder, profile and report; return the exit code.

    Args:
        manifest: as the folder holds it now.
    """
    request = prepared.request
    again = request.resuming(str(folder))
    console.print(
        f"{counted(len(prepared.scenarios), 'scenario')} × "
        f"{counted(len(prepared.arms), 'implementation')} into {folder}",
        soft_wrap=True,
    )
    for remark in placement.remarks(settings.threads, os.environ):
        console.print(remark, style="yellow", soft_wrap=True)
    budget_s = request.budget_s
    with after_freeing_space(again):
        if request.model is not None:
            prepared, budget_s = ready(
                prepared,
                folder,
                settings,
                console,
                budget_s=budget_s,
                own_s=request.optimize_budget_s,
            )
        outcome = race(prepared, folder, settings, budget_s, console, verbose=verbose)
        interrupted = outcome.interrupted
        if request.profile and not interrupted:
            interrupted = not _profile(request, folder, prepared.arms, settings, console)
    summary = {**outcome.time_spent.summary(), "interrupted": interrupted}
    tampering = [outcome.tampering, finish_manifest(folder, summary, manifest)]
    if not any(has_records(folder / name) for name in (RESULTS, UNFINISHED)):
        early = "interrupted" if interrupted else f"the budget of {request.budget_s:g} s ended"
        console.print(
            f"{early} before the first cell was finished; measure them with: {again}",
            style="yellow",
            soft_wrap=True,
        )
        return EXIT_INTERRUPTED if interrupted else EXIT_INCONCLUSIVE
    finished, changed = _read_own(folder, outcome.records)
    for tampered in filter(None, [*tampering, changed]):
        console.print(tampered, style="red", soft_wrap=True)
    if request.profile:
        for line in profile_text.lines(finished):
            console.print(line, soft_wrap=True)
    print_summary(
        console,
        finished,
        spent=outcome.time_spent.summary(),
        not_measured=outcome.not_measured,
        again=again,
        own=names_of_plugins(request, prepared.catalogue),
        order=[arm.name for arm in prepared.arms],
        verbose=verbose,
    )
    report_on(finished, folder, console)  # which takes seconds: the answer comes first
    advise_on_memory(console, [result.status for result in outcome.results])
    if interrupted:
        console.print(f"interrupted; finish it with: {again}", style="yellow", soft_wrap=True)
        return EXIT_INTERRUPTED
    return exit_code(finished.results, _asked_for(prepared), left_out=outcome.not_measured)


def _asked_for(prepared: Prepared[RunRequest]) -> set[str]:
    """Return the implementations that were asked for; the reference may have come along."""
    asked = patterns(prepared, prepared.catalogue)
    return {
        arm.name
        for arm in prepared.arms
        if not asked or any(fnmatchcase(arm.registered_name, one) for one in asked)
    }


def _read_own(folder: Path, records: OwnRecords) -> tuple[Run, str | None]:
    """Return the run as this call recorded it, and what something else changed in the folder."""
    changed = None
    for _ in range(MOST_READINGS):
        changed = records.restore() or changed
        finished = read_run([folder])
        if records.intact:
            return finished, changed
    raise UsageError(f"{folder}: something else keeps changing it while it is read; end that first")


def _profile(
    request: RunRequest,
    folder: Path,
    arms: Sequence[Arm],
    settings: Settings,
    console: Console,
) -> bool:
    """Profile what passed and has no profile yet; return whether nobody interrupted it."""

    def watch(profile: CellProfile, done: int, total: int) -> None:
        text = profile_text.progress(profile, done, total)
        console.print(text, soft_wrap=True)
        bar.advance(1 / total)

    profiler = Profiler(
        folder,
        arms,
        settings,
        with_instructions=request.instructions,
        instructions_asked_by="--instructions",
        watch=watch,
    )
    with Bar(console, "profiling", 1.0, by_itself=False) as bar:
        try:
            profiler.run(read_results(folder))
        except KeyboardInterrupt:
            return False
    return True
