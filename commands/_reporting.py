"""Writing what is derived from a run, with a bar where that takes long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import reports
from reports.progress import tracked
from suite.results.folder import Run

LEAST_WEIGHT = 1


def write_report(
    run: Run, out: Path, console: Console, formats: Sequence[str] | None = None
) -> list[Path]:
    """Write a run's formats into a folder, the usual ones if none are named; return the paths."""
    names = reports.usual_formats(run) if formats is None else formats
    weights = [reports.WEIGHTS.get(name, LEAST_WEIGHT) for name in names]
    written = tracked(names, "writing the report", weights=weights, console=console)
    return [reports.write(name, run, out) for name in written]
