"""pytest-benchmark's JSON, so that `pytest-benchmark compare` reads a run.

A round is a block: its median is one independent observation. The statistics follow
pytest-benchmark's own definitions (its stats.py), as its readers recompute nothing.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from reports.exports import passed, write_json
from suite.results.cell import CellResult
from suite.results.folder import Run
from suite.stats.intervals import block_median_s

FILE = "pytest-benchmark.json"


def write(run: Run, out: Path) -> Path:
    """Write the file into the folder `out`."""
    return write_json(out / FILE, document(run))


def document(run: Run) -> dict[str, Any]:
    """Return the whole document: one benchmark a passed cell, grouped by scenario."""
    machine = run.manifest.get("machine") or {}
    revision = run.manifest.get("git_revision")
    started = run.manifest.get("started_at")
    return {
        "machine_info": {
            "node": machine.get("hostname"),
            "cpu": {"brand_raw": machine.get("cpu"), "count": machine.get("cores")},
            "system": machine.get("os"),
            "python_version": machine.get("python"),
        },
        "commit_info": {"id": revision, "dirty": bool(run.manifest.get("git_dirty"))},
        "benchmarks": [_benchmark(cell.result) for cell, _ in passed(run)],
        "datetime": started,
        "version": "5.2.3",
    }


def _benchmark(result: CellResult) -> dict[str, Any]:
    name = f"{result.implementation}[{result.scenario.id}]"
    return {
        "group": result.scenario.id,
        "name": name,
        "fullname": f"convgauge::{name}",
        "params": {"scenario": result.scenario.id, "implementation": result.implementation},
        "param": result.scenario.id,
        "extra_info": {
            "family": result.family,
            "reference": result.reference,
            "disturbed": result.is_disturbed,
        },
        "options": {"disable_gc": False, "timer": "perf_counter", "warmup": True},
        "stats": _stats(result),
    }


def _stats(result: CellResult) -> dict[str, Any]:
    rounds_s = sorted(block_median_s(block.samples_s) for block in result.blocks)
    mean_s, median_s = statistics.fmean(rounds_s), statistics.median(rounds_s)
    stddev_s = statistics.stdev(rounds_s) if len(rounds_s) > 1 else 0
    q1, q3 = _quartiles(rounds_s)
    iqr = q3 - q1
    inside = [value for value in rounds_s if q1 - 1.5 * iqr <= value <= q3 + 1.5 * iqr]
    beyond = sum(abs(value - mean_s) > stddev_s for value in rounds_s)
    outliers = len(rounds_s) - len(inside)
    return {
        "min": rounds_s[0],
        "max": rounds_s[-1],
        "mean": mean_s,
        "stddev": stddev_s,
        "rounds": len(rounds_s),
        "median": median_s,
        "iqr": iqr,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": outliers,
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{outliers}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": 1 / mean_s,
        "total": sum(rounds_s),
        "iterations": result.blocks[0].calls_per_sample,
        "data": rounds_s,
    }


def _quartiles(ordered: list[float]) -> tuple[float, float]:
    """Return Tukey's hinges: medians of the halves, the middle one in both."""
    half = (len(ordered) + 1) // 2
    return statistics.median(ordered[:half]), statistics.median(ordered[-half:])
