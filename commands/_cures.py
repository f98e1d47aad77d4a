"""What to do about what went wrong: options and commands, which the engine does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

from rich.console import Console

from commands._asking import asked_files
from suite.results.cell import Status
from suite.results.folder import CellLost
from suite.results.request import GateRequest, Precision, Request, RunRequest

USUAL_FILE = "ci"
"""What a gate compares where no file was named."""


@contextmanager
def after_freeing_space(command: str) -> Iterator[None]:
    """Add the command that goes on, or does it again, to the news that the disk is full."""
    try:
        yield
    except CellLost as error:
        raise error.with_cure(f"free space, then: {command}") from error


def advise_on_memory(console: Console, statuses: Iterable[Status]) -> None:
    """Name the option that bounds memory if a cell ran out of it."""
    if Status.OUT_OF_MEMORY in statuses:
        console.print("--memory-limit GIB says how much a process may take", soft_wrap=True)


def storing_run(request: GateRequest, baseline: Path) -> str:
    """Return the command that stores the run which a gate wants to be compared with."""
    shared = {field.name: getattr(request, field.name) for field in fields(Request)}
    run = RunRequest(**shared, blocks=request.blocks, precision=Precision(every_row=True))
    if not run.files:
        run = replace(run, files=asked_files([USUAL_FILE]))
    return run.command_line("--out", str(baseline))
