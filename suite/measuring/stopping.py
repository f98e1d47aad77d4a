"""When a cell has been measured enough: its interval is narrow, or its blocks or time are spent.

Cells are looked at after every block, and end by what is seen then; `suite.stats.intervals` allows
for that in every interval it returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from suite.measuring.cell import Cell
from suite.measuring.settings import Settings
from suite.stats import intervals
from suite.stats.intervals import Interval

LEAST_TRIES = 2
"""Blocks before it is said that others hold the cores all the time."""


def has_enough(
    cell: Cell,
    settings: Settings,
    blocks_run: int,
    half_width: float,
    *,
    is_reference: bool = False,
) -> bool:
    """Return whether a cell needs no other block.

    Args:
        blocks_run: of the scenario so far, those that do not count included.
        half_width: to what its speed-up is to be known, on the logarithmic scale.
        is_reference: whether its own time is wanted, not its ratio to the reference's.
    """
    if blocks_run < _least_blocks(cell, settings, half_width):
        return False
    known = _is_known(cell, settings, half_width, is_reference=is_reference)
    return known or not _may_have_another(cell, _most_blocks(settings, half_width), blocks_run)


def blocks_wanted(cell: Cell, settings: Settings, half_width: float) -> float:
    """Return about how many more blocks a cell takes until it has enough, by its spread so far."""
    most = _most_blocks(settings, half_width)
    least = _least_blocks(cell, settings, half_width)
    known = len(cell.blocks)
    if _is_over_budget(cell, settings):
        return max(1, least - known)
    interval = _interval(cell, is_reference=False) if known else None
    if interval is None or interval.half_width is None:
        return max(1, least - known)
    wanted = known * (interval.half_width / half_width) ** 2
    affordable = known * settings.cell_budget_s / max(cell.spent_s, 1e-9)
    return max(1.0, max(least, min(wanted, most, affordable)) - known)


def _least_blocks(cell: Cell, settings: Settings, half_width: float) -> int:
    least = min(settings.least_blocks, settings.blocks)
    if half_width > settings.target_half_width:
        least = min(least, settings.least_when_lost)
    return min(least, settings.least_over_budget) if _is_over_budget(cell, settings) else least


def _most_blocks(settings: Settings, half_width: float) -> int:
    if half_width > settings.target_half_width:
        return min(settings.blocks, settings.most_when_lost)
    return settings.blocks


def _is_over_budget(cell: Cell, settings: Settings) -> bool:
    return cell.spent_s > settings.cell_budget_s


def _may_have_another(cell: Cell, most: int, blocks_run: int) -> bool:
    """Return whether a cell gets one more block; disturbed ones are measured again.

    Half as many again at most, and not where others held the cores in all there were.
    """
    if blocks_run < most:
        return True
    if not cell.disturbed or blocks_run >= most + math.ceil(most / 2):
        return False
    return len(cell.blocks) < most and (bool(cell.blocks) or blocks_run < LEAST_TRIES)


def _is_known(cell: Cell, settings: Settings, wanted: float, *, is_reference: bool) -> bool:
    if _is_over_budget(cell, settings):
        return True
    if len(cell.blocks) < _least_blocks(cell, settings, wanted):  # some discarded, or disturbed
        return False
    half_width = _interval(cell, is_reference=is_reference).half_width
    return half_width is not None and half_width <= wanted


def _interval(cell: Cell, *, is_reference: bool) -> Interval:
    """Return the speed-up over the blocks that count, or the time where that is wanted."""
    ratios: Sequence[float] = [
        median_s if block.reference_s is None or is_reference else block.reference_s / median_s
        for block in cell.blocks
        for median_s in [intervals.block_median_s(block.samples_s)]
    ]
    return intervals.log_interval(ratios)
