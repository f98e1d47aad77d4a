"""From runs to series: which runs belong together, and what each cell's times were."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from suite.results.cell import CellResult
from suite.results.comparable import (
    Comparability,
    assumed_equal,
    comparability,
    why_other_work,
)
from suite.results.folder import Run
from suite.results.summary import summarise
from suite.stats.change_points import LEAST_SEGMENT, change_points

LEAST_RUNS = 7
"""With fewer, no change can be significant, however large it is."""
LEVEL = 0.05
"""Chance that a history without any change shows one, all its cells taken together."""
LEAST_LEVEL = 0.001
"""What so many permutations can still show; reached from 50 cells on."""
LEAST_CHANGE = 0.02
"""Smaller changes of the level are not worth a look."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One cell in one run."""

    run: Run
    time_s: float
    value: float
    """What the series is about: time over the reference's time, or seconds."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """The level changed with this point."""

    first_point: int
    ratio: float
    """Level after over level before: above 1 is slower."""
    p: float


@dataclass(frozen=True, kw_only=True)
class CellHistory:
    """A cell through all runs that have it, oldest first."""

    cell: str
    points: tuple[Point, ...]
    relative_to: str
    """The reference that times are divided by; empty: seconds."""
    changes: tuple[Change, ...]
    too_short: bool

    @property
    def trend(self) -> float:
        """Latest level over the first one."""
        edges = [0, *(change.first_point for change in self.changes), len(self.points)]
        first, last = self.points[: edges[1]], self.points[edges[-2] :]
        return _level(last) / _level(first)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A run that is not in the history, or not with all its cells."""

    run: Run
    why: str


@dataclass(frozen=True, kw_only=True)
class History:
    runs: tuple[Run, ...]
    left_out: tuple[LeftOut, ...]
    series: tuple[CellHistory, ...]
    level: float
    """Of each cell's test."""
    assumed: str = ""
    """What counts as equal in all runs though not all tell it; empty: nothing."""

    @property
    def changed(self) -> list[CellHistory]:
        """Return the series with changes, the largest change first."""
        changed = [series for series in self.series if series.changes]
        return sorted(changed, key=lambda s: -max(abs(math.log(c.ratio)) for c in s.changes))


def history(runs: Sequence[Run]) -> History:
    """Return the series of what may be compared with the newest run, and why the rest may not."""
    *older, newest = sorted(runs, key=started)
    kept: list[Run] = []
    left_out: list[LeftOut] = []
    unknown: dict[str, None] = {}
    for run in older:
        times = comparability(run, newest)
        if times.mismatches:
            left_out.append(LeftOut(run=run, why=_why_other(times)))
        else:
            kept.append(run)
            unknown |= dict.fromkeys(times.unknown)
    kept.append(newest)
    cells: dict[str, list[tuple[Run, CellResult]]] = {}
    for run in reversed(kept):
        for result in run.results:
            latest = cells.get(result.key, [(run, result)])[0][1]
            if why := why_other_work(result, latest):
                left_out.append(LeftOut(run=run, why=f"{result.key}: {why}"))
            elif result.is_disturbed:
                left_out.append(LeftOut(run=run, why=f"{result.key}: disturbed"))
            elif summarise(result):
                cells.setdefault(result.key, []).append((run, result))
    level = max(LEAST_LEVEL, LEVEL / max(1, len(cells)))
    series = tuple(_series(cell, newest_first[::-1], level) for cell, newest_first in cells.items())
    return History(
        runs=tuple(kept),
        left_out=tuple(left_out),
        series=series,
        level=level,
        assumed=assumed_equal(unknown),
    )


def started(run: Run) -> str:
    return str(run.manifest.get("started_at") or "")


def _why_other(times: Comparability) -> str:
    """Return why a run's times do not belong to the newest one's, or an empty text."""
    facts = [f"{m.fact} {m.first}, the newest has {m.second}" for m in times.mismatches]
    return f"another machine or setting: {'; '.join(facts)}" if facts else ""


def _series(cell: str, results: Sequence[tuple[Run, CellResult]], level: float) -> CellHistory:
    reference = _reference(results)
    points = tuple(_point(run, result, bool(reference)) for run, result in results)
    logs = [math.log(point.value) for point in points]
    too_short = len(points) < LEAST_RUNS
    changes = () if too_short else _changes(points, logs, level)
    return CellHistory(
        cell=cell, points=points, relative_to=reference, changes=changes, too_short=too_short
    )


def _reference(results: Sequence[tuple[Run, CellResult]]) -> str:
    """Return the reference that all runs raced the cell against; the reference itself has none."""
    names = Counter(
        result.reference
        for _, result in results
        if result.implementation != result.reference and _against_reference(result) is not None
    )
    name, count = names.most_common(1)[0] if names else ("", 0)
    return name if count == len(results) else ""


def _against_reference(result: CellResult) -> float | None:
    summary = summarise(result)
    return 1 / summary.speedup.value if summary and summary.speedup else None


def _point(run: Run, result: CellResult, relative: bool) -> Point:
    summary = summarise(result)
    assert summary is not None
    time_s = summary.time_s.value
    value = _against_reference(result) if relative else time_s
    assert value is not None
    return Point(run=run, time_s=time_s, value=value)


def _changes(points: Sequence[Point], logs: Sequence[float], level: float) -> tuple[Change, ...]:
    steps = change_points(logs, level)
    edges = [0, *(point.index for point in steps), len(points)]
    changes = []
    for number, point in enumerate(steps, start=1):
        before = points[edges[number - 1] : edges[number]]
        after = points[edges[number] : edges[number + 1]]
        ratio = _level(after) / _level(before)
        if abs(math.log(ratio)) >= math.log1p(LEAST_CHANGE):
            changes.append(Change(first_point=point.index, ratio=ratio, p=point.p))
    return tuple(changes)


def _level(points: Sequence[Point]) -> float:
    return statistics.median(point.value for point in points)


assert LEAST_RUNS > 2 * LEAST_SEGMENT
