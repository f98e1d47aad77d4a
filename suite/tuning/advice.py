"""What to try for a problem on this machine, best first: as it was measured, or as predicted.

Called by `auto`, in whichever process computes; nothing is measured for it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from suite.errors import UsageError
from suite.problem import Problem
from suite.tuning.gaussian_process import squeezed
from suite.tuning.prior import prior_predictions
from suite.tuning.remembered import recall
from suite.tuning.selector import Prediction, Selector, best_first
from suite.tuning.store import (
    TO_TUNE,
    Conditions,
    TuningTable,
    cache_folder,
    fingerprint_of,
    machine_facts,
    read_table,
    table_path,
)


@dataclass(frozen=True)
class Advice:
    """Rows to try before torch, and a sentence on where that comes from."""

    predictions: tuple[Prediction, ...]
    source: str


@dataclass(frozen=True)
class TableLookup:
    """This machine's table, or why there is none."""

    table: TuningTable | None
    remark: str


def advise(
    problem: Problem, conditions: Conditions, torch_version: str, falls_back: bool = False
) -> Advice:
    """Return what to try for a problem; never raises for a missing or damaged table.

    Args:
        falls_back: see `prior.prior_predictions`.
    """
    if known := recall(problem, conditions, torch_version):
        gains = [Prediction(gain.row, gain.log_speedup, gain.error) for gain in known.measured]
        return Advice(tuple(best_first(gains)), "what was measured on it in a network")
    lookup = _find(cache_folder(), torch_version)
    selector = _selector(lookup, conditions)
    if selector is None:
        remark = f"nothing was tuned for {conditions}" if lookup.table else lookup.remark
        return Advice(
            tuple(best_first(prior_predictions(problem, conditions, falls_back))),
            f"the built-in model ({remark})",
        )
    assert lookup.table is not None
    return Advice(
        tuple(best_first(selector.predictions(problem))), f"the table of {lookup.table.made_at}"
    )


def expected_gains(
    problem: Problem, conditions: Conditions, torch_version: str
) -> dict[str, float]:
    """Return row → expected log speed-up over torch, of each that anything is known of.

    Safe or not, and squeezed (see `gaussian_process`): for putting rows in order.
    """
    if known := recall(problem, conditions, torch_version):
        return {gain.row.name: squeezed(gain.log_speedup) for gain in known.measured}
    selector = _selector(_find(cache_folder(), torch_version), conditions)
    predictions = (
        selector.predictions(problem) if selector else prior_predictions(problem, conditions)
    )
    return {each.row.name: each.log_speedup for each in predictions}


@functools.lru_cache(maxsize=8)
def _find(folder: Path, torch_version: str) -> TableLookup:
    tables = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not tables:  # asking for the machine's facts takes a second on some systems
        return TableLookup(None, f"no table yet: {TO_TUNE}")
    fingerprint = fingerprint_of(machine_facts(torch_version))
    path = table_path(fingerprint)
    if path not in tables:
        return TableLookup(
            None, f"the table in {folder} is of another machine or another torch: {TO_TUNE}"
        )
    try:
        table = read_table(path)
    except UsageError as error:
        return TableLookup(None, str(error))
    if table.fingerprint != fingerprint:
        return TableLookup(None, f"{path} is of another machine or another torch: {TO_TUNE}")
    return TableLookup(table, "")


@functools.lru_cache(maxsize=32)
def _selector_for(folder: Path, torch_version: str, conditions: Conditions) -> Selector | None:
    table = _find(folder, torch_version).table
    trials = table.under(conditions) if table else []
    if not table or not trials:
        return None
    return Selector(trials, table.shapes.get(conditions))


def _selector(lookup: TableLookup, conditions: Conditions) -> Selector | None:
    if lookup.table is None:
        return None
    return _selector_for(cache_folder(), lookup.table.machine["torch"], conditions)
