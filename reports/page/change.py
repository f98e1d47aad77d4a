"""The first screen of a page that compares two runs."""

from __future__ import annotations

from typing import Any

from reports import units
from reports.compare import CellChange, Comparison, name_of
from reports.compare_text import summary

MOST_ROWS = 12


def comparison_facts(comparison: Comparison) -> dict[str, Any]:
    """Return the sentences and the short tables that stand above everything else."""
    return {
        "summary": summary(comparison),
        "drift_note": comparison.drift_note,
        "base": name_of(comparison.base),
        "head": name_of(comparison.head),
        "slower": [_row(change) for change in comparison.slower[:MOST_ROWS]],
        "faster": [_row(change) for change in comparison.faster[:MOST_ROWS]],
        "noted": [
            f"{change.scenario} × {change.implementation}: {change.note}"
            for change in comparison.noted[:MOST_ROWS]
        ],
        "more_noted": max(0, len(comparison.noted) - MOST_ROWS),
    }


def _row(change: CellChange) -> tuple[str, str, str, str]:
    ratio = change.ratio
    interval = ""
    if ratio and ratio.low is not None and ratio.high is not None:
        interval = f"{units.digits(ratio.low)} to {units.times(ratio.high)}"
    return (
        f"{change.scenario} × {change.implementation}",
        units.seconds(change.head.time_s if change.head else None),
        units.times(ratio.value if ratio else None),
        interval,
    )
