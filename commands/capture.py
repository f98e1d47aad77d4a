"""`capture`: a model's own convolutions as a scenario file."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path

from commands._asking import asked_files
from commands._saying import say
from commands.arguments import Parser, at_least
from reports import units
from reports.progress import waiting
from suite.capture import Captured, Target, TooSlow, as_id, capture, parse_input
from suite.conditions import DTYPE_BYTES, Scenario
from suite.errors import EXIT_GOOD, UsageError
from suite.measuring import selection
from suite.processes.scratch import scratch_folder
from suite.results.inside import write_whole
from suite.results.request import RunRequest
from suite.scenario import load_file
from suite.scenario.writer import scenario_text
from suite.values import TRAINED

MOST_NAMED = 4
VALUES_SUFFIX = ".values"
"""Of the folder with the layers' values, in the scenario file's place."""


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
    parser.add_argument(
        "--with-values",
        action="store_true",
        help="keep each layer's weight, bias and the first quarter million values of its input in "
        "a folder beside the file (256 MiB a layer and 1 GiB in all at most), to be timed on them; "
        "the model's own inputs are random",
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
    folder = out.with_suffix(VALUES_SUFFIX) if options.with_values else None
    if folder is not None and folder.exists() and not options.force:
        raise UsageError(f"{folder}: exists already; choose another --out, or replace with --force")
    name = as_id(out.stem)
    with scratch_folder() as scratch:
        kept = scratch / "values"
        kept.mkdir()
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
                    store_in=kept if folder else None,
                )
        except TooSlow as error:
            raise UsageError(f"{error}; allow it more with --timeout") from error
        scenarios = captured.scenarios
        if folder is not None:
            scenarios = take_values(captured, kept, folder)
    given = " and ".join(options.input)
    text = scenario_text(
        name,
        f"The convolutions of {options.model} with input {given}",
        scenarios,
        {identity: _named(paths) for identity, paths in captured.modules.items()},
    )
    write_whole(out, text)
    load_file(out)
    _tell(captured, out, folder)
    return EXIT_GOOD


def _named(paths: tuple[str, ...]) -> str:
    """Return which modules run a layer, where it is more than the one in its id."""
    if len(paths) < 2:
        return ""
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(paths[:MOST_NAMED]) + more


def take_values(captured: Captured, kept: Path, folder: Path) -> tuple[Scenario, ...]:
    """Move the layers' values beside the scenario file; return the scenarios that name them.

    Args:
        kept: where the process that ran the model has written them.
        folder: where they are to be, named after the scenario file; what is there is replaced.

    Raises:
        UsageError: a file is none of those that were asked for, or cannot be moved.
    """
    scenarios = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.npz"):
            old.unlink()
        for number, scenario in enumerate(captured.scenarios):
            stored = None
            if file := captured.stored.get(scenario.id):
                layer = scenario.id.rpartition("/")[2].replace(":", "-")
                target = folder / f"{number:03}-{layer}.npz"
                shutil.move(kept / Path(file).name, target)
                stored = f"{folder.name}/{target.name}"
            scenarios.append(
                dataclasses.replace(
                    scenario, values=TRAINED, weight_values=TRAINED, stored_values=stored
                )
            )
    except OSError as error:
        raise UsageError(f"{folder}: the layers' values cannot be kept: {error}") from error
    return tuple(scenarios)


def _kept_words(captured: Captured, folder: Path) -> str:
    """Return how much was kept, and of how many layers nothing was."""
    files = list(folder.glob("*.npz"))
    size_bytes = sum(file.stat().st_size for file in files)
    text = f"{folder}: {units.bytes_(size_bytes)}, the values of {len(files)} of them"
    if missing := len(captured.scenarios) - len(files):
        text += f"; those of {missing} were too many, no numbers or not dense: they are drawn"
    return text


def _tell(captured: Captured, out: Path, folder: Path | None) -> None:
    flops = sum(s.occurrences * s.problem.direct_flops for s in captured.scenarios)
    say(
        f"{out}: {len(captured.scenarios)} different convolutions, executed "
        f"{captured.convolutions} times a pass, {flops / 1e9:.3g} GFLOP"
    )
    if folder is not None:
        say(_kept_words(captured, folder))
    if captured.others:
        say(
            f"not recorded, as only convolutions in {', '.join(DTYPE_BYTES)} are measured: "
            f"{captured.others_text}"
        )
    run = RunRequest(files=asked_files([str(out)]))
    say(f"measure them with: {run.command_line()}")
