"""Runs as pandas DataFrames: the rows of results.csv with a dtype for each column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from reports.csv_table import COLUMNS, row
from suite.errors import UsageError
from suite.problem import PROBLEM_FIELDS
from suite.results.folder import MANIFEST, Run
from suite.results.folder import read_run as read_folders

TEXTS = frozenset(
    ("scenario", "implementation", "family", "device", "dtype", "memory_format", "direction")
    + ("status", "reason", "reference", "cache", "source", "precision", "notes", "algorithm")
    + ("bound_by", "bound", "instructions_path", "not_profiled")
)
TRUTHS = frozenset(("bias", "deterministic"))
WHOLE = frozenset(PROBLEM_FIELDS) - TRUTHS | {
    "blocks",
    "samples",
    "direct_flops",
    "peak_bytes",
    "threads",
    "occurrences",
    "least_bytes",
    "operators",
    "layout_conversions",
}
"""Every other column is float64: times, ratios, and counts that may be estimates."""


def read_run(folder: Path) -> pd.DataFrame:
    """Return one run; see `convgauge.read_run`."""
    return _frame([read_folders([folder])])


def read_runs(folders: Sequence[Path]) -> pd.DataFrame:
    """Return many runs, with the columns `run` and `started_at` first; see `convgauge.read_runs`.

    Raises:
        UsageError: a folder without a run in it, or nothing measured in any.
    """
    runs = [run for folder in folders for run in _runs_in(folder)]
    if not runs:
        raise UsageError("no folder of a run was given; give some, or one that holds them")
    frame = _frame(runs)
    frame.insert(0, "run", _of_each_cell([str(run.folder) for run in runs], runs, "string"))
    starts = pd.to_datetime([run.manifest.get("started_at") for run in runs], utc=True)
    frame.insert(1, "started_at", _of_each_cell(starts, runs, starts.dtype))
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
    for place in inner:
        try:
            runs.append(read_folders([place]))
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


def _of_each_cell(values: Iterable[object], runs: Iterable[Run], dtype: object) -> pd.Series:
    """Return one value of each run as often as it has cells."""
    repeated = [v for v, run in zip(values, runs, strict=True) for _ in run.results]
    return pd.Series(repeated, dtype=dtype)  # type: ignore[call-overload, no-any-return]
