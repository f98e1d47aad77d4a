"""`run`: race implementations over scenario files.

scenario files ─► suite.measuring ─► results.jsonl ─► reports

With --profile the cells that passed are profiled afterwards, when nothing is timed any more.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import reports
from commands import _resuming
from commands._asking import asked, given
from commands._cures import advise_on_memory, after_freeing_space
from commands._folders import LOG, open_folder, race, record
from commands._options import (
    add_files,
    add_instructions,
    add_measuring,
    add_scenarios,
    add_selection,
    add_switch,
    shard,
)
from commands._preparing import (
    ChosenScenarios,
    Prepared,
    chosen_arms,
    patterns,
    prepare,
    refuse_too_many,
    settings_for,
)
from commands.arguments import Parser, at_least
from reports import profile_text, terminal
from suite.errors import EXIT_GOOD, EXIT_INTERRUPTED, EXIT_WRONG, UsageError
from suite.measuring import selection
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.profiling.profiler import Profiler
from suite.registry.catalogue import Catalogue
from suite.results.cell import Status
from suite.results.folder import RESULTS, finish_manifest, read_results, read_run
from suite.results.profile import CellProfile
from suite.results.request import RunRequest

USUAL_FILE = "quick"


def add_arguments(parser: Parser) -> None:
    add_files(parser, f"scenario files, or names of shipped ones (default: {USUAL_FILE})")
    add_scenarios(parser, "'3x3*'")
    add_selection(parser)
    add_measuring(parser)
    add_run_options(parser, RunRequest.blocks)
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


def add_run_options(parser: Parser, blocks: int) -> None:
    """Add what `profile` takes, too."""
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results folder (default: results/<time>-<name>)"
    )
    parser.add_argument(
        "--blocks",
        type=at_least(1, int),
        metavar="N",
        help=f"most fresh processes that a cell is timed in (default {blocks})",
    )
    parser.add_argument(
        "--reference",
        metavar="NAME",
        help=f"implementation that speed-ups are measured against (default {RunRequest.reference})",
    )
    add_instructions(parser)


def main(options: argparse.Namespace) -> int:
    console = terminal.console()
    if options.resume:
        run = _resuming.interrupted(given(RunRequest, options), options.out, USUAL_FILE)
        return _resume(run, console)
    return begin(asked(RunRequest, options, USUAL_FILE), options.out, console)


def begin(request: RunRequest, out: Path | None, console: Console) -> int:
    """Measure all that was asked for into a new folder; return the exit code."""
    _refuse_lonely_instructions(request)
    prepared = _prepared(request, console)
    name = "-".join(file.name for file in prepared.files)
    folder = open_folder(out, name)
    settings = settings_for(
        request,
        folder / LOG,
        blocks=request.blocks,
        reference=request.reference,
        energy=request.energy,
        verify=request.verify,
    )
    record(prepared, prepared.catalogue, folder, name, settings, console)
    return _measure(prepared, folder, settings, console)


def _resume(run: _resuming.Interrupted, console: Console) -> int:
    _refuse_lonely_instructions(run.request)
    prepared = _prepared(run.request, console)
    run.refuse_others(prepared)
    run.remember()
    return _measure(prepared, run.folder, run.settings, console)


def _refuse_lonely_instructions(request: RunRequest) -> None:
    if request.instructions and not request.profile:
        raise UsageError("--instructions belongs to profiling; add --profile")


def _prepared(request: RunRequest, console: Console) -> Prepared[RunRequest]:
    def choose(chosen: ChosenScenarios[RunRequest], catalogue: Catalogue) -> list[Arm]:
        return chosen_arms(catalogue, patterns(chosen, catalogue), request.reference)

    prepared = prepare(
        request, console, choose, narrow=lambda them: selection.shard_of(them, request.shard)
    )
    refuse_too_many(request, len(prepared.scenarios), len(prepared.arms))
    return prepared


def _measure(
    prepared: Prepared[RunRequest], folder: Path, settings: Settings, console: Console
) -> int:
    """Measure what is missing in the folder, profile and report; return the exit code."""
    request = prepared.request
    again = request.resuming(str(folder))
    console.print(
        f"{len(prepared.scenarios)} scenarios × {len(prepared.arms)} implementations into {folder}",
        highlight=False,
        soft_wrap=True,
    )
    with after_freeing_space(again):
        outcome = race(prepared, folder, settings, request.budget_s, console)
        interrupted = outcome.interrupted
        if request.profile and not interrupted:
            interrupted = not _profile(request, folder, prepared.arms, settings, console)
    finish_manifest(folder, {**outcome.time_spent.summary(), "interrupted": interrupted})
    if not (folder / RESULTS).stat().st_size:
        console.print("interrupted before the first cell was finished", style="yellow")
        return EXIT_INTERRUPTED
    finished = read_run([folder])
    written = reports.write_all(finished, folder)
    report = next((path for path in written if path.suffix == ".html"), folder)
    if request.profile:
        for line in profile_text.lines(finished):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    terminal.print_summary(
        console,
        finished.results,
        spent=outcome.time_spent.summary(),
        not_measured=outcome.not_measured,
        again=again,
        report=report,
    )
    advise_on_memory(console, [result.status for result in outcome.results])
    if interrupted:
        console.print(
            f"interrupted; finish it with: {again}",
            style="yellow",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        return EXIT_INTERRUPTED
    wrong = any(result.status is Status.INCORRECT for result in finished.results)
    return EXIT_WRONG if wrong else EXIT_GOOD


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
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    try:
        profiler = Profiler(
            folder,
            arms,
            settings,
            with_instructions=request.instructions,
            instructions_asked_by="--instructions",
            watch=watch,
        )
        profiler.run(read_results(folder))
    except KeyboardInterrupt:
        return False
    return True
