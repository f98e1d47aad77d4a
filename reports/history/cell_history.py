"""From runs to series: which runs belong together, and what each cell's times were."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from suite.results.comparable import (
    Comparability,
    Measured,
    assumed_equal,
    comparability,
    why_other_work,
)
from suite.results.timed import Mean, TimedCell, TimedRun
from suite.stats.level_changes import (
    LEAST_VALUES,
    Levels,
    Telling,
    erratic_variance,
    level_changes,
    typical_step,
)

LEAST_RUNS = LEAST_VALUES
"""With fewer, no change can be significant, however large it is."""
LEVEL = 0.05
"""Chance that a history without any change shows one, all its cells taken together."""
LEAST_CHANGE = 0.02
"""Smaller changes of the level are not worth a look."""
Timed = Sequence[tuple[TimedRun, TimedCell]]
"""A cell in each run that has it, oldest first."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One cell in one run."""

    run: TimedRun
    time_s: float
    over_reference: float | None
    """Time over the reference's in the same blocks; None for the reference itself."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """The level changed with this point."""

    first_point: int
    ratio: float
    """Level after over level before: above 1 is slower."""
    time_ratio: float
    """The same of the times in seconds, whatever the series is about."""
    p: float
    """Of so clear a change in any of the history's cells."""


@dataclass(frozen=True, kw_only=True)
class CellHistory:
    """A cell through all runs that have it, oldest first."""

    cell: str
    points: tuple[Point, ...]
    reference: str
    """What all its runs raced it against; empty: nothing, or not the same."""
    is_relative: bool
    """Whether changes are looked for in its times over the reference's, for these are steadier."""
    step: float | None
    """How far one run usually is from the next, as a share, in what the changes are looked for."""
    other_step: float | None
    """The same of the times that are less steady; None where there is but one way to tell them."""
    changes: tuple[Change, ...]

    @property
    def too_short(self) -> bool:
        return len(self.points) < LEAST_RUNS

    @property
    def values(self) -> list[float]:
        """Return what the changes are looked for in."""
        return _values(self.points, is_relative=self.is_relative)

    @property
    def trend(self) -> float:
        """Return the latest level over the first one."""
        edges = [0, *(change.first_point for change in self.changes), len(self.points)]
        values = self.values
        return statistics.median(values[edges[-2] :]) / statistics.median(values[: edges[1]])


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A run that is not in the history, or not with this cell."""

    run: TimedRun
    cell: str
    """Empty: all of it."""
    why: str


@dataclass(frozen=True, kw_only=True)
class History:
    runs: tuple[TimedRun, ...]
    """Oldest first."""
    left_out: tuple[LeftOut, ...]
    series: tuple[CellHistory, ...]
    assumed: str = ""
    """What counts as equal in all runs though not all tell it; empty: nothing."""

    @property
    def changed(self) -> list[CellHistory]:
        """Return the series with changes, the largest change first."""
        changed = [series for series in self.series if series.changes]
        return sorted(changed, key=lambda s: -max(abs(math.log(c.ratio)) for c in s.changes))


def history(runs: Sequence[TimedRun]) -> History:
    """Return the series of what may be compared with the newest run, and why the rest may not."""
    *older, newest = sorted(runs, key=started)
    kept: list[TimedRun] = []
    left_out: list[LeftOut] = []
    unknown: dict[str, None] = {}
    for run in older:
        times = comparability(run, newest)
        if times.mismatches:
            left_out.append(LeftOut(run=run, cell="", why=_why_other(times)))
        else:
            kept.append(run)
            unknown |= dict.fromkeys(times.unknown)
    kept.append(newest)
    cells: dict[str, list[tuple[TimedRun, TimedCell]]] = {}
    for run in reversed(kept):
        for cell in run.results:
            latest = cells.get(cell.key, [(run, cell)])[0][1]
            if why := why_other_work(cell, latest):
                left_out.append(LeftOut(run=run, cell=cell.key, why=why))
            elif cell.is_disturbed:
                left_out.append(LeftOut(run=run, cell=cell.key, why="disturbed"))
            elif cell.time_s is not None:
                cells.setdefault(cell.key, []).append((run, cell))
    level = LEVEL / max(1, len(cells))
    series = {key: newest_first[::-1] for key, newest_first in cells.items()}
    erratic = _erratic_variances(series.values())
    return History(
        runs=tuple(kept),
        left_out=tuple(left_out),
        series=tuple(_cell_history(key, timed, level, erratic) for key, timed in series.items()),
        assumed=assumed_equal(unknown),
    )


def started(run: Measured) -> str:
    return str(run.manifest.get("started_at") or "")


def _why_other(times: Comparability) -> str:
    """Return why a run's times do not belong to the newest one's."""
    facts = [f"{m.fact} {m.first}, the newest has {m.second}" for m in times.mismatches]
    return f"another machine or setting: {'; '.join(facts)}"


def _erratic_variances(many: Iterable[Timed]) -> dict[tuple[str, bool], float]:
    """Return how erratic each row is, in its times and in those over the reference's."""
    alike: dict[tuple[str, bool], list[list[float]]] = {}
    for timed in many:
        cells = [cell for _, cell in timed]
        row = cells[0].implementation
        alike.setdefault((row, False), []).append(_logs([cell.time_s for cell in cells]))
        if _reference(cells):
            ratios = _logs([cell.over_reference for cell in cells])
            alike.setdefault((row, True), []).append(ratios)
    return {key: erratic_variance(series) for key, series in alike.items()}


def _logs(means: Sequence[Mean | None]) -> list[float]:
    return [math.log(mean.value) for mean in means if mean is not None]


def _telling(means: Sequence[Mean | None], least_variance: float) -> Telling:
    known = [mean for mean in means if mean is not None]
    return Telling(
        values=_logs(known),
        variances=[mean.variance for mean in known],
        least_variance=least_variance,
    )


def _reference(cells: Sequence[TimedCell]) -> str:
    """Return what all runs raced the cell against; the reference itself has none."""
    names = {cell.reference if cell.over_reference is not None else "" for cell in cells}
    return names.pop() if len(names) == 1 else ""


def _cell_history(
    key: str,
    timed: Timed,
    level: float,
    erratic: Mapping[tuple[str, bool], float],
) -> CellHistory:
    """Return a cell's times as they are, or over the reference's where these are steadier."""
    cells = [cell for _, cell in timed]
    row = cells[0].implementation
    tellings = [_telling([cell.time_s for cell in cells], erratic[row, False])]
    if reference := _reference(cells):
        ratios = [cell.over_reference for cell in cells]
        tellings.append(_telling(ratios, erratic[row, True]))
    levels = level_changes(tellings, level)
    points = tuple(_point(run, cell) for run, cell in timed)
    is_relative = levels.telling > 0
    return CellHistory(
        cell=key,
        points=points,
        reference=reference,
        is_relative=is_relative,
        step=_step(points, is_relative=is_relative),
        other_step=_step(points, is_relative=not is_relative) if reference else None,
        changes=_changes(points, levels, is_relative=is_relative, cells=LEVEL / level),
    )


def _point(run: TimedRun, cell: TimedCell) -> Point:
    assert cell.time_s is not None
    over = cell.over_reference
    return Point(run=run, time_s=cell.time_s.value, over_reference=over.value if over else None)


def _values(points: Sequence[Point], *, is_relative: bool) -> list[float]:
    if not is_relative:
        return [point.time_s for point in points]
    return [point.over_reference for point in points if point.over_reference is not None]


def _step(points: Sequence[Point], *, is_relative: bool) -> float | None:
    logs = [math.log(value) for value in _values(points, is_relative=is_relative)]
    return math.expm1(typical_step(logs)) if len(logs) > 1 else None


def _changes(
    points: Sequence[Point], levels: Levels, *, is_relative: bool, cells: float
) -> tuple[Change, ...]:
    edges = [0, *(change.index for change in levels.changes), len(points)]
    values = _values(points, is_relative=is_relative)
    times_s = _values(points, is_relative=False)
    changes = []
    for number, change in enumerate(levels.changes, start=1):
        around = edges[number - 1 : number + 2]
        ratio = _ratio(values, *around)
        if abs(math.log(ratio)) >= math.log1p(LEAST_CHANGE):
            changes.append(
                Change(
                    first_point=change.index,
                    ratio=ratio,
                    time_ratio=_ratio(times_s, *around),
                    p=min(1.0, cells * change.p),
                )
            )
    return tuple(changes)


def _ratio(values: Sequence[float], first: int, change: int, end: int) -> float:
    """Return the level from a change to the next over the level before it."""
    return statistics.median(values[change:end]) / statistics.median(values[first:change])
