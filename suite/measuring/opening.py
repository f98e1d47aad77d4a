"""The processes of a block: kept ones and fresh ones, which open the scenario side by side."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Container, Sequence

from suite.measuring.cell import Cell
from suite.measuring.deadline import Deadline
from suite.measuring.fitting import held_to
from suite.measuring.kept import KeptProcesses
from suite.processes.shared_memory import SharedMemory

STARTED_AT_ONCE = 4
"""Within a budget, which may end meanwhile."""


def open_all(
    cells: Sequence[Cell],
    shared: SharedMemory,
    until: Deadline,
    kept: KeptProcesses | None,
    *,
    threads: int,
    at_any_cost: Cell | None,
) -> None:
    """Have a process for each cell open the scenario: a kept one, or a fresh one.

    Fresh ones are started all at once. Cells whose turn does not come before the deadline are left
    out.

    Args:
        threads: so many open it side by side. A row does so in milliseconds; a network's arm builds
            its model and packs or compiles it, for the most part on one core.
        at_any_cost: who may take what there is.
    """
    at_once = len(cells) if math.isinf(until.at_s) else STARTED_AT_ONCE
    for first in range(0, len(cells), max(at_once, 1)):
        some = cells[first : first + at_once]
        if first and until.passed:
            for cell in cells[first:]:
                cell.leave_out()
            break
        fresh = {cell for cell in some if kept is None or not kept.lend(cell)}
        for cell in fresh:
            cell.worker.await_exits()  # who was there before goes first, as files may be few
        for cell in some:
            if cell in fresh:
                cell.start()
        for one in range(0, len(some), threads):
            _open(some[one : one + threads], fresh, shared, until, at_any_cost)


def _open(
    cells: Sequence[Cell],
    fresh: Container[Cell],
    shared: SharedMemory,
    until: Deadline,
    at_any_cost: Cell | None,
) -> None:
    with contextlib.ExitStack() as at_work:
        for cell in cells:
            at_work.enter_context(held_to(None if cell is at_any_cost else until, cell))
            if cell in fresh:
                cell.loaded()
            at_work.enter_context(cell.opening(shared, beside_others=len(cells) > 1))
