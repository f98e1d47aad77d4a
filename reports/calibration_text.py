"""A calibration as lines for a terminal, and as a record for a file."""

from __future__ import annotations

import dataclasses
from statistics import median
from typing import Any

from reports import units
from suite.gate.calibrated import Calibration, CellCalibration


def lines(found: Calibration, wished: float) -> list[str]:
    """Return one line a cell, the least visible first, then what it means for a gate run."""
    cells = sorted(found.cells, key=lambda cell: -cell.visible)
    width = max(len(cell.cell) for cell in cells)
    shown = [
        f"{cell.cell:<{width}}  {units.seconds(cell.base_s):>8}  spread {cell.spread:6.1%}  "
        f"sees {cell.visible:6.1%}  {_blocks(cell, wished)}"
        for cell in cells
    ]
    return [*shown, "", *_summary(found, wished)]


def _blocks(cell: CellCalibration, wished: float) -> str:
    if cell.blocks_wished is None:
        return f"{wished:.1%} cannot be seen"
    return f"{wished:.1%} takes {cell.blocks_wished} blocks"


def _summary(found: Calibration, wished: float) -> list[str]:
    alarms = found.false_alarms
    visible = [cell.visible for cell in found.cells]
    text = [
        f"margin {found.margin:.1%}: with {found.most_blocks} blocks the gate sees "
        f"{median(visible):.1%} in the median cell, {max(visible):.1%} in the worst, nine times "
        "of ten",
        f"bias that survives pairing: {found.bias:.2%}",
        f"false alarms: {alarms.runs_failing} of {alarms.runs} decisions on equal code failed "
        f"(at most {alarms.most_failing:.1%} if they were independent), {alarms.cells_flagged} of "
        f"{alarms.cells} cells; {alarms.undecided / alarms.cells:.1%} could not be told",
    ]
    one = max(found.cells, key=lambda cell: cell.blocks_wished or 10**6)
    for what, cells in (("the worst cell", [one]), ("all cells", list(found.cells))):
        seconds = found.seconds_for(cells)
        text.append(
            f"to see {wished:.1%} in {what}, a gate would need "
            + (f"{seconds:.0f} s" if seconds is not None else "another machine: the bias is larger")
        )
    return text


def record(found: Calibration, wished: float) -> dict[str, Any]:
    return {
        "wished": wished,
        **dataclasses.asdict(found),
        "most_failing": found.false_alarms.most_failing,
    }
