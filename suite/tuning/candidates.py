"""Rows that may stand in for torch on a problem: advised, loaded, and exact enough.

Called where convolutions are computed: loading a row imports its module, with all that it needs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from suite.conditions import Scenario
from suite.errors import UsageError
from suite.problem import Problem
from suite.registry import Implementation, Source, get, load
from suite.tuning.advice import advise
from suite.tuning.eligible import is_eligible
from suite.tuning.store import Conditions, Row

TREE = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Candidates:
    """Rows to try before torch, the fastest first, and a sentence on where that comes from."""

    entries: tuple[Implementation, ...]
    source: str


@functools.lru_cache(maxsize=1024)
def candidates(
    problem: Problem, conditions: Conditions, torch_version: str, falls_back: bool = False
) -> Candidates:
    """Return what this machine's table, or the built-in model, says to try for a problem.

    Only rows that are there, cover the problem and may replace torch are among them.

    Args:
        falls_back: see `prior.prior_predictions`.
    """
    advice = advise(problem, conditions, torch_version, falls_back)
    scenario = Scenario(id="candidate", problem=problem, dtype=conditions.dtype)
    loaded = (load_row(prediction.row) for prediction in advice.predictions)
    entries = (entry for entry in loaded if entry and may_compute(entry, scenario))
    return Candidates(tuple(entries), advice.source)


def may_compute(entry: Implementation, scenario: Scenario) -> bool:
    """Return whether a row may stand in for torch, and covers a scenario."""
    return is_eligible(entry) and entry.why_unsupported(scenario) is None


def load_row(row: Row) -> Implementation | None:
    """Return a row, its module loaded; None where it is no longer there."""
    try:
        load(Source(row.module, TREE))
        return get(row.name)
    except UsageError:
        return None
