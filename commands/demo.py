"""`demo`: filter a photograph in each way that there is to compute a convolution."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands._options import add_selection
from commands.arguments import Parser
from suite.demo.filtering import get_ready


def add_arguments(parser: Parser) -> None:
    parser.add_argument("image", nargs="?", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--out", type=Path, default=Path("results/demo.png"), metavar="FILE", help="the picture"
    )
    add_selection(parser)


def main(options: argparse.Namespace) -> int:
    get_ready()
    # While another process imports torch, this one imports the rest.
    from commands._demonstration import filter_and_show  # noqa: PLC0415

    return filter_and_show(options)
