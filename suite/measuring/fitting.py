"""What fits into what is left of a budget: who comes first, and who is left out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator

from suite.measuring.arm import Arm
from suite.measuring.cell import Cell
from suite.measuring.deadline import Deadline
from suite.measuring.settings import Settings

LOADING_SHARE, GATES_SHARE = 0.3, 0.6
"""Of what a scenario has left at that point: within a budget the first block has to fit, too."""
AROUND_A_BLOCK_S = 0.15
"""Packing, warming up, judging: what a block takes besides its calls, in a short cell."""
SLOW_FAMILIES = ("loops", "reference")


def place_in_line(arm: Arm, reference: str) -> int:
    """Return when an arm is looked at: where the budget ends early, the last ones are left out."""
    if arm.key == reference:
        return 0
    return 1 if arm.by_name else 3 if arm.family in SLOW_FAMILIES else 2


@contextlib.contextmanager
def held_to(deadline: Deadline | None, cell: Cell) -> Iterator[None]:
    """Hold a cell to an earlier deadline than the run's; None: it may take what there is."""
    cell.worker.deadline = deadline
    try:
        yield
    finally:
        cell.worker.deadline = None


def gate_s(cell: Cell) -> float:
    """Return about what a cell still takes up to the end of the gates."""
    return cell.call_s or 0.0


def first_block_s(cell: Cell, settings: Settings) -> float:
    """Return about what a cell's first block takes: it packs, warms up and takes a turn."""
    call_s = cell.call_s or 0.0
    return AROUND_A_BLOCK_S + 2 * call_s + max(call_s, settings.first_block_s)


def leave_out_beyond(
    deadline: Deadline, cells: Iterable[Cell], seconds_of: Callable[[Cell], float]
) -> None:
    """Leave out the cells that do not fit into what is left, beside those before them."""
    if math.isinf(deadline.at_s):
        return
    left_s = deadline.left_s
    for cell in cells:
        if seconds_of(cell) > left_s:
            cell.leave_out()
        else:
            left_s -= seconds_of(cell)
