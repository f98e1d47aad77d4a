"""The writers: a finished run in, files out. Nothing here imports torch.

A format is one module with `write(run, out) -> Path` and one line in `FORMATS`. Modules load only
when their format is written, so that `--help` imports neither matplotlib nor jinja2.
"""

from __future__ import annotations

from pathlib import Path

from suite.errors import UsageError, did_you_mean
from suite.own_imports import import_own
from suite.results.folder import Run
from suite.results.inside import write_whole

FORMATS = {
    "csv": "reports.csv_table",
    "plots": "reports.plots",
    "html": "reports.page",
    "flame-graphs": "reports.flame_graph",
    "markdown": "reports.markdown",
    "junit": "reports.junit",
    "pytest-benchmark": "reports.pytest_benchmark",
    "github-action-benchmark": "reports.github_action",
    "bencher": "reports.bencher",
}
"""Format name → the module whose `write` makes it."""

STANDARD = ("csv", "plots", "html")
"""What every run gets."""

WEIGHTS = {"csv": 1, "plots": 9, "html": 3, "flame-graphs": 2}
"""About how long writing these takes, in any unit; the others take as long as "csv"."""

PROFILED = ("flame-graphs",)
"""What a run gets besides that was profiled."""

__all__ = ["FORMATS", "STANDARD", "usual_formats", "write", "write_all", "write_comparison"]


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
    path: Path = import_own(FORMATS[format_name]).write(run, out)
    return path


def write_comparison(base: Run, head: Run, out: Path) -> list[Path]:
    """Write compare.html, compare.md and compare.json into the folder `out`.

    What a terminal shows is `reports.compare_text.lines(reports.compare.compare_runs(...))`.
    """
    from reports import compare, compare_text, page  # noqa: PLC0415  loaded only when asked for

    comparison = compare.compare_runs(base, head)
    texts = {
        "compare.html": page.render(head, comparison),
        "compare.md": compare_text.markdown(comparison),
        "compare.json": compare.as_json(comparison),
    }
    for name, text in texts.items():
        write_whole(out / name, text)
    return [out / name for name in texts]


def usual_formats(run: Run) -> list[str]:
    """Return what every run gets, and what one gets that was profiled."""
    return [*STANDARD, *PROFILED] if run.profiles else list(STANDARD)


def write_all(run: Run, out: Path) -> list[Path]:
    """Write what every run gets, each in place of an older one; returns the paths."""
    return [write(format_name, run, out) for format_name in usual_formats(run)]
