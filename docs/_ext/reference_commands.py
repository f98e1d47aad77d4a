"""The command line's reference, as Markdown, from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from as_markdown import escaped, table

from commands import COMMANDS
from commands.arguments import build_parser
from commands.exit_codes import EXIT_CODES


def commands() -> str:
    """Return a section for each command: how it is called, what it takes."""
    return "\n".join(line for name in COMMANDS for line in _command(name))


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = ([f"`{code}`", *said] for code, said in EXIT_CODES.items())
    return table(("code", "means", "when"), rows)


def _command(name: str) -> Iterator[str]:
    parser = parser_of(name)
    yield f"## {name}\n"
    what = COMMANDS[name]
    yield f"{what[0].upper()}{what[1:]}.\n"
    usage = (
        parser.format_usage().removeprefix("usage: ").replace(parser.prog, f"convgauge {name}", 1)
    )
    yield f"```text\n{usage.rstrip()}\n```\n"
    yield f"```{{program}} convgauge {name}\n```\n"
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        said = (action.help or "") % {**vars(action), "prog": parser.prog}
        if not action.option_strings:
            yield f"{_called(action)}\n: {escaped(said) or 'as above.'}\n"
            continue
        yield f"````{{option}} {_called(action)}\n{escaped(said)}\n````\n"


def _called(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if action.choices and not action.metavar:
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        return f"`{value or action.dest}`"
    return ", ".join(f"{option} {value}".rstrip() for option in action.option_strings)


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return a command's own parser, filled."""
    whole = build_parser([name])
    (inner,) = (a for a in whole._actions if isinstance(a, argparse._SubParsersAction))
    parser: argparse.ArgumentParser = inner.choices[name]
    if parser._fill:  # type: ignore[attr-defined]
        parser._fill(parser)  # type: ignore[attr-defined]
        parser._fill = None  # type: ignore[attr-defined]
    return parser
