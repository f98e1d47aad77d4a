"""Sweeps: which algorithm wins where, and how time grows with one size.

The exponent b of time ∝ size^b is the common slope of log time over log size in all series that
differ in that size alone, each with its own level; Student's interval over the residuals.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from reports.grid import Grid
from suite.problem import PROBLEM_FIELDS, Problem, Scenario
from suite.stats import t975

_PADS = {"pad_top", "pad_bottom", "pad_left", "pad_right"}
_LEAST_POINTS = 3


@dataclass(frozen=True)
class Axis:
    """A size that a sweep varies: its value for a problem (None: has none), and its fields."""

    name: str
    size: Callable[[Problem], int | None]
    fields: frozenset[str]


def _square(first: int, second: int) -> int | None:
    return first if first == second else None


AXES = (
    Axis(
        "kernel size",
        lambda p: _square(p.kernel_h, p.kernel_w),
        frozenset({"kernel_h", "kernel_w"} | _PADS),
    ),
    Axis("input channels", lambda p: p.in_channels, frozenset({"in_channels"})),
    Axis("output channels", lambda p: p.out_channels, frozenset({"out_channels"})),
    Axis(
        "channels, in and out",
        lambda p: _square(p.in_channels, p.out_channels),
        frozenset({"in_channels", "out_channels"}),
    ),
    Axis(
        "input size",
        lambda p: _square(p.height, p.width),
        frozenset({"height", "width"}),
    ),
    Axis("batch size", lambda p: p.batch_size or None, frozenset({"batch_size"})),
)


@dataclass(frozen=True)
class Slot:
    """One kernel size and channel count of a crossover map."""

    kernel: int
    channels: int
    winner: str | None
    margin: float | None
    """Time of the runner-up over the winner's, geometric mean; None without a runner-up."""
    scenarios: int


@dataclass(frozen=True)
class Exponent:
    """How one implementation's time grows with one size; the ends are None with no freedom."""

    implementation: str
    value: float
    low: float | None
    high: float | None
    points: int


@dataclass(frozen=True)
class Scaling:
    source: str
    axis: str
    series: tuple[tuple[str, ...], ...]
    """Ids of scenarios that differ in this size alone, in its order."""
    sizes: dict[str, int]
    """Scenario id → size."""
    exponents: tuple[Exponent, ...]


def crossover(grid: Grid, source: str) -> list[Slot]:
    """Return the map of a file that varies both kernel size and channels, else nothing.

    A file that fills less than half of the map is no sweep.
    """
    slots: dict[tuple[int, int], list[Scenario]] = {}
    for scenario in grid.scenarios:
        if scenario.source == source and scenario.problem.kernel_h == scenario.problem.kernel_w:
            key = (scenario.problem.kernel_h, scenario.problem.in_channels)
            slots.setdefault(key, []).append(scenario)
    kernels, channels = {key[0] for key in slots}, {key[1] for key in slots}
    if min(len(kernels), len(channels)) < 2 or 2 * len(slots) < len(kernels) * len(channels):
        return []
    return [_slot(grid, *key, scenarios) for key, scenarios in sorted(slots.items())]


def _slot(grid: Grid, kernel: int, channels: int, scenarios: list[Scenario]) -> Slot:
    """Rank the implementations that passed in all of a slot's scenarios."""
    means: dict[str, float] = {}
    for name in grid.implementations:
        cells = [grid.cells.get((scenario.id, name)) for scenario in scenarios]
        times = [cell.time_s for cell in cells if cell is not None and cell.time_s is not None]
        if len(times) == len(scenarios):
            means[name] = statistics.geometric_mean(times)
    ranked = sorted(means, key=means.__getitem__)
    margin = means[ranked[1]] / means[ranked[0]] if len(ranked) > 1 else None
    return Slot(kernel, channels, ranked[0] if ranked else None, margin, len(scenarios))


def scalings(grid: Grid, source: str) -> list[Scaling]:
    """Return one entry per size of which a file has series of at least three values."""
    scenarios = [scenario for scenario in grid.scenarios if scenario.source == source]
    found = (_scaling(grid, source, axis, scenarios) for axis in AXES)
    return [scaling for scaling in found if scaling is not None]


def _scaling(grid: Grid, source: str, axis: Axis, scenarios: list[Scenario]) -> Scaling | None:
    groups: dict[tuple[object, ...], list[Scenario]] = {}
    sizes = {scenario.id: axis.size(scenario.problem) for scenario in scenarios}
    for scenario in scenarios:
        if sizes[scenario.id] is not None:
            groups.setdefault(_rest(scenario, axis), []).append(scenario)
    series = []
    for members in groups.values():
        counts = Counter(sizes[member.id] for member in members)
        if len(counts) >= _LEAST_POINTS and counts.most_common(1)[0][1] == 1:
            ordered = sorted(members, key=lambda member: sizes[member.id] or 0)
            series.append(tuple(member.id for member in ordered))
    if not series:
        return None
    known = {identity: size for identity, size in sizes.items() if size is not None}
    fitted = (fit(grid, name, series, known) for name in grid.implementations)
    exponents = tuple(exponent for exponent in fitted if exponent is not None)
    return Scaling(source, axis.name, tuple(series), known, exponents)


def _rest(scenario: Scenario, axis: Axis) -> tuple[object, ...]:
    """Return everything about a scenario that is not the axis."""
    problem = scenario.problem
    sizes = [getattr(problem, field) for field in PROBLEM_FIELDS if field not in axis.fields]
    conditions = (scenario.device, scenario.dtype, scenario.memory_format, scenario.direction)
    return (*sizes, *conditions, scenario.threads, scenario.cache)


def fit(
    grid: Grid, name: str, series: list[tuple[str, ...]], sizes: dict[str, int]
) -> Exponent | None:
    """Return the common exponent of all series in which `name` passed at least thrice."""
    xs: list[float] = []
    ys: list[float] = []
    used = 0
    for identities in series:
        cells = [(identity, grid.cells.get((identity, name))) for identity in identities]
        points = [
            (math.log(sizes[identity]), math.log(cell.time_s))
            for identity, cell in cells
            if cell is not None and cell.time_s is not None
        ]
        if len(points) < _LEAST_POINTS:
            continue
        used += 1
        middle_x = statistics.fmean(x for x, _ in points)
        middle_y = statistics.fmean(y for _, y in points)
        xs += [x - middle_x for x, _ in points]
        ys += [y - middle_y for _, y in points]
    if not xs:
        return None
    squares = sum(x * x for x in xs)
    slope = sum(x * y for x, y in zip(xs, ys, strict=True)) / squares
    freedom = len(xs) - used - 1
    if freedom < 1:
        return Exponent(name, slope, None, None, len(xs))
    rest = sum((y - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    half = t975(freedom) * math.sqrt(rest / freedom / squares)
    return Exponent(name, slope, slope - half, slope + half, len(xs))
