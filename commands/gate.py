"""`gate`: did a convolution get slower, wrong, bigger or less accurate from base to head?"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.console import Console

from commands._asking import asked
from commands._cures import advise_on_memory
from commands._folders import measuring
from commands._gate_baseline import against_run
from commands._gate_environments import between_environments
from commands._gate_revisions import between_revisions
from commands._networks import refuse_mixtures
from commands._options import (
    add_alone,
    add_files,
    add_measuring,
    add_model,
    add_scenarios,
    add_selection,
)
from commands._saying import say
from commands.arguments import Parser, at_least
from reports import gate as gate_report
from reports import terminal
from reports.gate import text
from suite.errors import EXIT_INTERRUPTED, UsageError, did_you_mean
from suite.gate.facts import ACCEPTABLE
from suite.gate.rule import MARGIN_CPU, MARGIN_GPU, Rule
from suite.measuring.settings import Settings
from suite.results.request import GateRequest

ACCEPT = (*map(str, ACCEPTABLE), "missing", "times")
"""What is no finding: cells that head lacks, and times of another machine."""


def add_arguments(parser: Parser) -> None:
    add_files(
        parser,
        "scenario files, or names of shipped ones (default: ci; with --baseline: its own)",
    )
    against = parser.add_argument_group("what head is compared with; one of these")
    against.add_argument("--base", metavar="REV", help="a revision: both are measured, interleaved")
    against.add_argument(
        "--baseline",
        type=Path,
        metavar="RUN",
        help="a stored run: its folder, a zip of it, or a file in it",
    )
    against.add_argument(
        "--base-env",
        metavar="ENV",
        help="this code in another environment: a requirement line ('torch==2.12.*'), the path of "
        "a Python, variables (ONEDNN_MAX_CPU_ISA=AVX2), or several of these",
    )
    parser.add_argument(
        "--head-env", metavar="ENV", help="likewise (default: this environment, as it is)"
    )
    parser.add_argument("--head", metavar="REV", help="a revision (default: the working tree)")
    parser.add_argument(
        "--repo",
        type=Path,
        metavar="DIR",
        help="a git repository (default: that of the first --plugin, or of this folder)",
    )
    add_model(parser)
    add_selection(parser)
    add_scenarios(parser, "'*/3x3-*'")
    add_measuring(parser, of_models=True)
    add_alone(parser)
    parser.add_argument(
        "--margin",
        type=at_least(0.001, float),
        metavar="SHARE",
        help=f"what counts as slower: 0.05 is 5 %% (default {MARGIN_CPU:g} on CPU, "
        f"{MARGIN_GPU:g} on GPU)",
    )
    parser.add_argument(
        "--accept",
        action="append",
        metavar="CHECK",
        help=f"a change that is meant, so that it does not fail; repeatable: {', '.join(ACCEPT)}",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results folder (default: results/<time>-gate-...)"
    )
    parser.add_argument(
        "--budget",
        type=at_least(1, float),
        metavar="SECONDS",
        help="for the whole run; what could not be decided in that time is named",
    )
    parser.add_argument(
        "--blocks",
        type=at_least(4, int),
        metavar="N",
        help="most fresh process pairs that confirm a suspect (default "
        f"{Rule.most_blocks}; with --baseline: most fresh processes of a cell, default "
        f"{Settings.blocks})",
    )


def main(options: argparse.Namespace) -> int:
    request = asked(GateRequest, options)
    _check(request)
    console = terminal.console()
    with measuring(options, console, options.out):
        return _decide(request, options.out, console)


def _decide(request: GateRequest, out: Path | None, console: Console) -> int:
    began = time.monotonic()
    if request.baseline is not None:
        outcome, folder = against_run(request, request.baseline, out, console)
    elif _is_about_environments(request):
        outcome, folder = between_environments(request, out, console)
    else:
        outcome, folder = between_revisions(request, out, console, began)
    written = gate_report.write(outcome, folder)
    for line in text.lines(outcome):
        say(line)
    advise_on_memory(
        console, [facts.status for cell in outcome.cells for facts in (cell.base, cell.head)]
    )
    for path in written:
        console.print(str(path), style="dim", soft_wrap=True)
    return EXIT_INTERRUPTED if outcome.interrupted else outcome.exit_code


def _is_about_environments(request: GateRequest) -> bool:
    return request.base_env is not None or request.head_env is not None


def _check(request: GateRequest) -> None:
    asked = [request.base is not None, request.baseline is not None]
    if sum([*asked, _is_about_environments(request)]) != 1:
        raise UsageError(
            "gate: compare with what? Give one of --base REV (a revision of this repository), "
            "--baseline DIR (a stored run) and --base-env ENV (another environment)"
        )
    if _is_about_environments(request) and (request.head or request.repo):
        raise UsageError(
            "gate: --base-env and --head-env measure this code on both sides; they take no --head "
            "or --repo"
        )
    if request.baseline is not None and (request.head or request.repo):
        raise UsageError("gate: --baseline measures the working tree; it takes no --head or --repo")
    refuse_mixtures(request, inputs_are_known=request.baseline is not None)
    for word in request.accept:
        if word not in ACCEPT:
            raise UsageError(
                f'--accept "{word}" is unknown; accepted: {", ".join(ACCEPT)}.'
                f"{did_you_mean(word, ACCEPT)}"
            )
