"""What the exports for other tools share: passed cells only, and strict JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reports.matrix import Matrix, MatrixCell
from suite.results.folder import Run
from suite.results.inside import write_whole
from suite.results.summary import Summary

NS_PER_S = 1e9


def passed(run: Run) -> list[tuple[MatrixCell, Summary]]:
    """Return the passed cells with their numbers; these formats have no place for others."""
    return [(cell, cell.summary) for cell in Matrix.of(run).passed if cell.summary]


def write_json(path: Path, value: Any) -> Path:
    """Write strict JSON: no NaN, which most readers refuse."""
    write_whole(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    return path
