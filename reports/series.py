"""What a series shows in which one size grows: each line's fit and turn, and where lines cross."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports import growth, units
from reports.matrix import Matrix
from suite.conditions import Scenario
from suite.results.standing import lead

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Turn:
    """Where the line of one implementation changes its slope, and which cache is as large."""

    size: float
    tensor_bytes: float
    """Input, weight and output there."""
    cache: str | None
    """Name and size of the cache that is nearest, within a factor of two."""
    before: float
    """Exponent of the work up to there."""
    after: float


@dataclass(frozen=True)
class Growth:
    """time = fixed_s + growing_s·(work / unit_flops)^power of one implementation in a series.

    Only where the power is known well enough to be told (`growth.KNOWN_HALF_WIDTH`), or the line
    has a turn.
    """

    implementation: str
    fixed_s: float
    growing_s: float
    unit_flops: float
    power: float
    low: float | None
    """Ends of the power's 95 % interval; None where one power does not describe the line."""
    high: float | None
    points: int
    error: float
    turn: Turn | None


@dataclass(frozen=True)
class Crossing:
    """From which size on one implementation overtakes another."""

    before: str
    """Faster below."""
    after: str
    """Faster above."""
    predicted: float | None
    """The size at which both fits take the same time; None: they do not say where."""
    predicted_low: float | None
    """Ends of the sizes at which the fits cannot tell the two apart, at 95 %."""
    predicted_high: float | None
    between: tuple[int, int] | None
    """The two sizes, measured, between which the order changes, each beyond its interval; None: it
    does not change within what was measured."""


@dataclass(frozen=True)
class Series:
    """Scenarios that differ in one size alone, in its order, and what follows from them."""

    scenarios: tuple[str, ...]
    growths: tuple[Growth, ...]
    unknown: tuple[str, ...]
    """Implementations whose points are too few, or scatter too much, for a power."""
    crossings: tuple[Crossing, ...]


def series_of(
    matrix: Matrix, members: Sequence[Scenario], sizes: Mapping[str, int], caches: Mapping[str, str]
) -> Series:
    """Return what a series shows.

    Args:
        members: scenarios that differ in one size alone, in its order.
        sizes: scenario id → that size.
        caches: name → size of the machine's caches, such as {"L2": "1024K"}.
    """
    works = {member.id: float(member.problem.direct_flops) for member in members}
    size_at = _along(members, works, sizes)
    bytes_at = _along(members, works, {m.id: m.least_bytes for m in members})
    times = {name: _times(matrix, name, members) for name in matrix.implementations}
    fits = {
        name: fit
        for name, of_cell in times.items()
        if (fit := growth.fit([works[i] for i in of_cell], list(of_cell.values())))
    }
    known = {name: fit for name, fit in fits.items() if fit.is_known}
    growths = tuple(
        _growth(name, fit, _turn(fit.bend, size_at, bytes_at, caches) if fit.bend else None)
        for name, fit in fits.items()
        if fit.is_known or fit.bend
    )
    ends = min(works.values()), max(works.values())
    crossings = []
    for pair in _pairs(matrix, members, list(fits)):
        apart = _apart(matrix, *pair, [m for m in members if all(m.id in times[n] for n in pair)])
        predicted = None
        if all(name in known for name in pair):
            predicted = growth.predicted_crossing(known[pair[0]], known[pair[1]], *ends)
        if crossing := _crossing(*pair, fits, times, apart, sizes, predicted, size_at):
            crossings.append(crossing)
    crossings.sort(key=lambda crossing: crossing.between is None)
    return Series(
        scenarios=tuple(member.id for member in members),
        growths=growths,
        unknown=tuple(name for name in fits if name not in known),
        crossings=tuple(crossings),
    )


def _growth(name: str, fit: growth.Fit, turn: Turn | None) -> Growth:
    return Growth(
        implementation=name,
        fixed_s=fit.fixed_s,
        growing_s=fit.growing_s,
        unit_flops=fit.unit_flops,
        power=fit.power,
        low=fit.low if fit.is_known else None,
        high=fit.high if fit.is_known else None,
        points=fit.points,
        error=fit.error,
        turn=turn,
    )


def _times(matrix: Matrix, name: str, members: Sequence[Scenario]) -> dict[str, float]:
    cells = ((member.id, matrix.cells.get((member.id, name))) for member in members)
    return {
        key: cell.time_s
        for key, cell in cells
        if cell is not None and cell.time_s is not None and not cell.is_disturbed
    }


def _along(
    members: Sequence[Scenario], works: Mapping[str, float], values: Mapping[str, int]
) -> Callable[[float], float]:
    """Return work → value by straight lines between logarithms, beyond the ends as the last."""
    points = [(math.log(works[m.id]), math.log(values[m.id])) for m in members]
    points = sorted(dict(points).items())

    def at(work_flops: float) -> float:
        x = math.log(work_flops)
        pairs = list(itertools.pairwise(points)) or [(points[0], points[0])]
        (x0, y0), (x1, y1) = next((pair for pair in pairs if x <= pair[1][0]), pairs[-1])
        return math.exp(y0 + (y1 - y0) * (x - x0) / ((x1 - x0) or 1))

    return at


def _turn(
    bend: growth.Bend,
    size_at: Callable[[float], float],
    bytes_at: Callable[[float], float],
    caches: Mapping[str, str],
) -> Turn:
    tensor_bytes = bytes_at(bend.work_flops)
    distances = {
        f"{name} ({units.bytes_(size)})": abs(math.log(size / tensor_bytes))
        for name, text in caches.items()
        if (size := _bytes(text))
    }
    nearest = min(distances, key=distances.__getitem__, default=None)
    is_near = nearest is not None and distances[nearest] <= math.log(2)
    return Turn(
        size=size_at(bend.work_flops),
        tensor_bytes=tensor_bytes,
        cache=nearest if is_near else None,
        before=bend.before,
        after=bend.after,
    )


def _pairs(
    matrix: Matrix, members: Sequence[Scenario], fitted: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the pairs worth comparing: with the reference, or with one that is fastest once."""
    fastest = {cell.result.implementation for m in members if (cell := matrix.fastest(m))}
    references = {cell.result.reference for m in members for cell in matrix.row(m)}
    return [
        (first, second)
        for first, second in itertools.combinations(fitted, 2)
        if {first, second} & (fastest | references)
    ]


def _apart(matrix: Matrix, first: str, second: str, members: Sequence[Scenario]) -> list[str]:
    """Return the scenarios in which one of the two is faster beyond chance, in order."""
    cells = ((m.id, matrix.cells[m.id, first], matrix.cells[m.id, second]) for m in members)
    return [key for key, own, other in cells if lead(own.result, other.result).leaves_out_1]


def _crossing(
    first: str,
    second: str,
    fits: Mapping[str, growth.Fit],
    times: Mapping[str, Mapping[str, float]],
    apart: Sequence[str],
    sizes: Mapping[str, int],
    predicted: growth.WorkRange | None,
    size_at: Callable[[float], float],
) -> Crossing | None:
    """Return where two lines cross once, between the points or by the fits; else None.

    Args:
        apart: scenarios in which one is faster beyond chance; others do not say on which side of
            the crossing they lie.
        predicted: where the fits say that they cross.
    """
    is_first_ahead = [times[first][key] < times[second][key] for key in apart]
    changes = [at for at, (a, b) in enumerate(itertools.pairwise(is_first_ahead)) if a != b]
    if len(changes) > 1:
        return None
    between = None
    if changes:
        at = changes[0]
        between = (sizes[apart[at]], sizes[apart[at + 1]])
        is_first_below = is_first_ahead[at]
    elif predicted is not None and not _is_denied(predicted, sizes, apart, size_at):
        below = predicted.low
        is_first_below = fits[first].time_s(below) < fits[second].time_s(below)
    else:
        return None
    ends: tuple[float | None, float | None, float | None] = (None, None, None)
    if predicted is not None and (low := size_at(predicted.low)) >= 1:  # no size is below 1
        ends = (size_at(predicted.work_flops), low, size_at(predicted.high))
    if between is None and ends[0] is None:
        return None
    before, after = (first, second) if is_first_below else (second, first)
    return Crossing(before, after, *ends, between)


def _is_denied(
    predicted: growth.WorkRange,
    sizes: Mapping[str, int],
    apart: Sequence[str],
    size_at: Callable[[float], float],
) -> bool:
    """Whether points around a predicted crossing show the same order on both of its sides."""
    known = [sizes[key] for key in apart]
    return bool(known) and min(known) < size_at(predicted.low) <= size_at(predicted.high) < max(
        known
    )


def _bytes(size: str) -> int:
    """Return what "48K" says in bytes."""
    match = re.fullmatch(r"(\d+)([KMG]?)", size)
    return int(match[1]) * _UNITS[match[2]] if match else 0
