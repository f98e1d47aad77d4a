"""The arguments that several commands share.

What was not given is None: what is usual stands in the classes of `suite.results.request` alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands.arguments import at_least
from suite.conditions import DTYPE_BYTES
from suite.results.request import AskedFile, Precision, Request, Shard


def shard(text: str) -> Shard:
    """Convert "1/3"."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f'"{text}" is no shard; give I/N such as 1/3')
    return Shard(int(index), int(count))


def precision(text: str) -> Precision:
    """Convert "all", "1" or "1%"."""
    if text == "all":
        return Precision(every_row=True)
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0.1 <= percent <= 50:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no precision; give percent from 0.1 to 50, or all: every row to 2'
        )
    return Precision(percent=percent)


def add_files(parser: argparse.ArgumentParser, help: str) -> None:
    """Add scenario files, as many as one likes."""
    parser.add_argument("files", nargs="*", metavar="FILE", help=help)


def add_switch(parser: argparse.ArgumentParser, option: str, help: str) -> None:
    """Add an option without a value."""
    parser.add_argument(option, action="store_true", default=None, help=help)


def add_scenarios(parser: argparse.ArgumentParser, example: str) -> None:
    """Add --scenario."""
    parser.add_argument(
        "--scenario",
        action="append",
        metavar="ID",
        help=f"only these scenarios of the files; repeatable, globs such as {example}",
    )


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add --impl and --plugin."""
    parser.add_argument(
        "--impl",
        action="append",
        metavar="NAME",
        help="only these implementations; repeatable, globs such as 'winograd*'",
    )
    parser.add_argument(
        "--plugin",
        action="append",
        type=Path,
        metavar="FILE",
        help="a Python file that registers implementations; repeatable",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model and what belongs to it."""
    parser.add_argument(
        "--model",
        type=asked_model,
        metavar="FILE.py:BUILD",
        help="a whole network in place of scenario files: as `capture` takes it",
    )
    parser.add_argument(
        "--input",
        action="append",
        dest="input",
        metavar="SHAPE",
        help="of --model, such as 1x3x224x224; repeatable, as `capture` takes it",
    )
    parser.add_argument("--dtype", choices=DTYPE_BYTES, help="convert --model to it")
    add_switch(parser, "--train", "of --model, a step of training: forward, backward, SGD")


def asked_model(text: str) -> AskedFile:
    """Return a model as it was named: with the file's place, if it is in one."""
    module, _, name = text.rpartition(":")
    path = f"{Path(module).resolve()}:{name}" if module.endswith(".py") else text
    return AskedFile(text, path)


class _Several(argparse.Action):
    """Keeps what an option was given first as its value, and later ones beside it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        first, more = getattr(namespace, self.dest), f"more_{self.dest}"
        later = getattr(namespace, more, None) or []
        if values in (first, *later):
            parser.error(f"argument {option_string}: {values} was given twice")
        if first is None:
            setattr(namespace, self.dest, values)
        else:
            setattr(namespace, more, [*later, values])


def add_measuring(parser: argparse.ArgumentParser, *, of_models: bool = False) -> None:
    """Add what says where and under which limits workers run.

    Args:
        of_models: whether a model may be measured, with several numbers of threads.
    """
    parser.add_argument(
        "--device", metavar="cpu|cuda|cuda:N|auto", help="instead of the scenarios' own"
    )
    parser.add_argument(
        "--threads",
        type=at_least(1, int),
        metavar="N",
        action=_Several if of_models else "store",
        help="threads of every implementation (default: the cores this process may use)"
        + ("; repeatable with --model" if of_models else ""),
    )
    parser.add_argument(
        "--timeout",
        type=at_least(0.1, float),
        metavar="SECONDS",
        help="give up on a worker that does not answer for so long "
        f"(default {Request.timeout_s:g})",
    )
    parser.add_argument(
        "--memory-limit",
        type=at_least(0.1, float),
        metavar="GIB",
        help="end a worker that takes more (default: 80 %% of what is free at the start)",
    )
    add_switch(parser, "--yes", "accept very many cells")


def add_alone(parser: argparse.ArgumentParser) -> None:
    """Add --no-wait, for commands that measure: they have the machine to themselves.

    And --no-exclusive, which no help shows: times that are taken beside another run's say nothing.
    It is for tests of what happens where several run at once.
    """
    add_switch(
        parser,
        "--no-wait",
        "refuse (exit code 2) while another run measures on this machine, instead of waiting",
    )
    add_switch(parser, "--no-exclusive", argparse.SUPPRESS)


def add_instructions(parser: argparse.ArgumentParser) -> None:
    """Add --instructions."""
    add_switch(
        parser,
        "--instructions",
        "when profiling, count instructions by Callgrind as well: minutes a cell",
    )
