"""`validate`: check scenario files, show what they would run. Without torch, at once."""

from __future__ import annotations

import argparse
from typing import Any

from commands._saying import say
from commands.arguments import Parser
from suite.conditions import Scenario
from suite.counted import counted
from suite.errors import EXIT_GOOD
from suite.scenario import load_files


def add_arguments(parser: Parser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--expand", action="store_true", help="show every scenario and the time")
    parser.add_argument("--yes", action="store_true", help="accept very many scenarios")


def main(options: argparse.Namespace) -> int:
    limit: dict[str, Any] = {"most": None} if options.yes else {"lifted_by": "--yes"}
    for file in load_files(options.files, **limit):
        say(f"{file.path}: {counted(len(file.scenarios), 'scenario')}, all valid")
        if options.expand:
            from suite.measuring import estimate  # noqa: PLC0415 - without it validate starts sooner

            for scenario in file.scenarios:
                say(_line(scenario))
            total_s = sum(estimate.scenario_s(scenario, 1) for scenario in file.scenarios)
            say(f"about {total_s:.0f} s for each implementation that covers all of them")
    return EXIT_GOOD


def _line(scenario: Scenario) -> str:
    problem = scenario.problem
    shapes = " ".join(
        "×".join(str(size) for size in shape)
        for shape in (problem.input_shape, problem.weight_shape)
    )
    return (
        f"  {scenario.id}  {shapes}  {problem.direct_flops / 1e9:.3g} GFLOP"
        f"  {scenario.device} {scenario.dtype} {scenario.direction}"
    )
