"""A run as a history needs it: what its cells are and how long they took, without the samples.

Of 200 runs all samples are hundreds of megabytes of Python objects, and most of what a record
holds is no matter to a history. What is read here is checked as it is everywhere; what is not is
left alone. Nothing is kept between two calls, so that nothing can be out of date.
"""

from __future__ import annotations

import functools
import marshal
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from suite.ranges import AtLeastOne, CallSeconds, Misfit, shown
from suite.records import decoder, from_plain
from suite.results.cell import CellResult, Status, cell_key
from suite.results.folder import RESULTS, Run, no_cells, read_manifest, read_records
from suite.stats.intervals import block_median_s
from suite.workload import AnyScenario

PLAIN = 2
"""marshal's version without references, in which equal values are equal bytes. No other way to
tell 1, 1.0 and True apart is as fast, and these bytes never leave the process."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A geometric mean over the blocks of one cell."""

    value: float
    variance: float | None
    """Of its logarithm; None with one block."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        logs = [math.log(value) for value in values]
        centre = sum(logs) / len(logs)
        # statistics.variance sums fractions, which takes a hundred times as long.
        squares = sum([(value - centre) ** 2 for value in logs])
        spread = squares / (len(logs) - 1) / len(logs) if len(logs) > 1 else None
        return cls(math.exp(centre), spread)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedCell:
    """One cell of a run: what it is, and what its blocks took."""

    scenario: AnyScenario
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
class _Cell:
    """What of a record says what its cell is; each stands in many runs."""

    scenario: AnyScenario
    implementation: str
    family: str
    status: Status
    reference: str = "torch"
    threads: AtLeastOne | None = None


_NAMES = tuple(field.name for field in fields(_Cell))
_samples_s = decoder(tuple[CallSeconds, ...])
_reference_s = decoder(CallSeconds | None)
_is_disturbed = decoder(bool)


def _of_plain(plain: Any) -> TimedCell:
    """Return a cell from a record of results.jsonl.

    Raises:
        Misfit: what is read of it is none.
    """
    cell = _cell(plain)
    blocks = plain.get("blocks", ())
    if type(blocks) not in (list, tuple):
        raise Misfit(f"found {shown(blocks)}, expected a list", "blocks")
    if (cell.status is Status.PASSED) != bool(blocks):
        raise Misfit(f"found {len(blocks)} with status {cell.status}", "blocks")
    pairs, is_disturbed = [], False
    try:
        for block in blocks:
            if type(block) is not dict:
                raise Misfit(f"found {shown(block)}, expected a Block")
            pairs.append(_pair(block))
            is_disturbed |= _was_disturbed(block.get("contention"))
    except Misfit as misfit:
        raise misfit.inside(len(pairs)).inside("blocks") from None
    return _timed(cell, pairs, is_disturbed=is_disturbed)


def _pair(block: dict[str, Any]) -> tuple[float, float | None]:
    """Return the median of a block's samples, and that of the reference in it."""
    name = "samples_s"
    try:
        samples_s = _samples_s(block.get(name))
        if not samples_s:
            raise Misfit("found none, expected one or more")
        name = "reference_s"
        return block_median_s(samples_s), _reference_s(block.get(name))
    except Misfit as misfit:
        raise misfit.inside(name) from None


def _was_disturbed(contention: Any) -> bool:
    if contention is None:
        return False
    if type(contention) is not dict:
        raise Misfit(f"found {shown(contention)}, expected a Contention", "contention")
    try:
        return bool(_is_disturbed(contention.get("disturbed", False)))
    except Misfit as misfit:
        raise misfit.inside("contention.disturbed") from None


def _cell(plain: Any) -> _Cell:
    if type(plain) is not dict:
        raise Misfit(f"found {shown(plain)}, expected a CellResult")
    try:
        return _cell_of(
            marshal.dumps({name: plain[name] for name in _NAMES if name in plain}, PLAIN)
        )
    except Misfit:
        raise
    except ValueError:
        raise Misfit("nested too deeply", "scenario") from None


@functools.lru_cache(maxsize=8192)
def _cell_of(written: bytes) -> _Cell:
    return from_plain(_Cell, marshal.loads(written))


# -- from a result ---------------------------------------------------------------------------------


def _of_result(result: CellResult) -> TimedCell:
    pairs = [(block_median_s(block.samples_s), block.reference_s) for block in result.blocks]
    return _timed(result, pairs, is_disturbed=result.is_disturbed)


def _timed(
    cell: _Cell | CellResult, pairs: Sequence[tuple[float, float | None]], *, is_disturbed: bool
) -> TimedCell:
    """Return a cell from what it is, and own and reference's time of each block."""
    is_reference = cell.implementation == cell.reference
    ratios = [own_s / reference_s for own_s, reference_s in pairs if reference_s is not None]
    return TimedCell(
        scenario=cell.scenario,
        implementation=cell.implementation,
        family=cell.family,
        reference=cell.reference,
        threads=cell.threads,
        is_disturbed=is_disturbed,
        time_s=Mean.of([own_s for own_s, _ in pairs]) if pairs else None,
        over_reference=Mean.of(ratios) if ratios and not is_reference else None,
    )
