"""The command line's grammar.

Imports nothing that takes time: `--help` must be instant.
"""

from __future__ import annotations

import argparse
from argparse import RawDescriptionHelpFormatter as Formatter
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from commands import COMMANDS
from commands.exit_codes import EXIT_CODES
from suite.errors import EXIT_USAGE, UsageError
from suite.program import PROGRAM

_CODES = [f"{code} {means}" for code, (means, _) in EXIT_CODES.items()]
EPILOG = f"exit codes: {', '.join(_CODES[:4])},\n{', '.join(_CODES[4:])}"


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


def build_parser(words: Sequence[str]) -> Parser:
    """Return the parser for a command line: of the command that it names, or else of all.

    A command adds its own arguments once it is asked for, and is spared making the others' parsers.
    """
    parser = Parser(
        prog=PROGRAM[-1],
        description="Is a convolution right, how fast is it against every other way of doing it "
        "on this machine, did it get slower?",
        epilog=EPILOG,
    )
    for name in ("suggest_on_error", "color"):  # from Python 3.14 on
        if hasattr(parser, name):
            setattr(parser, name, True)
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    named = [word for word in words[:1] if word in COMMANDS]
    for name in named or COMMANDS:
        commands.add_parser(name, help=COMMANDS[name], fill=partial(_fill, name))
    return parser


def _fill(name: str, parser: Parser) -> None:
    import_module(f"{__package__}.{name}").add_arguments(parser)


def at_least(least: float, kind: type[float]) -> Callable[[str], float]:
    """Return a converter that takes numbers of `least` or more."""

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
