"""Sweeps: which algorithm wins where, and the series in which one size grows."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.growth import LEAST_POINTS
from reports.matrix import Matrix, MatrixCell
from reports.series import Series, series_of
from suite.conditions import Scenario
from suite.kinds import AXIS_NAMES, SIDES, SUFFIXES
from suite.problem import PROBLEM_FIELDS, Problem
from suite.results.standing import NONE_PASSED, UNDECIDED, is_faster, lead
from suite.workload import network_of

_PADS = {name for sides in SIDES for name in sides}
MOST_SERIES = 40
"""Of one axis; a page that offers more is no longer searched."""


@dataclass(frozen=True)
class Axis:
    """A size that a sweep varies: its value for a problem (None: has none), and its fields."""

    name: str
    size: Callable[[Problem], int | None]
    fields: frozenset[str]


def _equal(sizes: Sequence[int]) -> int | None:
    return sizes[0] if len(set(sizes)) == 1 else None


AXES = (
    Axis(
        "kernel size",
        lambda p: _equal(p.kernel),
        frozenset({f"kernel_{suffix}" for suffix in SUFFIXES} | _PADS),
    ),
    Axis("input channels", lambda p: p.in_channels, frozenset({"in_channels"})),
    Axis("output channels", lambda p: p.out_channels, frozenset({"out_channels"})),
    Axis(
        "channels, in and out",
        lambda p: _equal((p.in_channels, p.out_channels)),
        frozenset({"in_channels", "out_channels"}),
    ),
    Axis(
        "input size",
        lambda p: _equal(p.input_size),
        frozenset(AXIS_NAMES),
    ),
    Axis("batch size", lambda p: p.batch_size or None, frozenset({"batch_size"})),
)


@dataclass(frozen=True)
class Slot:
    """One kernel size and channel count of a crossover map."""

    kernel: int
    channels: int
    winner: str | None
    """Who is fastest over the square's scenarios; None where nothing passed in all of them, or
    where that cannot be said."""
    margin: float | None
    """Time of the runner-up over the winner's, geometric mean; None without a runner-up."""
    why_undecided: str
    """Why there is no winner; empty where there is one."""
    scenarios: int


@dataclass(frozen=True)
class Scaling:
    """One size of a file, with all series in which nothing else differs."""

    source: str
    axis: str
    series: tuple[Series, ...]
    sizes: dict[str, int]
    """Scenario id → size."""
    left_out: int
    """Series beyond `MOST_SERIES`."""


def crossover(matrix: Matrix, source: str) -> list[Slot]:
    """Return the map of a file that varies both kernel size and channels, else nothing.

    A file in which some kernel size meets one channel count only, or the other way round, is
    a list of unlike layers and no sweep.
    """
    slots: dict[tuple[int, int], list[Scenario]] = {}
    for scenario in _convolutions(matrix, source):
        problem = scenario.problem
        if problem.kind == "conv2d" and problem.kernel_h == problem.kernel_w:
            key = (problem.kernel_h, problem.in_channels)
            slots.setdefault(key, []).append(scenario)
    kernels, channels = Counter(key[0] for key in slots), Counter(key[1] for key in slots)
    if min([*kernels.values(), *channels.values()], default=0) < 2:
        return []
    return [_slot(matrix, *key, scenarios) for key, scenarios in sorted(slots.items())]


def _convolutions(matrix: Matrix, source: str) -> list[Scenario]:
    """Return the scenarios of a file that are single convolutions: a network has no sizes."""
    return [s for s in matrix.scenarios if s.source == source and network_of(s) is None]


def _slot(matrix: Matrix, kernel: int, channels: int, scenarios: list[Scenario]) -> Slot:
    """Rank the implementations that passed in all of a slot's scenarios."""
    means: dict[str, float] = {}
    cells_of: dict[str, list[MatrixCell]] = {}
    for name in matrix.implementations:
        cells = [matrix.cells.get((scenario.id, name)) for scenario in scenarios]
        passed = [cell for cell in cells if cell is not None and cell.time_s is not None]
        if len(passed) == len(scenarios):
            means[name] = statistics.geometric_mean(cell.time_s or 0.0 for cell in passed)
            cells_of[name] = passed
    ranked = sorted(means, key=means.__getitem__)
    if not ranked:
        return Slot(kernel, channels, None, None, NONE_PASSED, len(scenarios))
    first, *others = ranked
    if why := _why_undecided(cells_of[first], [cells_of[name] for name in others]):
        return Slot(kernel, channels, None, None, why, len(scenarios))
    margin = means[others[0]] / means[first] if others else None
    return Slot(kernel, channels, first, margin, "", len(scenarios))


def _why_undecided(first: list[MatrixCell], others: list[list[MatrixCell]]) -> str:
    """Return why the least geometric mean wins nothing; empty where its lead leaves 1 out."""
    if any(cell.is_disturbed for cells in (first, *others) for cell in cells):
        return f"{UNDECIDED}: disturbed"
    for cells in others:
        leads = [lead(own.result, other.result) for own, other in zip(first, cells, strict=True)]
        halves = [each.half_width for each in leads]
        if None in halves:
            if all(is_faster(a.result, b.result) for a, b in zip(first, cells, strict=True)):
                continue
            return f"{UNDECIDED}: no interval"
        mean = statistics.fmean(math.log(each.value) for each in leads)
        if mean <= math.hypot(*(half for half in halves if half is not None)) / len(leads):
            return f"{UNDECIDED}: {first[0].result.implementation} and " + (
                f"{cells[0].result.implementation} are level"
            )
    return ""


def no_winner(slot: Slot) -> str:
    """Return what a slot shows in the winner's place: "undecided" or "none passed"."""
    return NONE_PASSED if slot.why_undecided == NONE_PASSED else UNDECIDED


def scalings(matrix: Matrix, source: str, caches: Mapping[str, str] | None = None) -> list[Scaling]:
    """Return one entry per size of which a file has series of at least three values.

    Args:
        caches: name → size of the machine's caches, as the manifest has them: {"L2": "1024K"}.
    """
    scenarios = _convolutions(matrix, source)
    per_axis = (_scaling(matrix, source, axis, scenarios, caches or {}) for axis in AXES)
    return [scaling for scaling in per_axis if scaling is not None]


def _scaling(
    matrix: Matrix,
    source: str,
    axis: Axis,
    scenarios: Sequence[Scenario],
    caches: Mapping[str, str],
) -> Scaling | None:
    groups: dict[tuple[object, ...], list[Scenario]] = {}
    sizes = {s.id: size for s in scenarios if (size := axis.size(s.problem)) is not None}
    for scenario in scenarios:
        if scenario.id in sizes:
            groups.setdefault(_rest(scenario, axis), []).append(scenario)
    long_groups = []
    for members in groups.values():
        counts = Counter(sizes[member.id] for member in members)
        if len(counts) >= LEAST_POINTS and counts.most_common(1)[0][1] == 1:
            long_groups.append(sorted(members, key=lambda member: sizes[member.id]))
    if not long_groups:
        return None
    return Scaling(
        source=source,
        axis=axis.name,
        series=tuple(
            series_of(matrix, members, sizes, caches) for members in long_groups[:MOST_SERIES]
        ),
        sizes=sizes,
        left_out=max(0, len(long_groups) - MOST_SERIES),
    )


def _rest(scenario: Scenario, axis: Axis) -> tuple[object, ...]:
    """Return everything about a scenario that is not the axis."""
    problem = scenario.problem
    sizes = [getattr(problem, field) for field in PROBLEM_FIELDS if field not in axis.fields]
    conditions = (scenario.device, scenario.dtype, scenario.memory_format, scenario.direction)
    values = (scenario.values, scenario.weight_values)
    return (*sizes, problem.epilogue, *conditions, *values, scenario.threads, scenario.cache_state)
