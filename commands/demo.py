"""`demo`: filter a photograph through every implementation."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from commands._options import add_selection
from commands._preparing import chosen_arms
from commands.arguments import Parser
from reports import demo_picture, terminal, units
from suite.demo.filtering import FILTERS, Filtered, filter_with, load_grey
from suite.errors import EXIT_GOOD, EXIT_WRONG
from suite.measuring import new_run
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import read_catalogue


def add_arguments(parser: Parser) -> None:
    parser.add_argument("image", nargs="?", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--out", type=Path, default=Path("results/demo.png"), metavar="FILE", help="the picture"
    )
    add_selection(parser)


def main(options: argparse.Namespace) -> int:
    console = terminal.console()
    grey = load_grey(options.image)
    with scratch_folder() as scratch:
        log = scratch / "worker.log"
        catalogue = read_catalogue(new_run.TREE, options.plugin or (), log)
        arms = chosen_arms(catalogue, options.impl or ())
        filtered = list(filter_with(arms, grey, log))
    console.print(_table(filtered))
    passed = [result for result in filtered if len(result.planes) == len(FILTERS)]
    if passed:
        picture = demo_picture.write(grey, passed[0].planes, FILTERS, options.out)
        console.print(f"picture: {picture}", soft_wrap=True)
    return EXIT_GOOD if passed else EXIT_WRONG


def _table(filtered: Iterable[Filtered]) -> Table:
    """Return what each implementation made of the photograph."""
    shown = terminal.table("implementation", "status", "shapes", "largest error against nn.Conv2d>")
    for result in filtered:
        shown.add_row(
            Text(result.implementation),
            result.status,
            Text(result.shapes or result.reason),
            units.error(result.largest_error) if result.shapes else "",
        )
    return shown
