"""`calibrate`: how small a slowdown the gate sees on this machine, and how often it is wrong."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import ClassVar

from rich.console import Console

from commands._asking import asked
from commands._cures import advise_on_memory
from commands._folders import measuring
from commands._gate_blocks import settings_of_sides
from commands._gate_rule import rule_for
from commands._options import add_alone, add_files, add_measuring, add_scenarios, add_selection
from commands._preparing import (
    ChosenScenarios,
    chosen_arms,
    patterns,
    prepare,
    refuse_too_many,
)
from commands._saying import say
from commands.arguments import Parser, at_least
from reports import calibration_text, contention_text, terminal
from suite.errors import EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, UsageError
from suite.gate.calibration import LEAST_BLOCKS, calibrate, steady_cells
from suite.gate.rule import MARGIN_CPU, MARGIN_GPU
from suite.gate.same_code import measure
from suite.measuring import new_run
from suite.measuring.arm import Arm
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue
from suite.results.inside import write_whole
from suite.results.request import Request, asked_by

FILE = "calibration.json"
USUAL_FILE = "ci"


@dataclass(frozen=True, kw_only=True)
class CalibrateRequest(Request):
    """What a `calibrate` is asked."""

    command: ClassVar[str] = "calibrate"

    margin: float | None = asked_by("--margin")
    see: float | None = asked_by("--see")
    """None: twice the margin."""
    blocks: int = asked_by("--blocks", 24)


def add_arguments(parser: Parser) -> None:
    add_files(parser, f"scenario files, or names of shipped ones (default: {USUAL_FILE})")
    add_selection(parser)
    add_measuring(parser)
    add_alone(parser)
    add_scenarios(parser, "'*/3x3-*'")
    parser.add_argument(
        "--margin",
        type=at_least(0.001, float),
        metavar="SHARE",
        help="what the gate is to call slower "
        f"(default {MARGIN_CPU:g} on CPU, {MARGIN_GPU:g} on GPU)",
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
        metavar="N",
        help="blocks to measure; more tell more about false alarms "
        f"(default {CalibrateRequest.blocks})",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {FILE} there")


def main(options: argparse.Namespace) -> int:
    request, console = asked(CalibrateRequest, options, USUAL_FILE), terminal.console()
    with measuring(options, console):
        return _calibrate(request, options.out, console)


def _calibrate(request: CalibrateRequest, out: Path | None, console: Console) -> int:
    prepared = prepare(request, console, _choose)
    refuse_too_many(request, len(prepared.scenarios), len(prepared.arms))
    rule = rule_for(request.margin, None, prepared.scenarios)
    wished = _wished(request.see, rule.margin)
    with scratch_folder() as scratch:
        settings = settings_of_sides(
            request,
            scratch / "worker.log",
        )
        measured = measure(
            prepared.scenarios,
            prepared.arms,
            tree=new_run.TREE,
            settings=settings,
            count=request.blocks,
            watch=lambda number: console.print(
                f"block {number + 1} of {request.blocks}", style="dim"
            ),
        )
    for text in measured.left_out:
        say(f"left out: {text}")
    advise_on_memory(console, measured.failures)
    blocks = measured.blocks
    if len(blocks) < LEAST_BLOCKS:
        if measured.interrupted:
            say(f"interrupted after {len(blocks)} blocks; {LEAST_BLOCKS} are the least")
            return EXIT_INTERRUPTED
        raise UsageError("no cell can be measured")
    steady = steady_cells(blocks)
    for cell in blocks[0]:
        if cell not in steady:
            say(f"left out: {cell}: others took the cores in most of its blocks")
    if not steady:
        say(f"nothing can be told; {contention_text.remedy(settings.threads)}")
        return EXIT_INCONCLUSIVE
    # A gate's block has two arms and not three.
    calibration = calibrate(blocks, rule, wished, block_s=median(measured.took_s) * 2 / 3)
    say(*calibration_text.lines(calibration, wished))
    if out:
        text = json.dumps(calibration_text.record(calibration, wished), indent=1)
        write_whole(out / FILE, text)
        say(out / FILE)
    return EXIT_INTERRUPTED if measured.interrupted else EXIT_GOOD


def _choose(chosen: ChosenScenarios[CalibrateRequest], catalogue: Catalogue) -> list[Arm]:
    return chosen_arms(catalogue, patterns(chosen, catalogue) or ["torch"])


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
