"""The command line's grammar. Imports nothing that takes time: `--help` must be instant."""

from __future__ import annotations

import argparse
from argparse import RawDescriptionHelpFormatter as Formatter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from suite.errors import EXIT_USAGE, UsageError

EXIT_CODES = """\
exit codes: 0 good, 1 slower, 2 bad usage or input, 3 wrong results, 4 inconclusive,
5 not comparable, 70 a defect in ConvGauge itself, 130 interrupted (all measured cells are kept)
"""


class Parser(argparse.ArgumentParser):
    """Raises instead of printing the usage: the caller decides how errors look.

    `fill` adds the arguments once they are asked for: all commands' together take 3 ms.
    """

    def __init__(self, *, fill: Callable[[Parser], None] | None = None, **options: Any) -> None:
        # argparse formats every argument to check it. Told a width, it need not ask the terminal
        # for its own, which imports shutil (4 ms).
        super().__init__(formatter_class=partial(Formatter, width=80), **options)
        self._fill = fill

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._fill:
            self._fill(self)
            self._fill = None
        return super().parse_known_args(args, namespace)

    def format_help(self) -> str:
        self.formatter_class = Formatter
        return super().format_help()

    def error(self, message: str) -> Any:
        raise UsageError(f"{self.prog}: {message}; see {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> Any:
        if message:
            self._print_message(message)
        raise SystemExit(EXIT_USAGE if status else 0)


def build_parser() -> Parser:
    parser = Parser(
        prog="run_bench.py",
        description="Is a convolution right, how fast is it against every other way of doing it "
        "on this machine, did it get slower?",
        epilog=EXIT_CODES,
    )
    for name in ("suggest_on_error", "color"):  # from Python 3.14 on
        if hasattr(parser, name):
            setattr(parser, name, True)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    for name, meaning, fill in (
        ("run", "race implementations over scenario files", _add_run),
        ("check", "hold implementations against float64, no timing", _add_check),
        ("report", "rebuild CSV, plots and report from a run", _add_report),
        ("compare", "show two runs as a difference; a hint, no verdict", _add_compare),
        ("list", "show implementations and scenario files", _add_list),
        ("validate", "check scenario files without running them", _add_validate),
        ("doctor", "show the machine, and what would steady its measurements", None),
        ("demo", "filter a photograph through every implementation", _add_demo),
    ):
        commands.add_parser(name, help=meaning, fill=fill)
    return parser


def _at_least(least: float, kind: type[float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = least - 1
        if not value >= least:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f'"{text}" is not {what} of {least:g} or more')
        return value

    return number


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f'"{text}" is no shard; give I/N such as 1/3')
    return int(index), int(count)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--impl",
        action="append",
        default=[],
        metavar="NAME",
        help="only these implementations; repeatable, globs such as 'winograd*'",
    )
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Python file that registers implementations; repeatable",
    )


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="cpu|cuda|auto", help="instead of the scenarios' own")
    parser.add_argument(
        "--threads",
        type=_at_least(1, int),
        metavar="N",
        help="threads of every implementation (default: the cores this process may use)",
    )
    parser.add_argument(
        "--timeout",
        type=_at_least(0.1, float),
        default=60.0,
        metavar="SECONDS",
        help="give up on a worker that does not answer for so long (default 60)",
    )
    parser.add_argument(
        "--memory-limit",
        type=_at_least(0.1, float),
        metavar="GIB",
        help="end a worker that takes more (default: 80 %% of what is free at the start)",
    )
    parser.add_argument("--yes", action="store_true", help="accept very many cells")


def _add_run(parser: Parser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        default=["quick"],
        metavar="FILE",
        help="scenario files, or names of shipped ones (default: quick)",
    )
    _add_selection(parser)
    _add_measuring(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results folder (default: results/<time>-<name>)"
    )
    parser.add_argument(
        "--budget",
        type=_at_least(1, float),
        metavar="SECONDS",
        help="for the whole run, spread over its cells",
    )
    parser.add_argument(
        "--blocks",
        type=_at_least(1, int),
        default=6,
        metavar="N",
        help="most fresh processes a cell gets (default 6)",
    )
    parser.add_argument(
        "--reference",
        default="torch",
        metavar="NAME",
        help="implementation that speed-ups are measured against (default torch)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="finish the missing cells of --out, or of the newest run of the same files",
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="measure only the I-th of N parts; `report A B C --out D` puts them together",
    )
    parser.add_argument(
        "--no-verify",
        action="store_true",
        help="do not judge the outputs of timed calls; only to measure what judging costs",
    )


def _add_check(parser: Parser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        default=["edge_shapes"],
        metavar="FILE",
        help="scenario files (default: edge_shapes)",
    )
    _add_selection(parser)
    _add_measuring(parser)


def _add_report(parser: Parser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a run, or its shards")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: the folder)")
    parser.add_argument(
        "--format", action="append", default=[], metavar="NAME", help="only these formats"
    )


def _add_compare(parser: Parser) -> None:
    parser.add_argument("base", type=Path, metavar="A", help="the earlier run's folder")
    parser.add_argument("head", type=Path, metavar="B", help="the later run's folder")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: B)")


def _add_list(parser: Parser) -> None:
    parser.add_argument("--scenarios", action="store_true", help="only the scenario files")
    parser.add_argument("--impls", action="store_true", help="only the implementations")
    parser.add_argument("--plugin", action="append", default=[], type=Path, metavar="FILE")


def _add_validate(parser: Parser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--expand", action="store_true", help="show every scenario and the time")
    parser.add_argument("--yes", action="store_true", help="accept very many scenarios")


def _add_demo(parser: Parser) -> None:
    parser.add_argument("image", nargs="?", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--out", type=Path, default=Path("results/demo.png"), metavar="FILE", help="the picture"
    )
    _add_selection(parser)
