"""A history as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from reports import units
from reports.history import runs
from reports.history.cell_history import LEAST_RUNS, LEVEL, CellHistory, Change, History, LeftOut
from suite.counted import counted
from suite.results.timed import TimedRun

BARS = "▁▂▃▄▅▆▇█"
MOST_BARS, LEAST_BARS = 60, 12
MOST_RUNS = 20
"""Longer lists of runs are for a file."""
AS_RATIO = 0.5
"""Larger changes are told as a factor: "2.31×"."""
LEAST_P = 1e-4
"""Less is no more certain: runs do not scatter that normally."""
UNCHANGED = "unchanged"
GAP = "  "


def lines(past: History, width: int = 160) -> list[str]:
    """Return the runs that were left out, the changes, every cell's trend, and the runs."""
    shown = [*left_out(past.left_out), headline(past), *_changes(past)]
    if past.series:
        shown += ["", *trends(past.series, width), "", *how_to_read(past)]
    if past.series and len(past.runs) <= MOST_RUNS:
        shown += ["", "runs", *(f"{GAP}{text}" for text in run_lines(past))]
    return [*shown, *([past.assumed] if past.assumed else [])]


def headline(past: History) -> str:
    first, last = runs.day(past.runs[0]), runs.day(past.runs[-1])
    period = f" from {first} to {last}" if first and first != last else ""
    count = f"{counted(len(past.runs), 'run')}{period}"
    if not past.series:
        return f"{count}, no cell that passed"
    if all(series.too_short for series in past.series):
        return f"{count}: too few to find changes, {LEAST_RUNS} are the least"
    cells = counted(len(past.series), "cell")
    if not past.changed:
        return f"{count}, {cells}: no change of level"
    changes = sum(len(series.changes) for series in past.changed)
    return (
        f"{count}, {cells}: {counted(changes, 'change')} of level "
        f"in {counted(len(past.changed), 'cell')}"
    )


# -- what is left out ----------------------------------------------------------------------------


def left_out(parts: Sequence[LeftOut]) -> list[str]:
    """Return a line for each run, and one for each reason why cells of runs are left out."""
    shown = [f"left out: {left.run.folder}: {left.why}" for left in parts if not left.cell]
    by_reason: dict[str, list[LeftOut]] = {}
    for left in parts:
        if left.cell:
            by_reason.setdefault(left.why, []).append(left)
    return shown + [f"left out: {_of_cells(some)}: {why}" for why, some in by_reason.items()]


def _of_cells(parts: Sequence[LeftOut]) -> str:
    """Return which cells of which runs, by name where it is one."""
    cells = list(dict.fromkeys(left.cell for left in parts))
    folders = list(dict.fromkeys(str(left.run.folder) for left in parts))
    cell = cells[0] if len(cells) == 1 else counted(len(cells), "cell")
    return f"{cell} of {folders[0] if len(folders) == 1 else f'{len(folders)} runs'}"


# -- changes -------------------------------------------------------------------------------------


def _changes(past: History) -> list[str]:
    """Return the changes, those that came with one run together, the largest first."""
    by_runs: dict[tuple[int, int], list[tuple[CellHistory, Change]]] = {}
    for series in past.changed:
        for change in series.changes:
            run, before = series.points[change.first_point].run, _before(series, change)
            numbers = past.runs.index(run), past.runs.index(before)
            by_runs.setdefault(numbers, []).append((series, change))
    shown = []
    for (number, number_before), changed in by_runs.items():
        run, before = past.runs[number], past.runs[number_before]
        width = max(len(series.cell) for series, _ in changed)
        shown += ["", f"from {runs.described(run, before)}"]
        shown += [f"last before: {runs.described(before, run)}"]
        shown += [f"{GAP}{s.cell:<{width}}{GAP}{change_text(s, c)}" for s, c in changed]
    return shown


def _before(series: CellHistory, change: Change) -> TimedRun:
    return series.points[change.first_point - 1].run


def change_text(series: CellHistory, change: Change) -> str:
    """Return by how much, in what, and how sure: "+14.2 % (slower), 915 µs → 1.05 ms, p 0.003"."""
    word = "slower" if change.ratio > 1 else "faster"
    what = f"{signed(change.ratio)} ({word})"
    if series.is_relative:
        own = signed(change.time_ratio)
        what += f" over {series.reference}'s time, {own} in its own"
    before_s, after_s = _levels_s(series, change)
    return f"{what}, {units.seconds(before_s)} → {units.seconds(after_s)}, {p_words(change.p)}"


def p_words(p: float) -> str:
    return f"p {p:.2g}" if p >= LEAST_P else f"p < {LEAST_P:g}"


def _levels_s(series: CellHistory, change: Change) -> tuple[float, float]:
    edges = [0, *(each.first_point for each in series.changes), len(series.points)]
    number = edges.index(change.first_point, 1)
    first, here, end = edges[number - 1 : number + 2]
    times_s = [point.time_s for point in series.points]
    return median(times_s[first:here]), median(times_s[here:end])


def signed(ratio: float) -> str:
    """Return a ratio as what was added or taken away: "+14.2 %"; a large one as "2.31×"."""
    if not -AS_RATIO < ratio - 1 < AS_RATIO:
        return units.times(ratio)
    return f"{100 * (ratio - 1):+.1f} %"


# -- trends --------------------------------------------------------------------------------------


def trends(histories: Sequence[CellHistory], width: int) -> list[str]:
    """Return each cell's name, bars, first and last time, trend, and what it is the trend of.

    On two lines where one has no room for all of it.
    """
    names = max(len(series.cell) for series in histories)
    rows = [
        (f"{units.seconds(s.points[0].time_s)} → {units.seconds(s.points[-1].time_s)}", trend(s))
        for s in histories
    ]
    times = max(len(text) for text, _ in rows)
    room = width - times - max(len(text) for _, text in rows) - 3 * len(GAP)
    is_parted = room - names < LEAST_BARS
    count = max(LEAST_BARS, min(MOST_BARS, room - (0 if is_parted else names)))
    count = min(count, max(len(series.points) for series in histories))
    shown = []
    for series, (first_to_last, in_words) in zip(histories, rows, strict=True):
        row = GAP.join(
            [f"{bars(series.values, count):<{count}}", f"{first_to_last:<{times}}", in_words]
        ).rstrip()
        shown += (
            [series.cell, f"{GAP}{row}"] if is_parted else [f"{series.cell:<{names}}{GAP}{row}"]
        )
    return shown


def trend(series: CellHistory) -> str:
    """Return the trend and in what: "+14.1 %  time ±2.1 % (over torch's ±64 %)"."""
    if series.step is None:
        return ""
    level = "too few runs" if series.too_short else UNCHANGED
    if series.changes:
        level = signed(series.trend)
    tellings = ["time", f"over {series.reference}'s"]
    counts, other = tellings[:: -1 if series.is_relative else 1]
    text = f"{level:<{len(UNCHANGED)}}{GAP}{counts} {_spread(series.step)}"
    return text if series.other_step is None else f"{text} ({other} {_spread(series.other_step)})"


def _spread(step: float) -> str:
    return f"±{100 * step:.1f} %" if step < AS_RATIO else f"×÷ {units.digits(1 + step)}"


def how_to_read(past: History) -> list[str]:
    """Return what the columns of `trends` mean."""
    told = [
        "bars: oldest run to newest, 20 % from bottom to top at least; then first → last time,",
        "last level over first (+: slower), and of what: the cell's time or that over its",
        "reference's, whichever differs less from one run to the next. ± is by how much it",
        "usually does; in brackets: the other.",
    ]
    if past.changed:
        told.append(f"p: the chance of so clear a change in any cell here; shown up to {LEVEL:g}.")
    return told


def bars(values: Sequence[float], most: int = MOST_BARS) -> str:
    """Return a line of blocks; the scale spans 20 % at least, so that noise looks like noise.

    Of more than `most` values each block is the median of some that follow each other.
    """
    count = min(most, len(values))
    edges = [number * len(values) // count for number in range(count + 1)]
    shown = [median(values[first:end]) for first, end in pairwise(edges)]
    middle = median(shown)
    low, high = min(*shown, 0.9 * middle), max(*shown, 1.1 * middle)
    return "".join(BARS[round((v - low) / (high - low) * (len(BARS) - 1))] for v in shown)


def run_lines(past: History) -> list[str]:
    """Return the runs, oldest first, with what changed in their versions."""
    befores = [None, *past.runs[:-1]]
    return [runs.described(run, before) for run, before in zip(past.runs, befores, strict=True)]
