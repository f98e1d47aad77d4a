"""A history as files: history.md to read, history.csv with every point."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from reports import units
from reports.csv_table import field
from reports.history import runs, text
from reports.history.cell_history import CellHistory, History
from reports.markdown import escaped, table
from suite.results.inside import write_whole
from suite.results.revisions import own_revision, plugin_revisions
from suite.results.timed import TimedRun

MARKDOWN, CSV = "history.md", "history.csv"
COLUMNS = (
    "cell",
    "run",
    "started_at",
    "time_s",
    "reference",
    "time_over_reference",
    "counts",
    "changed_here",
    "plugin_revision",
    "plugin_dirty",
    "plugin_path",
    "convgauge_revision",
    "convgauge_dirty",
    "convgauge_version",
    *(f"{name}_version" for name in runs.VERSIONS),
)


def write(past: History, out: Path) -> list[Path]:
    """Write both files into the folder `out`.

    Raises:
        UsageError: it cannot be written.
    """
    write_whole(out / MARKDOWN, markdown(past))
    write_whole(out / CSV, points(past))
    return [out / MARKDOWN, out / CSV]


def points(past: History) -> str:
    """Return CSV: one row for each cell in each run, with the revisions and versions of the run."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    of_runs = {id(run): _run_columns(run) for run in past.runs}
    for series in past.series:
        for row, point in zip(_point_columns(series), series.points, strict=True):
            columns = {**row, **of_runs[id(point.run)]}
            writer.writerow({name: field(value) for name, value in columns.items()})
    return written.getvalue()


def _point_columns(series: CellHistory) -> Iterator[dict[str, object]]:
    changed = {change.first_point for change in series.changes}
    for number, point in enumerate(series.points):
        yield {
            "cell": series.cell,
            "time_s": point.time_s,
            "reference": series.reference or None,
            "time_over_reference": point.over_reference,
            "counts": "time_over_reference" if series.is_relative else "time_s",
            "changed_here": number in changed,
        }


def _run_columns(run: TimedRun) -> dict[str, object]:
    own, plugins = own_revision(run.manifest), plugin_revisions(run.manifest)
    versions = runs.versions(run)
    return {
        "run": run.folder,
        "started_at": run.manifest.get("started_at"),
        "plugin_revision": " ".join(plugin.commit for plugin in plugins) or None,
        "plugin_dirty": any(plugin.has_changes for plugin in plugins) if plugins else None,
        "plugin_path": " ".join(path for plugin in plugins for path in plugin.files) or None,
        "convgauge_revision": own.commit if own else None,
        "convgauge_dirty": own.has_changes if own else None,
        "convgauge_version": versions.get("ConvGauge"),
        **{f"{name}_version": versions.get(name) for name in runs.VERSIONS},
    }


def markdown(past: History) -> str:
    """Return history.md."""
    sections = [f"# History: {escaped(text.headline(past))}"]
    if past.left_out:
        left = "\n".join(f"- {escaped(line)}" for line in text.left_out(past.left_out))
        sections.append(f"Not comparable with the newest run:\n\n{left}")
    if past.changed:
        sections.append(f"## Changes\n\n{_changes(past)}")
    if past.series:
        sections += [f"## Cells\n\n{_cells(past)}", escaped(" ".join(text.how_to_read(past)))]
    sections.append(f"## Runs\n\n{_runs(past)}")
    if past.assumed:
        sections.append(f"{escaped(past.assumed)}.")
    return "\n\n".join(sections) + "\n"


def _changes(past: History) -> str:
    rows = []
    for series in past.changed:
        for change in series.changes:
            run, before = (
                series.points[change.first_point].run,
                series.points[change.first_point - 1].run,
            )
            rows.append(
                (
                    series.cell,
                    text.change_text(series, change),
                    runs.described(run, before),
                    runs.described(before, run),
                )
            )
    return _table(("cell", "change", "from", "last before"), rows)


def _cells(past: History) -> str:
    rows = [
        (
            series.cell,
            str(len(series.points)),
            text.bars(series.values),
            units.seconds(series.points[0].time_s),
            units.seconds(series.points[-1].time_s),
            text.trend(series),
        )
        for series in past.series
    ]
    return _table(("cell", "runs", "bars", "first", "last", "trend"), rows)


def _runs(past: History) -> str:
    rows = [
        (
            str(run.folder),
            runs.date(run),
            "; ".join(runs.code(run)),
            ", ".join(f"{name} {version}" for name, version in runs.versions(run).items()),
        )
        for run in past.runs
    ]
    return _table(("run", "began", "code", "versions"), rows)


def _table(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return table(headers, [[escaped(text) for text in row] for row in rows])
