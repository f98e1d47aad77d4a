"""`compare`: two runs as a difference; a hint and no verdict, for they were not interleaved."""

from __future__ import annotations

import argparse
from pathlib import Path

import reports
from commands._saying import say
from commands.arguments import Parser
from reports import compare_text
from reports.compare import compare_runs
from suite.errors import EXIT_GOOD, EXIT_NOT_COMPARABLE
from suite.results.folder import read_run


def add_arguments(parser: Parser) -> None:
    parser.add_argument("base", type=Path, metavar="A", help="the earlier run's folder")
    parser.add_argument("head", type=Path, metavar="B", help="the later run's folder")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: B)")


def main(options: argparse.Namespace) -> int:
    base, head = read_run([options.base]), read_run([options.head])
    comparison = compare_runs(base, head)
    say(*compare_text.lines(comparison))
    for path in reports.write_comparison(base, head, options.out or options.head):
        say(path)
    return EXIT_GOOD if comparison.is_comparable else EXIT_NOT_COMPARABLE
