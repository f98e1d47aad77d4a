"""When a cell has been measured enough: its interval is narrow, or its blocks or time are spent."""

from __future__ import annotations

import math

from suite.measuring.cell import Cell
from suite.measuring.settings import Settings
from suite.stats import intervals

LEAST_TRIES = 2
"""Blocks before it is said that others hold the cores all the time."""


def has_enough(
    cell: Cell, settings: Settings, blocks_run: int, *, is_reference: bool = False
) -> bool:
    """Return whether a cell needs no other block.

    Args:
        blocks_run: of the scenario so far, those that do not count included.
        is_reference: whether its own time is wanted, not its ratio to the reference's.
    """
    if blocks_run < _least_blocks(cell, settings):
        return False
    known = _is_known(cell, settings, is_reference=is_reference)
    return known or not _may_have_another(cell, settings, blocks_run)


def _least_blocks(cell: Cell, settings: Settings) -> int:
    least = min(settings.least_blocks, settings.blocks)
    return min(least, settings.least_over_budget) if _is_over_budget(cell, settings) else least


def _is_over_budget(cell: Cell, settings: Settings) -> bool:
    return cell.spent_s > settings.cell_budget_s


def _may_have_another(cell: Cell, settings: Settings, blocks_run: int) -> bool:
    """Return whether a cell gets one more block; disturbed ones are measured again.

    Half as many again at most, and not where others held the cores in all there were.
    """
    most = settings.blocks
    if blocks_run < most:
        return True
    if not cell.disturbed or blocks_run >= most + math.ceil(most / 2):
        return False
    return len(cell.blocks) < most and (bool(cell.blocks) or blocks_run < LEAST_TRIES)


def _is_known(cell: Cell, settings: Settings, *, is_reference: bool) -> bool:
    if _is_over_budget(cell, settings):
        return True
    if len(cell.blocks) < _least_blocks(cell, settings):  # some discarded, or disturbed
        return False
    medians_s = [intervals.block_median_s(block.samples_s) for block in cell.blocks]
    references_s = [block.reference_s for block in cell.blocks]
    ratios = [
        median_s if reference_s is None or is_reference else reference_s / median_s
        for median_s, reference_s in zip(medians_s, references_s, strict=True)
    ]
    half_width = intervals.log_interval(ratios).half_width
    return half_width is not None and half_width <= settings.target_half_width
