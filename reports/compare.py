"""Two runs side by side: what changed from the base run to this one, cell by cell.

Times of separate runs carry the drift between them. The reference, whose code is the same in both,
shows how much that is, and so does how far most cells moved: it enters every interval, and what is
called slower or faster is so beyond it and beyond what chance shows among so many cells. A change
of all rows is not told from the machine's. That is a hint all the same and no verdict;
`gate` alternates both sides and decides. Where times may not be compared no ratio is given at all.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.matrix import Matrix, MatrixCell
from suite.results.cell import Status
from suite.results.comparable import (
    Comparability,
    comparability,
    conditions,
    why_other_work,
)
from suite.results.drift import drift_of_model
from suite.results.folder import Run
from suite.results.revisions import revisions
from suite.results.summary import log_times
from suite.stats import student
from suite.stats.false_discovery import adjusted_p
from suite.stats.intervals import LEAST_BLOCKS, Interval
from suite.stats.null_cells import NullCell
from suite.stats.paired import Difference
from suite.stats.separate_runs import BETWEEN_SITTINGS, change, moved
from suite.workload import network_of

LEVEL = 0.05
"""Share of false ones among the cells that are called slower or faster (false discovery rate)."""
CONFIDENCE = 0.95
LEAST_CELLS = 12
"""Of so many most are taken to be as they were, wherever the reference says less."""


@dataclass(frozen=True)
class CellChange:
    """One cell in both runs."""

    scenario: str
    implementation: str
    base: MatrixCell | None
    """None: the base run has no such cell."""
    head: MatrixCell | None
    ratio: Interval | None
    """Time over base time: above 1 is slower. None where it may not be formed. The interval holds
    what separate runs drift by."""
    note: str
    """Why there is no ratio, or what else changed; empty otherwise."""
    adjusted_p: float | None = None
    """Of "it did not change", for so many cells that were looked at; None without an interval."""

    @property
    def is_other_work(self) -> bool:
        """Whether both runs have it, as another problem or with other threads."""
        if self.base is None or self.head is None:
            return False
        return bool(why_other_work(self.base.result, self.head.result))

    @property
    def is_clear(self) -> bool:
        """Whether it changed beyond what separate runs and so many cells show by chance."""
        return self.adjusted_p is not None and self.adjusted_p <= LEVEL


@dataclass(frozen=True)
class Comparison:
    base: Run
    head: Run
    comparability: Comparability
    cells: tuple[CellChange, ...]
    drift_note: str = ""
    """Why no row shows how far the two runs drifted apart, where none does."""

    @property
    def machines_differ(self) -> str:
        """Return what stands against comparing times; empty: they may be compared."""
        why_not = self.comparability.why_not
        return why_not and f"other machine or setting: {why_not}"

    @property
    def slower(self) -> list[CellChange]:
        """Return the cells that are clearly slower, the worst first."""
        slower = [c for c in self.cells if c.is_clear and c.ratio and c.ratio.value > 1]
        return sorted(slower, key=lambda change: -change.ratio.value if change.ratio else 0)

    @property
    def faster(self) -> list[CellChange]:
        """Return the cells that are clearly faster, the best first."""
        faster = [c for c in self.cells if c.is_clear and c.ratio and c.ratio.value < 1]
        return sorted(faster, key=lambda change: change.ratio.value if change.ratio else 0)

    @property
    def other_work(self) -> list[CellChange]:
        """Return the cells that are in both runs and did not do the same work there."""
        return [c for c in self.cells if c.is_other_work]

    @property
    def is_comparable(self) -> bool:
        """Whether some cell was compared, and none kept from it by its machine or its work."""
        return bool(self.compared) and not self.other_work

    @property
    def compared(self) -> int:
        return sum(change.ratio is not None for change in self.cells)

    @property
    def noted(self) -> list[CellChange]:
        """Return the cells with something to say that is not about time on another machine."""
        return [c for c in self.cells if c.note and c.note != self.machines_differ]


def compare_runs(base: Run, head: Run) -> Comparison:
    """Return every cell of either run with its change from `base` to `head`."""
    base_grid, head_grid = Matrix.of(base), Matrix.of(head)
    comparison = Comparison(base=base, head=head, comparability=comparability(base, head), cells=())
    differ = comparison.machines_differ
    keys = dict.fromkeys([*head_grid.cells, *base_grid.cells])
    changes = [
        _change(key, base_grid.cells.get(key), head_grid.cells.get(key), differ) for key in keys
    ]
    drift = drift_of_model(base, head, assumed=math.sqrt(BETWEEN_SITTINGS.variance))
    cells = _with_drift(changes, is_seen=drift.is_seen)
    return dataclasses.replace(comparison, cells=tuple(cells), drift_note=drift.note)


def _change(
    key: tuple[str, str], base: MatrixCell | None, head: MatrixCell | None, differ: str
) -> CellChange:
    ratio, note = None, ""
    if base is None or head is None:
        note = "new: not in the base run" if base is None else "missing: only in the base run"
    elif conditions(base.result) != conditions(head.result):
        note = why_other_work(base.result, head.result)
    elif base.result.status is not head.result.status:
        note = f"{_word(base)} → {_word(head)}"
    elif base.summary and head.summary:
        note = differ or why_other_work(base.result, head.result) or _why_disturbed(base, head)
        ratio = None if note else head.summary.time_s.over(base.summary.time_s)
    return CellChange(key[0], key[1], base, head, ratio, note)


def _with_drift(changes: Sequence[CellChange], *, is_seen: bool) -> Sequence[CellChange]:
    """Return the changes with intervals that hold what the two runs drifted apart by.

    Args:
        is_seen: whether the reference shows it.
    """
    logs = {index: logs for index, each in enumerate(changes) if (logs := _logs(each))}
    moves = {i: moved(*logs[i]) for i in logs}
    drifts = {i: move for i, move in moves.items() if is_seen and _is_reference(changes[i])}
    others = list(moves.values()) if len(moves) >= LEAST_CELLS else []
    found = {i: change(*logs[i], _nulls(changes[i], i, drifts), others) for i in logs}
    p = adjusted_p({i: _two_sided_p(each) for i, each in found.items()}, family=len(found))
    return [
        dataclasses.replace(each, ratio=_interval(found[i]), adjusted_p=p[i])
        if i in found
        else each
        for i, each in enumerate(changes)
    ]


def _logs(each: CellChange) -> tuple[list[float], list[float]] | None:
    """Return the logarithms of both runs' blocks, of a cell that has enough and may be compared."""
    if each.ratio is None or each.base is None or each.head is None:
        return None
    base, head = log_times(each.base.result), log_times(each.head.result)
    return (base, head) if min(len(base), len(head)) >= LEAST_BLOCKS else None


def _is_reference(each: CellChange) -> bool:
    return each.head is not None and each.implementation == each.head.result.reference


def _nulls(each: CellChange, index: int, drifts: Mapping[int, NullCell]) -> list[NullCell]:
    """Return what shows the drift of a cell: of a model the reference is the model itself, and what
    it moved by is no excuse for it."""
    is_network = each.head is not None and network_of(each.head.result.scenario) is not None
    return [null for i, null in drifts.items() if i != index or not is_network]


def _two_sided_p(found: Difference) -> float:
    return min(1.0, 2 * student.upper_tail(abs(found.mean) / found.error, found.degrees))


def _interval(found: Difference) -> Interval:
    tail = (1 + CONFIDENCE) / 2
    low, high = found.below(tail), found.above(tail)
    return Interval(math.exp(found.mean), math.exp(low), math.exp(high))


def _why_disturbed(base: MatrixCell, head: MatrixCell) -> str:
    """Return in which run others took the cores while the cell was timed, or an empty text."""
    runs = [name for name, cell in (("base", base), ("head", head)) if cell.is_disturbed]
    return f"disturbed in the {' and the '.join(runs)} run" if runs else ""


def _word(cell: MatrixCell) -> str:
    status = cell.result.status
    words = status.value.replace("_", " ")
    return (
        words
        if status is Status.PASSED or not cell.result.reason
        else (f"{words} ({cell.result.reason})")
    )


def name_of(run: Run) -> str:
    """Return how a run is named in a comparison: its name, machine, time and revision."""
    manifest = run.manifest
    machine = manifest.get("machine") or {}
    parts = [
        manifest.get("name") or run.folder.name,
        machine.get("hostname"),
        machine.get("gpu") or machine.get("cpu"),
        (manifest.get("started_at") or "")[:16].replace("T", " "),
        *(revision.words for revision in revisions(manifest)),
    ]
    return ", ".join(str(part) for part in parts if part)


def as_json(comparison: Comparison) -> str:
    """Return the comparison as JSON text."""
    cells = [
        {
            "scenario": change.scenario,
            "implementation": change.implementation,
            "base_s": change.base.time_s if change.base else None,
            "head_s": change.head.time_s if change.head else None,
            "ratio": change.ratio and change.ratio.value,
            "ratio_low": change.ratio and change.ratio.low,
            "ratio_high": change.ratio and change.ratio.high,
            "adjusted_p": change.adjusted_p,
            "note": change.note,
        }
        for change in comparison.cells
    ]
    document = {
        "base": name_of(comparison.base),
        "head": name_of(comparison.head),
        "machines_differ": comparison.machines_differ or None,
        "taken_as_equal": list(comparison.comparability.unknown),
        "cells": cells,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
