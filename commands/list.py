"""`list`: which implementations and scenario files there are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from commands._saying import say
from commands.arguments import Parser
from suite.errors import EXIT_GOOD
from suite.scenario import file_head, shipped_files


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--scenarios", action="store_true", help="only the scenario files")
    parser.add_argument("--impls", action="store_true", help="only the implementations")
    parser.add_argument("--plugin", action="append", default=[], type=Path, metavar="FILE")


def main(options: argparse.Namespace) -> int:
    everything = options.scenarios == options.impls
    if options.impls or everything:
        _list_implementations(options.plugin)
    if options.scenarios or everything:
        for path in shipped_files():
            head = file_head(path)
            say(f"{head.name:20} {head.description}")
    return EXIT_GOOD


def _list_implementations(plugins: Sequence[Path]) -> None:
    # Only here: `list --scenarios` answers at once.
    from rich.text import Text  # noqa: PLC0415

    from reports import terminal  # noqa: PLC0415
    from suite.measuring import new_run  # noqa: PLC0415
    from suite.processes.scratch import scratch_folder  # noqa: PLC0415
    from suite.registry.catalogue import read_catalogue  # noqa: PLC0415

    console = terminal.console()
    with scratch_folder() as scratch:
        catalogue = read_catalogue(new_run.TREE, plugins, scratch / "log")
    shown = terminal.table("implementation", "family", "what it is")
    for name, entry in catalogue.listed().items():
        if entry.unavailable:
            about = Text(f"unavailable: {entry.unavailable}", style="bright_black")
        else:
            kinds = entry.declared.kinds
            of_kinds = "" if kinds == ("conv2d",) else f" ({', '.join(kinds)})"
            about = Text(
                entry.declared.summary
                + of_kinds
                + (" Runs on request: --impl." if entry.declared.on_request else "")
            )
        shown.add_row(Text(name), entry.family, about)
    for failure in catalogue.failures:
        shown.add_row("", "", Text(failure, style=terminal.FAILED))
    console.print(shown)
