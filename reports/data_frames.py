"""Runs as pandas DataFrames: the rows of results.csv with a dtype for each column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reports.csv_table import COLUMNS, row
from reports.history.cell_history import started
from suite.errors import UsageError
from suite.problem import PROBLEM_FIELDS
from suite.results.folder import MANIFEST, Run
from suite.results.folder import read_run as read_folders
from suite.results.inside import leads_elsewhere

TEXTS = {
    "scenario",
    "implementation",
    "family",
    "device",
    "dtype",
    "memory_format",
    "direction",
    "kind",
    "status",
    "reason",
    "reference",
    "cache",
    "epilogue",
    "source",
    "precision",
    "notes",
    "algorithm",
    "bound_by",
    "bound",
    "instructions_path",
    "not_profiled",
    "machine",
    "values",
    "weight_values",
}
TRUTHS = {"bias", "deterministic", "disturbed"}
WHOLE = {*PROBLEM_FIELDS} - TRUTHS - TEXTS | {
    "blocks",
    "samples",
    "direct_flops",
    "peak_bytes",
    "threads",
    "occurrences",
    "least_bytes",
    "live_peak_bytes",
    "system_peak_bytes",
    "outside_bytes",
    "measured_workspace_bytes",
    "counted_flops",
    "moved_bytes",
    "layout_conversions",
    "blocks_set_aside",
}
"""Every other column is float64: times, ratios, means, and what an implementation declares."""


def read_run(folder: Path) -> pd.DataFrame:
    """Return one run; see `convgauge.read_run`."""
    return _frame([read_folders([folder])])


def read_runs(folders: Sequence[Path]) -> pd.DataFrame:
    """Return many runs, with the columns `run` and `started_at` first; see `convgauge.read_runs`.

    Raises:
        UsageError: a folder without a run in it, or nothing measured in any.
    """
    with_repeats = [run for folder in folders for run in _runs_in(folder)]
    runs = list({run.folder.resolve(): run for run in with_repeats}.values())
    if not runs:
        raise UsageError("no folder of a run was given; give some, or one that holds them")
    frame = _frame(runs)
    names = [str(run.folder) for run in runs]
    frame.insert(0, "run", _of_each_cell(names, runs, "string"))
    starts = [pd.to_datetime(started(run), utc=True) for run in runs]
    frame.insert(1, "started_at", _of_each_cell(starts, runs, "datetime64[ns, UTC]"))
    return frame.sort_values("started_at", kind="stable", ignore_index=True)


def _runs_in(folder: Path) -> list[Run]:
    """Return the run in a folder, or the runs in its folders.

    Raises:
        UsageError: there is none, or none with a finished cell.
    """
    inner = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if (folder / MANIFEST).is_file() or not inner:
        return [read_folders([folder])]
    runs, unread = [], []
    for run_folder in inner:
        try:
            if leads_elsewhere(run_folder):
                raise UsageError(f"{run_folder}: is a link; name what it leads to")
            runs.append(read_folders([run_folder]))
        except UsageError as error:
            unread.append(str(error))
    if not runs:
        raise UsageError("\n".join([f"{folder}: no run that can be read", *unread]))
    return runs


def _frame(runs: Iterable[Run]) -> pd.DataFrame:
    rows = [row(cell, run.profiles.get(cell.key)) for run in runs for cell in run.results]
    columns = {
        name: pd.Series([values[name] for values in rows], dtype=_dtype(name)) for name in COLUMNS
    }
    return pd.DataFrame(columns)


def _dtype(column: str) -> str:
    if column in TEXTS:
        return "string"
    if column in TRUTHS:
        return "boolean"
    return "Int64" if column in WHOLE else "float64"


def _of_each_cell(values: Sequence[Any], runs: Sequence[Run], dtype: str) -> pd.Series:
    """Return one value of each run as often as it has cells."""
    repeated = [value for value, run in zip(values, runs, strict=True) for _ in run.results]
    return pd.Series(repeated, dtype=dtype)
