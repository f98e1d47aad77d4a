"""`list`: which implementations and scenario files there are."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from commands.arguments import Parser
from suite.errors import EXIT_GOOD
from suite.scenario import headline, shipped_files

if TYPE_CHECKING:
    from suite.catalogue import Entry

SERIES = 4
"""So many rows that differ by a number alone are listed as one."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--scenarios", action="store_true", help="only the scenario files")
    parser.add_argument("--impls", action="store_true", help="only the implementations")
    parser.add_argument("--plugin", action="append", default=[], type=Path, metavar="FILE")


def main(options: argparse.Namespace) -> int:
    everything = options.scenarios == options.impls
    if options.impls or everything:
        _list_implementations(options)
    if options.scenarios or everything:
        for path in shipped_files():
            head = headline(path)
            print(f"{head.name:20} {head.description}")
    return EXIT_GOOD


def _list_implementations(options: argparse.Namespace) -> None:
    # Only here: `list --scenarios` answers at once.
    from rich.text import Text  # noqa: PLC0415

    from commands._setup import scratch_folder  # noqa: PLC0415
    from reports import terminal  # noqa: PLC0415
    from suite import plan  # noqa: PLC0415
    from suite.catalogue import read_catalogue  # noqa: PLC0415

    console = terminal.console()
    with scratch_folder() as scratch:
        catalogue = read_catalogue(plan.TREE, options.plugin, Path(scratch) / "log")
    shown = terminal.table("implementation", "family", "what it is")
    for name, entry in _without_series({entry.name: entry for entry in catalogue.entries}).items():
        if entry.unavailable:
            about = Text(f"unavailable: {entry.unavailable}", style="bright_black")
        else:
            about = Text(entry.summary + (" Runs on request: --impl." if entry.on_request else ""))
        shown.add_row(Text(name), entry.family, about)
    for failure in catalogue.failures:
        shown.add_row("", "", Text(failure, style=terminal.FAILED))
    console.print(shown)


def _without_series(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the entries with numbered series that nobody runs unasked as one each."""
    series: dict[str, list[str]] = {}
    for name, entry in entries.items():
        stem = name.rstrip("0123456789") if entry.on_request else name
        series.setdefault(stem, []).append(name)
    shown = {}
    for stem, names in series.items():
        if len(names) < SERIES:
            shown.update({name: entries[name] for name in names})
        else:
            last = names[-1].removeprefix(stem)
            shown[f"{names[0]} … {last}"] = entries[names[0]]
    return shown
