"""A calibration as lines for a terminal, and as a record for a file."""

from __future__ import annotations

import dataclasses
from statistics import median
from typing import Any

from reports import units
from suite.gate.calibrated import Calibration, CellCalibration


def lines(calibration: Calibration, wished: float) -> list[str]:
    """Return one line a cell, the least visible first, then what it means for a gate run."""
    cells = sorted(calibration.cells, key=lambda cell: -cell.visible)
    width = max(len(cell.cell) for cell in cells)
    shown = [
        f"{cell.cell:<{width}}  {units.seconds(cell.base_s):>8}  spread {cell.spread:6.1%}  "
        f"sees {cell.visible:6.1%}  {_blocks(cell, wished)}"
        for cell in cells
    ]
    return [*shown, "", *_summary(calibration, wished)]


def _blocks(cell: CellCalibration, wished: float) -> str:
    if cell.blocks_wished is None:
        return f"{wished:.1%} cannot be seen"
    return f"{wished:.1%} takes {cell.blocks_wished} blocks"


def _summary(calibration: Calibration, wished: float) -> list[str]:
    alarms = calibration.false_alarms
    visible = [cell.visible for cell in calibration.cells]
    text = [
        f"margin {calibration.margin:.1%}: with {calibration.most_blocks} blocks the gate sees "
        f"{median(visible):.1%} in the median cell, {max(visible):.1%} in the worst, nine times "
        "of ten",
        f"bias that survives pairing: {calibration.bias:.2%}",
        f"false alarms: {alarms.runs_failing} of {alarms.runs} decisions on equal code failed "
        f"(at most {alarms.most_failing:.1%} if they were independent), {alarms.cells_flagged} of "
        f"{alarms.cells} cells; {alarms.undecided / alarms.cells:.1%} could not be told",
    ]
    worst = max(calibration.cells, key=lambda cell: cell.blocks_wished or 10**6)
    for scope, cells in (("the worst cell", [worst]), ("all cells", list(calibration.cells))):
        seconds = calibration.seconds_for(cells)
        text.append(
            f"to see {wished:.1%} in {scope}, a gate would need "
            + (f"{seconds:.0f} s" if seconds is not None else "another machine: the bias is larger")
        )
    return text


def record(calibration: Calibration, wished: float) -> dict[str, Any]:
    return {
        "wished": wished,
        **dataclasses.asdict(calibration),
        "most_failing": calibration.false_alarms.most_failing,
    }
