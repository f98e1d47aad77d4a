"""What `lesson` says of an exercise: what is wrong, what it looks like, and a ladder of hints."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from commands._saying import say
from suite.errors import EXIT_GOOD, EXIT_USAGE, EXIT_WRONG
from suite.lessons import starting
from suite.lessons.lesson import Lesson, Task
from suite.lessons.marking import Found, Outcome, mark
from suite.measuring.selection import chosen_threads
from suite.program import COMMAND_LINE

MOST_SHAPES = 3
"""Whose wrong elements are shown: one after the other is mended."""


def start_or_mark(lesson: Lesson, options: argparse.Namespace) -> int:
    """Write an exercise, mark one, or give hints; return the exit code."""
    if options.start is not None:
        return _start(lesson, options)
    if options.check is None:
        return _hints(lesson, options.task or 1, options.hint)
    path: Path = options.check
    text = starting.read(path, started_by="--start")
    number = options.task or starting.number_in(text, lesson, path) or 1
    task = starting.task_numbered(lesson, number)
    name = f"lesson {lesson.name}, task {number}"
    if lines := starting.holes(text):
        say(f"{name}: not finished yet.")
        _say(_still_to_fill(lines))
        return _with_hints(task, None, options.hint, EXIT_WRONG, lesson, path)
    found = mark(lesson, task, path, chosen_threads(None))
    say(f"{name}: {_verdict(found)}")
    _say(_lines(found))
    if found.outcome is Outcome.PASSED:
        _say(_next(lesson, number))
        return EXIT_GOOD
    code = EXIT_USAGE if found.outcome is Outcome.UNREADABLE else EXIT_WRONG
    return _with_hints(task, found, options.hint, code, lesson, path)


def _start(lesson: Lesson, options: argparse.Namespace) -> int:
    number = options.task or 1
    path = options.start
    if path == Path():
        path = Path(starting.file_name(lesson, number))
    elif path.is_dir():
        path = path / starting.file_name(lesson, number)
    starting.start(
        lesson,
        number,
        path,
        overwrite=options.force,
        overwritten_by="--force",
        check=f"{COMMAND_LINE} lesson {lesson.name} --check {path.name}",
    )
    task = lesson.tasks[number - 1]
    say(
        f"{path}: {task.what}",
        f"then: {COMMAND_LINE} lesson {lesson.name} --check {path}",
        "a hint: the same with --hint, further ones with --hint 2 and --hint 3",
    )
    return EXIT_GOOD


def _hints(lesson: Lesson, number: int, asked: int | None) -> int:
    task = starting.task_numbered(lesson, number)
    say(f"lesson {lesson.name}, task {number}: {task.what}")
    _say(_ladder(task.hints, asked or 0))
    return EXIT_GOOD


def _still_to_fill(lines: Iterable[int]) -> list[str]:
    numbers = ", ".join(map(str, lines))
    return [f"still to be filled in, where `...` stands: line {numbers}"]


def _verdict(found: Found) -> str:
    match found.outcome:
        case Outcome.PASSED:
            shapes = len(found.right)
            return f"right, on all {shapes} shapes and `check`'s data." if shapes else "right."
        case Outcome.BORROWED:
            return "right, and borrowed."
        case Outcome.UNREADABLE:
            return "cannot be read."
        case Outcome.WRONG if found.right or found.wrong:
            total = len(found.right) + len(found.wrong)
            return f"not yet. Right on {len(found.right)} of {total} shapes."
        case _:
            return "not yet."


def _lines(found: Found) -> Iterator[str]:
    """Yield what was found, in the lesson's words."""
    if found.outcome is Outcome.BORROWED:
        yield (
            f"It computes through torch's own {found.sentences[0]}: that is the reference which "
            "your function is held against, so of course they agree. Any program would call it; "
            "here write the sum yourself, with what the lesson has shown."
        )
        return
    yield from found.sentences[:MOST_SHAPES]
    rest = found.sentences[MOST_SHAPES:]
    if rest and len(found.wrong) >= len(found.sentences):
        yield f"and {len(rest)} more: {', '.join(line.partition(':')[0] for line in rest)}"
    else:
        yield from rest
    yield from _looks_like(found)


def _looks_like(found: Found) -> Iterator[str]:
    """Yield which mistakes would give what was found."""
    if found.together:
        names = "» and «".join(suspicion.name for suspicion in found.suspicions)
        says = "; ".join(suspicion.says for suspicion in found.suspicions)
        how_many = "two mistakes at once, " if len(found.suspicions) > 1 else ""
        yield f"It looks like {how_many}«{names}»: {says}."
        return
    for suspicion, shapes in zip(found.suspicions, found.apart, strict=True):
        yield f"{shapes}: looks like «{suspicion.name}»: {suspicion.says}."


def _with_hints(
    task: Task, found: Found | None, asked: int | None, code: int, lesson: Lesson, path: Path
) -> int:
    """Print the hints that were asked for, or how to ask; what it looks like comes first."""
    looks = [suspicion.look for suspicion in found.suspicions] if found else []
    ladder = [*looks, *task.hints]
    if asked:
        _say(_ladder(ladder, asked))
    else:
        say(f"  a hint: {COMMAND_LINE} lesson {lesson.name} --check {path} --hint")
    return code


def _ladder(hints: Iterable[str], asked: int) -> list[str]:
    rungs = list(hints)
    shown = [f"hint {at} of {len(rungs)}: {hint}" for at, hint in enumerate(rungs[:asked], 1)]
    if asked > len(rungs):
        shown.append(f"there are no more than {len(rungs)} hints")
    return shown


def _next(lesson: Lesson, number: int) -> list[str]:
    if number == len(lesson.tasks):
        return []
    return [
        f"next: {COMMAND_LINE} lesson {lesson.name} --start --task {number + 1} "
        f"({lesson.tasks[number].what})"
    ]


def _say(lines: Iterable[str]) -> None:
    width = max(40, shutil.get_terminal_size().columns)
    for line in lines:
        say(
            *textwrap.wrap(
                line,
                width,
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
