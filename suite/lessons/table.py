"""A lesson's table: what was measured of each of its rows, and on which machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from suite.errors import UsageError
from suite.lessons.lesson import Lesson
from suite.problem import Problem
from suite.ranges import Amount, Count, Misfit, Rate, Seconds, Within
from suite.records import from_json
from suite.results.cell import CellResult, Status
from suite.results.summary import roofline_s, summarise

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "learn" / "recorded"
"""Beside the pages that show them."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One implementation in one scenario; None where it has no times."""

    scenario: str
    implementation: str
    says: str
    status: Status
    reason: str = ""
    time_s: Seconds | None = None
    low_s: Seconds | None = None
    high_s: Seconds | None = None
    flops: Amount
    """Of the textbook sum."""
    intensity: Annotated[float, Within(0)]
    """Of these, for every byte that any method has to move."""
    peak_flops_per_s: Rate | None = None
    """What the machine was seen to reach, on as many threads."""
    roof_s: Seconds | None = None
    """What its ceilings allow for the textbook sum."""
    workspace_bytes: Count | None = None
    error: Annotated[float, Within(0, finite=False)] | None = None
    """Relative L2 error against float64."""
    disturbed: bool = False

    @property
    def flops_per_s(self) -> float | None:
        return None if self.time_s is None else self.flops / self.time_s

    @property
    def peak_share(self) -> float | None:
        if self.flops_per_s is None or self.peak_flops_per_s is None:
            return None
        return self.flops_per_s / self.peak_flops_per_s

    @property
    def roof_share(self) -> float | None:
        return None if self.time_s is None or self.roof_s is None else self.roof_s / self.time_s


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows, and where, when and by which command they were measured."""

    lesson: str
    date: str
    command: str
    machine: dict[str, str]
    """Processor, cores, system, and the versions of what computed."""
    problems: dict[str, Problem]
    rows: tuple[Row, ...]

    def row(self, scenario: str, implementation: str) -> Row | None:
        """Return a row, None where there is none."""
        for row in self.rows:
            if (row.scenario, row.implementation) == (scenario, implementation):
                return row
        return None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def row_of(result: CellResult, says: str) -> Row:
    """Return what a lesson shows of a measured cell."""
    summary, residuals = summarise(result), result.residuals
    scenario = result.scenario
    timed = {}
    if summary is not None:
        time_s = summary.time_s
        timed = {"time_s": time_s.value, "low_s": time_s.low, "high_s": time_s.high}
    return Row(
        scenario=_own_id(scenario.id),
        implementation=result.implementation,
        says=says,
        status=result.status,
        reason=result.reason,
        **timed,
        flops=scenario.problem.direct_flops,
        intensity=scenario.problem.direct_flops / scenario.least_bytes,
        peak_flops_per_s=result.ceiling.peak_flops_per_s if result.ceiling else None,
        roof_s=roofline_s(result),
        workspace_bytes=result.workspace_bytes,
        error=residuals.rel_l2_error if residuals else None,
        disturbed=result.is_disturbed,
    )


def _own_id(scenario_id: str) -> str:
    return scenario_id.rpartition("/")[2]


def rows_of(lesson: Lesson, results: Iterable[CellResult]) -> tuple[Row, ...]:
    """Return the lesson's rows, in its order, of what was measured."""
    measured: Mapping[tuple[str, str], CellResult] = {
        (_own_id(result.scenario.id), result.implementation): result for result in results
    }
    pairs = [(cell, measured.get((cell.scenario, cell.row))) for cell in lesson.cells]
    return tuple(row_of(result, cell.says) for cell, result in pairs if result is not None)


def gains(rows: Sequence[Row]) -> list[float | None]:
    """Return how many times faster each row is than the one before; None for the first."""
    found: list[float | None] = [None]
    for before, row in itertools.pairwise(rows):
        if before.time_s is None or row.time_s is None:
            found.append(None)
        else:
            found.append(before.time_s / row.time_s)
    return found


def path_of(lesson: str) -> Path:
    return FOLDER / f"{lesson}.json"


def read_recorded(lesson: str) -> Table | None:
    """Return the table that stands beside the lesson's page, None where there is none.

    Raises:
        UsageError: it cannot be read.
    """
    path = path_of(lesson)
    try:
        return from_json(Table, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, Misfit) as error:
        raise UsageError(f"{path}: cannot be read as a table: {error}; restore it") from error
