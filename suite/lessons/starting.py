"""Writing the file of an exercise, and knowing it again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from suite.errors import UsageError
from suite.lessons.lesson import Lesson, Task

FIRST_LINE = re.compile(r"# Lesson (\w+), task (\d+)\b")
HOLE = re.compile(r"^(?!\s*#).*(=|return|^)\s*\.\.\.\s*$")
"""A place to be filled in."""


def file_name(lesson: Lesson, number: int) -> str:
    return f"{lesson.name}_{number}.py"


def task_numbered(lesson: Lesson, number: int) -> Task:
    """Return the `number`-th exercise, counted from 1.

    Raises:
        UsageError: there is none.
    """
    if not 1 <= number <= len(lesson.tasks):
        count = len(lesson.tasks)
        there = "one task, 1" if count == 1 else f"{count} tasks, 1 to {count}"
        raise UsageError(f"lesson {lesson.name} has no task {number}; it has {there}")
    return lesson.tasks[number - 1]


def start(
    lesson: Lesson, number: int, path: Path, *, overwrite: bool, overwritten_by: str, check: str
) -> None:
    """Write the file of an exercise.

    Args:
        overwritten_by: what says that a file may be written over, for the message.
        check: the command that marks it.

    Raises:
        UsageError: there is such a file already, or it cannot be written.
    """
    task = task_numbered(lesson, number)
    head = f"# Lesson {lesson.name}, task {number}: {task.what}.\n# Check it with: {check}\n\n"
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8", newline="\n") as file:
            file.write(head + task.text)
    except FileExistsError:
        raise UsageError(
            f"{path}: is there already, with your work perhaps; choose another file, or add "
            f"{overwritten_by} to write over it"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def read(path: Path, *, started_by: str) -> str:
    """Return the text of a file that is to be marked.

    Args:
        started_by: what writes such a file, for the message.

    Raises:
        UsageError: there is none, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; write it with {started_by} first") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; name the file of the exercise") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no text in UTF-8: {error.reason}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def number_in(text: str, lesson: Lesson, path: Path) -> int | None:
    """Return which exercise a file says it is, None where it says nothing.

    Raises:
        UsageError: one of another lesson.
    """
    found = FIRST_LINE.search(text)
    if found is None:
        return None
    if found[1] != lesson.name:
        raise UsageError(
            f"{path}: is an exercise of lesson {found[1]}, not of {lesson.name}; check it with: "
            f"lesson {found[1]}"
        )
    return int(found[2])


def holes(text: str) -> list[int]:
    """Return the lines, counted from 1, where something is still to be filled in."""
    return [at for at, line in _lines(text) if HOLE.match(line)]


def _lines(text: str) -> Iterable[tuple[int, str]]:
    return enumerate(text.splitlines(), 1)
