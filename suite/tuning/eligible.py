"""Which rows may be chosen: measured by `tune`, called by `auto` and in networks."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from suite.declaration import Declaration
from suite.errors import UsageError
from suite.problem import Problem, Scenario
from suite.registry import registering, sources
from suite.tuning.advice import advise
from suite.tuning.store import Conditions

if TYPE_CHECKING:
    from suite.registry.catalogue import Entry  # starts processes, which `auto` has no use for

TREE = str(Path(__file__).resolve().parents[2])
REFERENCE = "torch"
CHOOSER = "auto"
MOST_ERROR_FACTOR = 4
"""Rows that may err more, Winograd's F(6×6, 3×3) among them, are never chosen."""
LEFT_TO_REQUESTS = ("engine", "reference")
TEXTBOOK = ("loops", "loops_unrolled")
"""Families, and loops in Python, that are measured only where somebody names them."""


def is_eligible(declared: Declaration) -> bool:
    """Return whether what a row declares lets it stand in for torch on a CPU."""
    return (
        declared.name not in (CHOOSER, REFERENCE)
        and declared.error_factor <= MOST_ERROR_FACTOR
        and declared.precision is None
        and "cpu" in declared.devices
    )


def usual_rows(entries: Iterable[Entry]) -> list[Entry]:
    """Return the rows that are measured where nobody named any."""
    return [
        entry
        for entry in entries
        if not (
            entry.family in LEFT_TO_REQUESTS or entry.name in TEXTBOOK or entry.declared.on_request
        )
    ]


@functools.lru_cache(maxsize=1024)
def rows_to_try(
    problem: Problem, conditions: Conditions, torch_version: str
) -> tuple[tuple[registering.Implementation, ...], str]:
    """Return the rows to try before torch, the fastest first, and where that comes from.

    Their modules are loaded into this process, and no others.
    """
    advice = advise(problem, conditions, torch_version)
    scenario = Scenario(id=CHOOSER, problem=problem, dtype=conditions.dtype)
    rows = []
    for prediction in advice.predictions:
        entry = _loaded(prediction.row.name, prediction.row.module)
        if entry is not None and covers(entry, scenario):
            rows.append(entry)
    return tuple(rows), advice.source


def covers(entry: registering.Implementation, scenario: Scenario) -> bool:
    """Return whether a row may stand in for torch in a scenario."""
    return is_eligible(entry) and entry.why_unsupported(scenario) is None


def _loaded(name: str, module: str) -> registering.Implementation | None:
    """Return the row `name`, its module loaded; None where it is no longer there."""
    try:
        sources.load(sources.Source(module, TREE))
        return registering.get(name)
    except UsageError:
        return None
