"""The writers: a finished run in, files out. Nothing here imports torch.

A format is one module with `write(run, out) -> Path` and one line in `FORMATS`. Modules load only
when their format is written, so that `--help` imports neither matplotlib nor jinja2.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from reports.parts import Part
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

WEIGHTS = {"csv": 0.4, "plots": 7.2, "html": 0.6, "flame-graphs": 1.0}
"""About how long writing these takes, in any unit; the others take no time to speak of."""

PROFILED = ("flame-graphs",)
"""What a run gets besides that was profiled."""

__all__ = [
    "FORMATS",
    "STANDARD",
    "usual_formats",
    "write",
    "write_all",
    "write_comparison",
    "write_in_parts",
]


def write(format_name: str, run: Run, out: Path) -> Path:
    """Write one format into the folder `out` and return the file (for plots: the folder).

    Raises:
        UsageError: an unknown format, or a folder that cannot be written.
    """
    path: Path = _writer(format_name, out).write(run, out)
    return path


def write_in_parts(format_name: str, run: Run, out: Path) -> Generator[Part, None, Path]:
    """Write one format, tell of each part that is done, and return its path.

    Raises:
        UsageError: see `write`.
    """
    writer = _writer(format_name, out)
    if hasattr(writer, "write_in_parts"):
        path: Path = yield from writer.write_in_parts(run, out)
    else:
        path = writer.write(run, out)
        yield Part(1.0)
    return path


def _writer(format_name: str, out: Path) -> Any:
    if format_name not in FORMATS:
        raise UsageError(
            f'format "{format_name}" is unknown; accepted: {", ".join(FORMATS)}.'
            f"{did_you_mean(format_name, FORMATS)}"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be made: {error.strerror}") from error
    return import_own(FORMATS[format_name])


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
