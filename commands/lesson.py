"""`lesson`: the lessons of docs/learn/, their tables measured here, and their exercises marked."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands._options import add_alone
from commands.arguments import Parser, at_least
from suite.errors import UsageError


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="a lesson or its number: measure its table here and show it beside the recorded one; "
        "without one, list the lessons",
    )
    parser.add_argument(
        "--start",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FILE",
        help="write an exercise (default: NAME_1.py in this folder)",
    )
    parser.add_argument("--check", type=Path, metavar="FILE", help="mark an exercise")
    parser.add_argument(
        "--task",
        type=at_least(1, int),
        metavar="N",
        help="which of the lesson's exercises (default: as the file says, else the first)",
    )
    parser.add_argument(
        "--hint",
        nargs="?",
        type=at_least(1, int),
        const=1,
        metavar="N",
        help="with --check or --task: the first N hints (default 1)",
    )
    parser.add_argument(
        "--force", action="store_true", help="let --start or --save write over a file"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="write the table as JSON, as the pages show it"
    )
    parser.add_argument(
        "--recorded", action="store_true", help="show the recorded table and measure nothing"
    )
    add_alone(parser)


def main(options: argparse.Namespace) -> int:
    _refuse_contradictions(options)
    if options.name is None:
        from commands._lesson_list import show  # noqa: PLC0415

        return show()
    from suite.lessons.course import lesson_named  # noqa: PLC0415

    lesson = lesson_named(options.name)
    if options.start or options.check or options.hint or options.task:
        from commands._exercise import start_or_mark  # noqa: PLC0415

        return start_or_mark(lesson, options)
    from commands._lesson_table import measure_and_show  # noqa: PLC0415

    return measure_and_show(lesson, options)


def _refuse_contradictions(options: argparse.Namespace) -> None:
    about_tables = options.save or options.recorded
    about_tasks = options.start or options.check or options.hint or options.task
    if options.name is None and (about_tables or about_tasks):
        raise UsageError("name a lesson as well: lesson NAME; `lesson` alone lists them")
    if options.start and (options.check or options.hint):
        raise UsageError("--start writes an exercise, --check marks it: one of them at a time")
    if about_tables and about_tasks:
        raise UsageError("--save and --recorded are about a lesson's table, not its exercises")
    if options.save and options.recorded:
        raise UsageError("--save writes what is measured; with --recorded nothing is")
