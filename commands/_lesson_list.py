"""The list of lessons, and where their pages lie."""

from __future__ import annotations

from commands._saying import say
from suite.errors import EXIT_GOOD
from suite.lessons.course import LESSONS
from suite.lessons.table import FOLDER
from suite.program import COMMAND_LINE


def show() -> int:
    """Print a line or two for each lesson."""
    name = max(len(lesson.name) for lesson in LESSONS)
    for number, lesson in enumerate(LESSONS, 1):
        tasks = len(lesson.tasks)
        say(
            f"{number:2} {lesson.name:{name}}  {lesson.title}"
            f" ({tasks} exercise{'s' if tasks > 1 else ''})",
            f"   {'':{name}}  {lesson.about}",
        )
    pages = FOLDER.parent
    if (pages / f"{LESSONS[0].name}.md").is_file():
        say(f"their pages: {pages}")
    say(
        f"{COMMAND_LINE} lesson NAME measures a lesson's table here; --start writes an exercise, "
        "--check FILE marks it"
    )
    return EXIT_GOOD
