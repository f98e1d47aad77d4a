"""Bencher Metric Format: benchmark → measure → value with its lower and upper end.

Source: bencher.dev/docs/reference/bencher-metric-format; `latency` is in nanoseconds there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reports.exports import NS_PER_S, passed, write_json
from suite.results.folder import Run

FILE = "bencher.json"


def write(run: Run, out: Path) -> Path:
    """Write the file into the folder `out`."""
    return write_json(out / FILE, metrics(run))


def metrics(run: Run) -> dict[str, Any]:
    """Return `latency` of every passed cell, and `peak-memory` in bytes where it is known.

    Disturbed cells are left out: the format has no place for a mark, and Bencher would take what
    others did to the machine for a change of the code.
    """
    benchmarks: dict[str, Any] = {}
    for cell, summary in passed(run):
        if cell.is_disturbed:
            continue
        latency = {"value": summary.time_s.value * NS_PER_S}
        if summary.time_s.low is not None and summary.time_s.high is not None:
            latency["lower_value"] = summary.time_s.low * NS_PER_S
            latency["upper_value"] = summary.time_s.high * NS_PER_S
        measures = {"latency": latency}
        if cell.result.peak_bytes is not None:
            measures["peak-memory"] = {"value": cell.result.peak_bytes}
        benchmarks[cell.result.key] = measures
    return benchmarks
