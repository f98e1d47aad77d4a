"""A history as lines for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from reports import units
from reports.history.cell_history import LEAST_RUNS, CellHistory, Change, History
from reports.markdown import escaped
from suite.results.folder import Run

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 60


def lines(past: History) -> list[str]:
    """Return the runs that were left out, then the changes, then every cell's trend."""
    shown = [f"left out: {left.run.folder}: {left.why}" for left in past.left_out]
    shown.append(headline(past))
    shown += [f"  {text}" for series in past.changed for text in _changes(series)]
    shown += ["", *trends(past.series)] if past.series else []
    return [*shown, past.assumed] if past.assumed else shown


def headline(past: History) -> str:
    runs = _count(len(past.runs), "run")
    if not past.series:
        return f"{runs}, no cell that passed"
    if all(series.too_short for series in past.series):
        return f"{runs}: too few to find changes, {LEAST_RUNS} are the least"
    if not past.changed:
        return f"{runs}, {len(past.series)} cells: no change of level"
    changes = sum(len(series.changes) for series in past.changed)
    return (
        f"{runs}, {len(past.series)} cells: {_count(changes, 'change')} of level "
        f"in {_count(len(past.changed), 'cell')}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _changes(series: CellHistory) -> list[str]:
    return [f"{series.cell}: {change_text(series, change)}" for change in series.changes]


def change_text(series: CellHistory, change: Change) -> str:
    """Return by how much, from which run on, and how sure."""
    before, run = series.points[change.first_point - 1].run, series.points[change.first_point].run
    word = "slower" if change.ratio > 1 else "faster"
    return (
        f"{units.times(change.ratio)} ({word}) from {run_name(run)} on (before: "
        f"{run_name(before)}), p {change.p:.2g}"
    )


def run_name(run: Run) -> str:
    """Return the run's folder and its revision, if it has one."""
    revision = run.manifest.get("git_revision")
    changed = "+" if run.manifest.get("git_dirty") else ""
    return f"{run.folder}{f' {str(revision)[:10]}{changed}' if revision else ''}"


def trends(histories: Sequence[CellHistory]) -> list[str]:
    """Return one line a cell: bars from its lowest to its highest value, times, and the trend."""
    width = max(len(series.cell) for series in histories)
    return [
        f"{series.cell:<{width}}  {bars([p.value for p in series.points])}  "
        f"{units.seconds(series.points[0].time_s)} → {units.seconds(series.points[-1].time_s)}"
        f"{_trend(series)}"
        for series in histories
    ]


def _trend(series: CellHistory) -> str:
    if series.too_short or not series.relative_to:
        return ""
    return f", {units.times(series.trend)} against {series.relative_to}"


def bars(values: Sequence[float]) -> str:
    """Return a line of blocks; the scale spans 20 % at least, so that noise looks like noise."""
    shown = list(values)[-MOST_BARS:]
    middle = median(shown)
    low, high = min(*shown, 0.9 * middle), max(*shown, 1.1 * middle)
    return "".join(BARS[round((v - low) / (high - low) * (len(BARS) - 1))] for v in shown)


def markdown(past: History) -> str:
    """Return history.md."""
    text = [f"# History: {escaped(headline(past))}", ""]
    if past.left_out:
        text += ["Left out, for it is not comparable with the newest run:", ""]
        text += [f"- {escaped(f'{left.run.folder}: {left.why}')}" for left in past.left_out]
        text.append("")
    if past.changed:
        text += ["| cell | change | from | before | p |", "| --- | --- | --- | --- | --- |"]
        for series in past.changed:
            for change in series.changes:
                run, before = (
                    series.points[change.first_point].run,
                    series.points[change.first_point - 1].run,
                )
                text.append(
                    f"| {escaped(series.cell)} | {units.times(change.ratio)} | "
                    f"{escaped(run_name(run))} | {escaped(run_name(before))} | {change.p:.2g} |"
                )
        text.append("")
    text += ["| cell | runs | trend | first | last |", "| --- | --- | --- | --- | --- |"]
    text += [
        f"| {escaped(series.cell)} | {len(series.points)} | "
        f"{bars([p.value for p in series.points])} | "
        f"{units.seconds(series.points[0].time_s)} | {units.seconds(series.points[-1].time_s)} |"
        for series in past.series
    ]
    if past.assumed:
        text += ["", f"{escaped(past.assumed)}."]
    return "\n".join(text) + "\n"
