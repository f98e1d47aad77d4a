"""A run as a history needs it: what its cells are and how long they took, without the samples.

Of 200 runs all samples are hundreds of megabytes of Python objects, and most of what a record
holds is no matter to a history. What is read here is checked as it is everywhere; what is not is
left alone. Nothing is kept between two calls, so that nothing can be out of date.
"""

from __future__ import annotations

import functools
import json
import math
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from suite.problem import Scenario
from suite.ranges import AtLeastOne, CallSeconds, Misfit, shown
from suite.records import from_json, from_plain
from suite.results.cell import Block, CellResult, Status, cell_key
from suite.results.folder import RESULTS, Run, no_cells, read_manifest, read_records
from suite.stats.intervals import block_median_s

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Mean:
    """A geometric mean over the blocks of one cell."""

    value: float
    variance: float | None
    """Of its logarithm; None with one block."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        logs = [math.log(value) for value in values]
        centre = math.fsum(logs) / len(logs)
        # statistics.variance sums fractions, which takes a hundred times as long.
        squares = math.fsum((value - centre) ** 2 for value in logs)
        spread = squares / (len(logs) - 1) / len(logs) if len(logs) > 1 else None
        return cls(math.exp(centre), spread)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedCell:
    """One cell of a run: what it is, and what its blocks took."""

    scenario: Scenario
    implementation: str
    family: str
    reference: str
    threads: int | None
    is_disturbed: bool
    time_s: Mean | None
    """None: it did not pass."""
    over_reference: Mean | None
    """Its time over the reference's in the same blocks; None for the reference itself."""

    @property
    def key(self) -> str:
        return cell_key(self.scenario.id, self.implementation)


@dataclass(frozen=True, slots=True)
class TimedRun:
    """A run's folder, its manifest, and the times of the cells it finished."""

    folder: Path
    manifest: Mapping[str, Any]
    results: tuple[TimedCell, ...]

    @classmethod
    def of(cls, run: Run) -> TimedRun:
        return cls(run.folder, run.manifest, tuple(map(_of_result, run.results)))


def read_timed_run(folder: Path) -> TimedRun:
    """Return the run of one folder; the last record of a cell counts.

    Raises:
        UsageError: no run's folder, a damaged one, or nothing measured in it.
    """
    manifest = read_manifest(folder)
    cells = {cell.key: cell for cell in read_records(folder, RESULTS, _of_plain)}
    if not cells:
        raise no_cells([folder])
    return TimedRun(folder, manifest, tuple(cells.values()))


# -- from a record ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class _Contention:
    disturbed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    samples_s: tuple[CallSeconds, ...]
    reference_s: CallSeconds | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    implementation: str
    family: str
    status: Status
    reference: str = "torch"
    threads: AtLeastOne | None = None


def _of_plain(plain: Any) -> TimedCell:
    """Return a cell from a record of results.jsonl.

    Raises:
        Misfit: what is read of it is none.
    """
    cell = _part(_Cell, plain)
    blocks = plain.get("blocks", ())
    if type(blocks) not in (list, tuple):
        raise Misfit(f"found {shown(blocks)}, expected a list", "blocks")
    has_passed = cell.status is Status.PASSED
    if has_passed != bool(blocks):
        raise Misfit(f"found {len(blocks)} with status {cell.status}", "blocks")
    is_disturbed, pairs = False, []
    try:
        for block in blocks:
            timed = _part(_Block, block)
            if not timed.samples_s:
                raise Misfit("found none, expected one or more", "samples_s")
            if (contention := block.get("contention")) is not None:
                is_disturbed |= _part(_Contention, contention).disturbed
            pairs.append((statistics.median(timed.samples_s), timed.reference_s))
    except Misfit as misfit:
        raise misfit.inside(len(pairs)).inside("blocks") from None
    return _timed(
        _scenario(_text(plain.get("scenario"))),
        cell,
        is_disturbed=is_disturbed,
        pairs=pairs,
    )


def _part(kind: type[Record], plain: Any) -> Record:
    """Return a record from those of its fields that `kind` has."""
    if type(plain) is not dict:
        raise Misfit(f"found {shown(plain)}, expected a {kind.__name__.strip('_')}")
    return from_plain(
        kind, {name: plain[name] for name in _names(cast(Hashable, kind)) if name in plain}
    )


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _text(plain: Any) -> str:
    try:
        return json.dumps(plain)
    except RecursionError:
        raise Misfit("nested too deeply", "scenario") from None


@functools.lru_cache(maxsize=4096)
def _scenario(text: str) -> Scenario:
    """Return a scenario from JSON; each stands in many runs, and once for each implementation."""
    try:
        return from_json(Scenario, text)
    except Misfit as misfit:
        raise misfit.inside("scenario") from None


# -- from a result ---------------------------------------------------------------------------------


def _of_result(result: CellResult) -> TimedCell:
    return _timed(
        result.scenario,
        result,
        is_disturbed=result.is_disturbed,
        pairs=[_medians_s(block) for block in result.blocks],
    )


def _medians_s(block: Block) -> tuple[float, float | None]:
    return block_median_s(block.samples_s), block.reference_s


def _timed(
    scenario: Scenario,
    cell: _Cell | CellResult,
    *,
    is_disturbed: bool,
    pairs: Sequence[tuple[float, float | None]],
) -> TimedCell:
    is_reference = cell.implementation == cell.reference
    ratios = [own_s / reference_s for own_s, reference_s in pairs if reference_s is not None]
    return TimedCell(
        scenario=scenario,
        implementation=cell.implementation,
        family=cell.family,
        reference=cell.reference,
        threads=cell.threads,
        is_disturbed=is_disturbed,
        time_s=Mean.of([own_s for own_s, _ in pairs]) if pairs else None,
        over_reference=Mean.of(ratios) if ratios and not is_reference else None,
    )
