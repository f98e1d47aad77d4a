"""`calibrate`: how small a slowdown the gate sees on this machine, and how often it is wrong."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from statistics import median

from commands._gate_revisions import BLOCK_S, ROUNDS
from commands._gate_rule import rule_for
from commands._setup import catalogue_for, patterns, scenario_files, scratch_folder, settings_for
from commands.arguments import Parser, add_measuring, add_selection, at_least
from reports import calibration_text, terminal
from suite.errors import EXIT_GOOD, EXIT_INTERRUPTED, UsageError
from suite.gate.calibration import LEAST_BLOCKS, calibrate
from suite.gate.same_code import measure
from suite.measuring import new_run, selection
from suite.results.folder import write_whole

FILE = "calibration.json"


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        default=["ci"],
        metavar="FILE",
        help="scenario files, or names of shipped ones (default: ci)",
    )
    add_selection(parser)
    add_measuring(parser)
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="ID",
        help="only these scenarios; repeatable, globs such as '*/3x3-*'",
    )
    parser.add_argument(
        "--margin",
        type=at_least(0.001, float),
        metavar="SHARE",
        help="what the gate is to call slower (default 0.05 on CPU, 0.03 on GPU)",
    )
    parser.add_argument(
        "--see",
        type=at_least(0.002, float),
        metavar="SHARE",
        help="the slowdown that is to be seen (default: twice the margin)",
    )
    parser.add_argument(
        "--blocks",
        type=at_least(LEAST_BLOCKS, int),
        default=24,
        metavar="N",
        help="blocks to measure; more tell more about false alarms (default 24)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {FILE} there")


def main(options: argparse.Namespace) -> int:
    console = terminal.console()
    files = scenario_files(options)
    with scratch_folder() as scratch:
        log = Path(scratch) / "worker.log"
        everything = [scenario for file in files for scenario in file.scenarios]
        scenarios = selection.on_device(
            selection.chosen_scenarios(everything, options.scenario),
            options.device,
            new_run.torch_facts(log),
        )
        catalogue = catalogue_for(options, scenarios, log, console)
        arms = selection.chosen_arms(catalogue, patterns(options, files, catalogue) or ["torch"])
        selection.refuse_too_many(len(scenarios) * len(arms), options.yes)
        count, options.blocks = options.blocks, None
        rule = rule_for(options, scenarios)
        wished = _wished(options.see, rule.margin)
        settings = dataclasses.replace(settings_for(options, log), rounds=ROUNDS, block_s=BLOCK_S)
        measured = measure(
            scenarios,
            arms,
            tree=new_run.TREE,
            settings=settings,
            count=count,
            watch=lambda number: console.print(
                f"block {number + 1} of {count}", style="dim", highlight=False
            ),
        )
    for text in measured.left_out:
        print(f"left out: {text}")
    blocks = measured.blocks
    if len(blocks) < LEAST_BLOCKS:
        if measured.interrupted:
            print(f"interrupted after {len(blocks)} blocks; {LEAST_BLOCKS} are the least")
            return EXIT_INTERRUPTED
        raise UsageError("no cell can be measured")
    # A gate's block has two arms and not three.
    found = calibrate(blocks, rule, wished, block_s=median(measured.took_s) * 2 / 3)
    print("\n".join(calibration_text.lines(found, wished)))
    if options.out:
        text = json.dumps(calibration_text.record(found, wished), indent=1)
        write_whole(options.out / FILE, text)
        print(options.out / FILE)
    return EXIT_INTERRUPTED if measured.interrupted else EXIT_GOOD


def _wished(asked: float | None, margin: float) -> float:
    """Return the slowdown that is to be seen.

    Raises:
        UsageError: it lies within the margin.
    """
    wished = asked or 2 * margin
    if wished <= margin:
        raise UsageError(
            f"--see {wished:g}: not beyond the margin of {margin:g}; the gate calls slower only "
            "what is, so give a larger one, or a smaller --margin"
        )
    return wished
