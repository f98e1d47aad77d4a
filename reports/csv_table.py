"""results.csv: one row a cell. The column order is a contract; new columns join at the end."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from suite.kinds import absent_fields
from suite.phases import NAMES
from suite.problem import FIELDS_OF_CONV2D, FIELDS_OF_OTHER_KINDS, Problem
from suite.results.cell import CellResult
from suite.results.contention import largest_others_share
from suite.results.folder import Run
from suite.results.inside import write_whole
from suite.results.profile import CellProfile
from suite.results.roofline import roofline_of
from suite.results.summary import summarise
from suite.workload import Network

FILE = "results.csv"

PROFILE_COLUMNS = (
    *(f"phase_{name}" for name in (*NAMES, "unmarked")),
    "profiled_call_s",
    "live_peak_bytes",
    "system_peak_bytes",
    "outside_bytes",
    "counted_flops",
    "moved_bytes",
    "intensity",
    "roof_share",
    "bound_by",
    "bound",
    "operators",
    "overhead_s",
    "parallel_efficiency",
    "instructions",
    "instructions_path",
    "hardware_instructions",
    "hardware_cycles",
    "not_profiled",
)
"""Empty unless the run was profiled. Phases are shares of the unprofiled time of a call."""

COLUMNS = (
    "scenario",
    "implementation",
    "family",
    "device",
    "dtype",
    "memory_format",
    "direction",
    *FIELDS_OF_CONV2D,
    "status",
    "reason",
    "median_s",
    "median_low_s",
    "median_high_s",
    "min_s",
    "blocks",
    "samples",
    "reference",
    "speedup",
    "speedup_low",
    "speedup_high",
    "direct_flops",
    "gflops",
    "roofline_fraction",
    "prepare_s",
    "peak_bytes",
    "rel_l2_error",
    "worst_error_ratio",
    # Beyond the contract.
    "threads",
    "cache",
    "occurrences",
    "source",
    "precision",
    "deterministic",
    "least_bytes",
    "workspace_bytes",
    "executed_flops",
    "executed_gflops",
    "break_even_calls",
    "notes",
    *PROFILE_COLUMNS,
    "measured_workspace_bytes",
    "joules_per_call",
    "algorithm",
    "layout_conversions",
    "disturbed",
    "others_share",
    "blocks_set_aside",
    "epilogue",
    *FIELDS_OF_OTHER_KINDS,
    "machine",
    "values",
    "weight_values",
)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that starts like this for a formula (OWASP, "CSV Injection")."""


def row(result: CellResult, profile: CellProfile | None = None) -> dict[str, Any]:
    """Return one cell as the values of `COLUMNS`; absent is None."""
    scenario, problem = result.scenario, result.scenario.problem
    values: dict[str, Any] = {
        **_sizes(problem),
        "scenario": scenario.id,
        "implementation": result.implementation,
        "family": result.family,
        "device": scenario.device,
        "dtype": scenario.dtype,
        "memory_format": scenario.memory_format,
        "direction": scenario.direction,
        "status": result.status.value,
        "reason": result.reason or None,
        "reference": result.reference,
        "direct_flops": problem.direct_flops,
        "peak_bytes": result.peak_bytes,
        "threads": result.threads,
        "cache": scenario.cache_state,
        "occurrences": scenario.occurrences,
        "values": scenario.values,
        "weight_values": scenario.weight_values,
        "source": scenario.source or None,
        "precision": result.precision,
        "deterministic": result.deterministic,
        "least_bytes": scenario.least_bytes,
        "workspace_bytes": result.workspace_bytes,
        "executed_flops": result.executed_flops,
        "notes": "; ".join(result.notes) or None,
    }
    values["measured_workspace_bytes"] = result.measured_workspace_bytes
    values["joules_per_call"] = result.joules_per_call
    if ran := result.ran:
        values |= {"algorithm": ran.algorithm, "layout_conversions": ran.layout_conversions}
    if residuals := result.residuals:
        values["rel_l2_error"] = residuals.rel_l2_error
        values["worst_error_ratio"] = residuals.worst_error_ratio
    values["machine"] = result.machine
    if summary := summarise(result):
        values |= {
            "median_s": summary.time_s.value,
            "median_low_s": summary.time_s.low,
            "median_high_s": summary.time_s.high,
            "min_s": summary.min_s,
            "blocks": summary.blocks,
            "samples": summary.samples,
            "gflops": summary.gflops,
            "roofline_fraction": summary.roofline_fraction,
            "prepare_s": summary.prepare_s,
            "executed_gflops": summary.executed_gflops,
            "break_even_calls": summary.break_even_calls,
            "disturbed": summary.disturbed,
            "others_share": largest_others_share([block.contention for block in result.blocks]),
            "blocks_set_aside": len(result.set_aside),
        }
        if speedup := summary.speedup:
            values |= {
                "speedup": speedup.value,
                "speedup_low": speedup.low,
                "speedup_high": speedup.high,
            }
    if profile:
        values |= profile_values(result, profile)
    return {column: values.get(column) for column in COLUMNS}


def _sizes(problem: Problem | Network) -> dict[str, Any]:
    """Return a problem's fields without what its kind has not: axes, and output padding.

    A network has none of them.
    """
    if isinstance(problem, Network):
        return {}
    absent = absent_fields(problem.kind)
    return {name: value for name, value in problem.to_dict().items() if name not in absent}


def profile_values(result: CellResult, profile: CellProfile) -> dict[str, Any]:
    """Return what profiling adds to a row."""
    values: dict[str, Any] = {
        "parallel_efficiency": profile.parallel_efficiency,
        "instructions": profile.instructions,
        "instructions_path": profile.instructions_path or None,
        "not_profiled": "; ".join(f"{part}: {why}" for part, why in profile.missing.items()),
    }
    if phases := profile.phases:
        values |= {f"phase_{name}": phases.share(name) for name in phases.phases_s}
        values |= {
            "phase_unmarked": phases.unmarked_share,
            "profiled_call_s": phases.unprofiled_s,
        }
    if memory := profile.memory:
        values |= {
            "live_peak_bytes": memory.peak_bytes,
            "system_peak_bytes": memory.system_peak_bytes,
            "outside_bytes": memory.outside_bytes,
        }
    if operators := profile.operators:
        values |= {
            "counted_flops": operators.counts.counted_flops,
            "moved_bytes": operators.counts.moved_bytes,
            "operators": operators.operators,
            "overhead_s": operators.overhead_s,
        }
    if roofline := roofline_of(result, profile):
        values |= {
            "intensity": roofline.intensity,
            "roof_share": roofline.roof_share,
            "bound_by": roofline.by,
            "bound": roofline.sentence,
        }
    if counters := profile.counters:
        values["hardware_instructions"] = counters.get("instructions")
        values["hardware_cycles"] = counters.get("cycles")
    return values


def field(value: Any) -> str:
    """Return a value as the text of one field that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9g}"
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    return text.replace("\r", " ")  # before Python 3.13 csv leaves it unquoted and tears the row


def render(run: Run) -> str:
    """Return the whole table as comma-separated text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in run.results:
        values = row(result, run.profiles.get(result.key))
        writer.writerow([field(value) for value in values.values()])
    return text.getvalue()


def write(run: Run, out: Path) -> Path:
    """Write results.csv into the folder `out`."""
    write_whole(out / FILE, render(run))
    return out / FILE
