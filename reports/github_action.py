"""github-action-benchmark's `customSmallerIsBetter`: name, unit, value, range.

Source: benchmark-action/github-action-benchmark, README, "Using Custom Benchmark Tools".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reports import units
from reports.exports import NS_PER_S, passed, write_json
from suite.results.folder import Run

FILE = "github-action-benchmark.json"


def write(run: Run, out: Path) -> Path:
    """Write the file into the folder `out`."""
    return write_json(out / FILE, entries(run))


def entries(run: Run) -> list[dict[str, Any]]:
    """Return one entry per passed cell: nanoseconds per call."""
    return [
        {
            "name": cell.result.key,
            "unit": "ns",
            "value": summary.time_s.value * NS_PER_S,
            "range": units.spread(summary.time_s.half_width),
            "extra": f"{summary.blocks} blocks, speed-up {cell.speedup_words}",
        }
        for cell, summary in passed(run)
    ]
