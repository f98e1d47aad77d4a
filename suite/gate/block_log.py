"""blocks.jsonl: the paired times of every block, on disk before the next one starts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from suite.gate.decision import CellTimes, Request

BLOCKS = "blocks.jsonl"


class BlockWriter:
    """Appends one line a block: stage, number, and the sides' times in seconds by cell.

    Cells that others disturbed are named: nothing is concluded from their times.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / BLOCKS).open("a", encoding="utf-8")

    def add(self, request: Request, times: Mapping[str, CellTimes]) -> None:
        cells = {
            cell: [_rounded(t.base_s), _rounded(t.head_s), t.null_s and _rounded(t.null_s)]
            for cell, t in times.items()
        }
        record = {"stage": request.stage, "block": request.number, "cells": cells}
        if disturbed := [cell for cell, t in times.items() if t.disturbed]:
            record["disturbed"] = disturbed
        self._file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.6g}")
