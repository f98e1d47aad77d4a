"""The writers: a finished run in, files out. Nothing here imports torch.

A format is one module with `write(run, out) -> Path` and one line in `FORMATS`. Modules load only
when their format is written, so that `--help` imports neither matplotlib nor jinja2.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from suite.errors import UsageError, did_you_mean
from suite.runfile import Run

FORMATS = {
    "csv": "reports.csv_table",
    "plots": "reports.plots",
    "html": "reports.page",
}
"""Format name → the module whose `write` makes it."""

STANDARD = ("csv", "plots", "html")
"""What every run gets."""

__all__ = ["FORMATS", "STANDARD", "write", "write_all"]


def write(format_name: str, run: Run, out: Path) -> Path:
    """Write one format into the folder `out` and return the file (for plots: the folder).

    Raises:
        UsageError: an unknown format, or a folder that cannot be written.
    """
    if format_name not in FORMATS:
        raise UsageError(
            f'format "{format_name}" is unknown; accepted: {", ".join(FORMATS)}.'
            f"{did_you_mean(format_name, FORMATS)}"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be made: {error.strerror}") from error
    path: Path = importlib.import_module(FORMATS[format_name]).write(run, out)
    return path


def write_all(run: Run, out: Path) -> list[Path]:
    """Write what every run gets, each in place of an older one; returns the paths."""
    return [write(format_name, run, out) for format_name in STANDARD]
