"""How much slower a row is on other values: the same problem on normal ones beside each other kind.

Both are scenarios of their own, so that no block holds both times: their intervals are combined as
independent ones. A row whose ratio leaves 1 out by that depends on values, and is marked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from reports import units
from reports.layers import describe
from reports.matrix import Matrix, MatrixCell
from reports.text_frame import wrapped
from suite.conditions import Scenario
from suite.stats.intervals import Interval
from suite.values import NORMAL, ZEROS, words
from suite.workload import network_of

MARK = "depends on values"
ON_ZEROS = "timed on zeros as asked: nothing says that a row computed anything there"


@dataclass(frozen=True)
class Slowdown:
    """One row on one kind of values, against itself on normal ones."""

    name: str
    usual: str
    """Its time on normal values, with its interval."""
    time: str
    ratio: Interval
    blocks: int
    is_disturbed: bool

    @property
    def depends(self) -> bool:
        """Whether it depends on values beyond its interval."""
        return self.ratio.leaves_out_1 and not self.is_disturbed

    @property
    def ratio_words(self) -> str:
        spread = units.interval(self.ratio.half_width, self.blocks)
        return f"{units.times(self.ratio.value)} {spread}"

    @property
    def mark(self) -> str:
        return MARK if self.depends else ""


@dataclass(frozen=True)
class OtherValues:
    """All rows of one problem on one kind of values."""

    scenario: str
    what: str
    """Of what problem, in words."""
    values: str
    """"denormal weights"."""
    slowdowns: tuple[Slowdown, ...]
    """The most dependent first."""
    remark: str


def value_slowdowns(matrix: Matrix) -> list[OtherValues]:
    """Return one entry for each scenario of other values that has a twin with normal ones."""
    usual = {
        _without_values(scenario): scenario
        for scenario in _convolutions(matrix)
        if scenario.has_usual_values
    }
    found = []
    for scenario in _convolutions(matrix):
        twin = usual.get(_without_values(scenario))
        if scenario.has_usual_values or twin is None:
            continue
        pairs = ((matrix.cells.get((twin.id, n)), n) for n in matrix.implementations)
        slowdowns = [
            _slowdown(own, other)
            for own, name in pairs
            if (other := matrix.cells.get((scenario.id, name))) and own
            if own.summary and other.summary
        ]
        values = (scenario.values, scenario.weight_values)
        found.append(
            OtherValues(
                scenario=scenario.id,
                what=describe(scenario.problem),
                values=words(*values),
                slowdowns=tuple(sorted(slowdowns, key=lambda s: -s.ratio.value)),
                remark=ON_ZEROS if ZEROS in values else "",
            )
        )
    return [entry for entry in found if entry.slowdowns]


def _convolutions(matrix: Matrix) -> Iterator[Scenario]:
    return (scenario for scenario in matrix.scenarios if network_of(scenario) is None)


def _without_values(scenario: Scenario) -> Scenario:
    """Return what two scenarios share that differ in values alone."""
    return dataclasses.replace(
        scenario,
        id="",
        source="",
        occurrences=1,
        values=NORMAL,
        weight_values=NORMAL,
        stored_values=None,
    )


def _slowdown(usual: MatrixCell, other: MatrixCell) -> Slowdown:
    assert usual.summary is not None
    assert other.summary is not None
    return Slowdown(
        name=other.result.implementation,
        usual=usual.time_words,
        time=other.time_words,
        ratio=other.summary.time_s.over(usual.summary.time_s),
        blocks=min(usual.summary.blocks, other.summary.blocks),
        is_disturbed=usual.is_disturbed or other.is_disturbed,
    )


def value_lines(matrix: Matrix, width: int) -> Iterator[Text]:
    """Yield a line for each kind of values: the rows that depend on them, by how much."""
    entries = value_slowdowns(matrix)
    if entries:
        yield Text("Times on other values than normal ones", "bold")
    for entry in entries:
        dependent = [one for one in entry.slowdowns if one.depends]
        rows = ", ".join(f"{one.name} {one.ratio_words}" for one in dependent)
        level = len(entry.slowdowns) - len(dependent)
        others = f"; {level} level" if dependent and level else ""
        told = f"{rows}{others}" if dependent else "no row depends on them beyond its interval"
        remark = f" ({entry.remark})" if entry.remark else ""
        text = f"{entry.scenario}, {entry.values}: {told}{remark}"
        yield from (Text.assemble("  ", line) for line in wrapped(text, width - 2, ""))
