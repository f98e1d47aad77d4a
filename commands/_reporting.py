"""Writing what is derived from a run, with a bar where that takes long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import reports
from reports.progress import Bar
from suite.results.folder import Run

LEAST_WEIGHT = 0.1


def write_report(
    run: Run, out: Path, console: Console, formats: Sequence[str] | None = None
) -> list[Path]:
    """Write a run's formats into a folder, the usual ones if none are named; return the paths."""
    names = reports.usual_formats(run) if formats is None else formats
    with Bar(console, "writing the report", sum(map(_weight, names))) as bar:
        return [_written(name, run, out, bar) for name in names]


def report_on(run: Run, folder: Path, console: Console) -> None:
    """Write a run's usual formats into its folder, and say where what is read first lies."""
    written = write_report(run, folder, console)
    page = next((path for path in written if path.suffix == ".html"), folder)
    console.print(f"report: {page}", soft_wrap=True)


def _weight(name: str) -> float:
    return reports.WEIGHTS.get(name, LEAST_WEIGHT)


def _written(name: str, run: Run, out: Path, bar: Bar) -> Path:
    parts = reports.write_in_parts(name, run, out)
    while True:
        try:
            part = next(parts)
            move = bar.advance if part.is_there else bar.leave_out
            move(_weight(name) * part.share)
        except StopIteration as ended:
            path: Path = ended.value
            return path
