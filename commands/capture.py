"""`capture`: a model's own convolutions as a scenario file."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands._asking import asked_files
from commands._saying import say
from commands.arguments import Parser, at_least
from reports.progress import waiting
from suite.capture import Captured, Target, TooSlow, as_id, capture, parse_input
from suite.errors import EXIT_GOOD, UsageError
from suite.measuring import selection
from suite.problem import DTYPE_BYTES
from suite.processes.scratch import scratch_folder
from suite.results.inside import write_whole
from suite.results.request import RunRequest
from suite.scenario import load_file
from suite.scenario.writer import scenario_text

MOST_NAMED = 4


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "model",
        metavar="MODULE:CALLABLE",
        help="model.py:build or package.module:Class; a module, or what builds one without "
        "arguments, or a function that takes the inputs",
    )
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="SHAPE",
        help="such as 1x3x224x224, or 1x77:int64; repeatable, in the order of the arguments; "
        "mask=1x77 is a keyword argument, [image]=1x3x8x8 an entry of a dict",
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPE_BYTES,
        help="of the model and the inputs (default: as it is built)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the scenario file (default: <module>-<callable>.yaml here)",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.add_argument(
        "--timeout",
        type=at_least(0.1, float),
        default=120.0,
        metavar="SECONDS",
        help="give up on a model that takes longer (default 120)",
    )


def main(options: argparse.Namespace) -> int:
    target = Target.parse(options.model)
    inputs = [parse_input(text, options.dtype, asked_by="--input") for text in options.input]
    out = options.out or Path(f"{target.title}.yaml")
    if out.exists() and not options.force:
        raise UsageError(f"{out}: exists already; choose another --out, or replace it with --force")
    name = as_id(out.stem)
    with scratch_folder() as scratch:
        try:
            with waiting(f"running {options.model}, {options.timeout:g} s at most"):
                captured = capture(
                    target,
                    inputs,
                    source=name,
                    dtype=options.dtype,
                    timeout_s=options.timeout,
                    memory_limit_bytes=selection.chosen_memory_limit_bytes(None),
                    log=scratch / "model.log",
                    asked_by="--input",
                )
        except TooSlow as error:
            raise UsageError(f"{error}; allow it more with --timeout") from error
    given = " and ".join(options.input)
    text = scenario_text(
        name,
        f"The convolutions of {options.model} with input {given}",
        captured.scenarios,
        {identity: _named(paths) for identity, paths in captured.modules.items()},
    )
    write_whole(out, text)
    load_file(out)
    _tell(captured, out)
    return EXIT_GOOD


def _named(paths: tuple[str, ...]) -> str:
    """Return which modules run a layer, where it is more than the one in its id."""
    if len(paths) < 2:
        return ""
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more


def _tell(captured: Captured, out: Path) -> None:
    flops = sum(s.occurrences * s.problem.direct_flops for s in captured.scenarios)
    say(
        f"{out}: {len(captured.scenarios)} different convolutions, executed "
        f"{captured.convolutions} times a pass, {flops / 1e9:.3g} GFLOP"
    )
    if captured.others:
        say(
            f"not recorded, as only convolutions in {', '.join(DTYPE_BYTES)} are measured: "
            f"{captured.others_text}"
        )
    run = RunRequest(files=asked_files([str(out)]))
    say(f"measure them with: {run.command_line()}")
