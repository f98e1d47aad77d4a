"""`run`: race implementations over scenario files.

scenario files ─► suite.measuring ─► results.jsonl ─► reports

With --profile the cells that passed are profiled afterwards, when nothing is timed any more.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import reports
from commands._setup import (
    catalogue_for,
    patterns,
    recorded,
    scenario_files,
    scratch_folder,
    settings_for,
)
from commands.arguments import (
    Parser,
    add_instructions,
    add_measuring,
    add_selection,
    at_least,
    shard,
)
from reports import profile_text, terminal
from suite import __version__
from suite.errors import EXIT_GOOD, EXIT_INTERRUPTED, EXIT_WRONG, UsageError
from suite.measuring import new_run, selection
from suite.measuring.arm import Arm
from suite.measuring.run import Runner
from suite.measuring.settings import Settings
from suite.profiling.profiler import Profiler
from suite.results.cell import Status
from suite.results.folder import finish_manifest, read_results, read_run
from suite.results.profile import CellProfile

DEFAULT_REFERENCE = "torch"


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        default=["quick"],
        metavar="FILE",
        help="scenario files, or names of shipped ones (default: quick)",
    )
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="ID",
        help="only these scenarios of the files; repeatable, globs such as '3x3*'",
    )
    add_selection(parser)
    add_measuring(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results folder (default: results/<time>-<name>)"
    )
    parser.add_argument(
        "--budget",
        type=at_least(1, float),
        metavar="SECONDS",
        help="for the whole run, spread over its cells",
    )
    parser.add_argument(
        "--blocks",
        type=at_least(1, int),
        default=5,
        metavar="N",
        help="most fresh processes a cell gets (default 5)",
    )
    parser.add_argument(
        "--reference",
        default=DEFAULT_REFERENCE,
        metavar="NAME",
        help=f"implementation that speed-ups are measured against (default {DEFAULT_REFERENCE})",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="finish the missing cells of --out, or of the newest run of the same files",
    )
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="measure only the I-th of N parts; `report A B C --out D` puts them together",
    )
    parser.add_argument(
        "--energy",
        action="store_true",
        help="measure joules per call too, where the machine counts them; some 4 s a cell",
    )
    parser.add_argument(
        "--no-verify",
        action="store_true",
        help="do not judge the outputs of timed calls; only to measure what judging costs",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="afterwards, show where time and memory of every passed cell go (some 5 s a cell)",
    )
    add_instructions(parser)


def main(options: argparse.Namespace) -> int:
    if options.instructions and not options.profile:
        raise UsageError("--instructions belongs to profiling; add --profile")
    console = terminal.console()
    files = scenario_files(options)
    name = "-".join(file.name for file in files)
    with scratch_folder() as scratch:
        log = Path(scratch) / "start.log"
        facts = new_run.torch_facts(log)
        scenarios = selection.chosen_scenarios(
            [scenario for file in files for scenario in file.scenarios], options.scenario
        )
        scenarios = selection.on_device(scenarios, options.device, facts)
        facts = selection.facts_on(scenarios, facts)
        scenarios = selection.shard_of(scenarios, options.shard)
        catalogue = catalogue_for(options, scenarios, log, console)
        arms = selection.chosen_arms(
            catalogue, patterns(options, files, catalogue), options.reference
        )
    selection.refuse_too_many(len(scenarios) * len(arms), options.yes)
    folder = new_run.open_folder(options.out, name, options.resume, [s.id for s in scenarios])
    settings = settings_for(options, folder / "worker.log")
    if not options.resume:
        new_run.write_run_manifest(
            folder,
            name=name,
            files=files,
            scenarios=scenarios,
            catalogue=catalogue,
            facts=facts,
            settings={
                "budget_s": options.budget,
                "shard": options.shard,
                "plugins": [str(plugin) for plugin in options.plugin],
                **recorded(settings),
            },
            version=__version__,
        )
    console.print(
        f"{len(scenarios)} scenarios × {len(arms)} implementations into {folder}",
        highlight=False,
        soft_wrap=True,
    )
    with terminal.RunDisplay(console) as display:
        runner = Runner(
            folder,
            scenarios,
            arms,
            settings,
            options.budget,
            lambda result, at: display.watch(result, at.done, at.total, at.left_s),
        )
        outcome = runner.run()
    interrupted = outcome.interrupted
    if options.profile and not interrupted:
        interrupted = not _profile(options, folder, arms, settings, console)
    finish_manifest(folder, {**outcome.time_spent.summary(), "interrupted": interrupted})
    if not (folder / "results.jsonl").stat().st_size:
        console.print("interrupted before the first cell was finished", style="yellow")
        return EXIT_INTERRUPTED
    finished = read_run([folder])
    written = reports.write_all(finished, folder)
    report = next((path for path in written if path.suffix == ".html"), folder)
    if options.profile:
        for line in profile_text.lines(finished):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    terminal.print_summary(
        console,
        finished.results,
        spent=outcome.time_spent.summary(),
        not_measured=outcome.not_measured,
        report=report,
    )
    if interrupted:
        console.print(
            f"interrupted; finish it with: {_resuming(options, folder)}",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
        return EXIT_INTERRUPTED
    wrong = any(result.status is Status.INCORRECT for result in finished.results)
    return EXIT_WRONG if wrong else EXIT_GOOD


def _profile(
    options: argparse.Namespace,
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
        Profiler(folder, arms, settings, options.instructions, watch).run(read_results(folder))
    except KeyboardInterrupt:
        return False
    return True


def _resuming(options: argparse.Namespace, folder: Path) -> str:
    """Return the command that measures what is missing, and nothing that was not asked for."""
    words = ["run", *options.files]
    for name in ("scenario", "impl", "plugin"):
        for value in getattr(options, name):
            words += [f"--{name}", str(value)]
    if options.shard:
        words += ["--shard", "{}/{}".format(*options.shard)]
    if options.reference != DEFAULT_REFERENCE:
        words += ["--reference", options.reference]
    words += [f"--{name}" for name in ("profile", "instructions") if getattr(options, name)]
    return shlex.join([*words, "--out", str(folder), "--resume"])
