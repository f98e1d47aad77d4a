"""`report`: rebuild what is derived from a run, or from its shards together."""

from __future__ import annotations

import argparse
from pathlib import Path

import reports
from commands.arguments import Parser
from suite.errors import EXIT_GOOD
from suite.runfile import read_run


def add_arguments(parser: Parser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a run, or its shards")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: the folder)")
    parser.add_argument(
        "--format", action="append", default=[], metavar="NAME", help="only these formats"
    )


def main(options: argparse.Namespace) -> int:
    finished = read_run(options.folders)
    out = options.out or options.folders[0]
    if options.format:
        written = [reports.write(name, finished, out) for name in options.format]
    else:
        written = reports.write_all(finished, out)
    for path in written:
        print(path)
    return EXIT_GOOD
