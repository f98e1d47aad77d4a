"""When a cell has been measured enough: its interval is narrow, or its blocks or time are spent.

Cells are looked at after every block, and end by what is seen then; `suite.stats.intervals` allows
for that in every interval it returns.

Where blocks spread so widely that no number of them that a cell may have makes its interval as
narrow as is wanted, the next coarser step that they can is aimed at. That is stopping for futility
(Lan, Simon and Halperin, Commun. Stat. C 1, 1982): as in Stein's two stages (Ann. Math. Stat. 16,
1945) only the spread seen so far decides, which says nothing of the mean. What is wanted is given
up only where the spread is too wide for it with 90 % confidence. A row of which it is open whether
it is the fastest goes on.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from suite.measuring.cell import Cell
from suite.measuring.settings import Settings
from suite.stats import intervals, student
from suite.stats.intervals import Interval

COARSER = (2.5, 5.0, 10.0)
"""What is aimed at then, in multiples of what is wanted: 5, 10 and 20 %."""
CONFIDENCE = 0.9
"""That what is wanted is out of reach, before a coarser step is aimed at."""
LEAST_TRIES = 2
"""Blocks before it is said that others hold the cores all the time."""


def has_enough(
    cell: Cell,
    settings: Settings,
    blocks_run: int,
    half_width: float,
    *,
    is_settled: bool = True,
    is_far_behind: bool = False,
    is_reference: bool = False,
) -> bool:
    """Return whether a cell needs no other block.

    Args:
        blocks_run: of the scenario so far, disturbed ones included.
        half_width: to what its speed-up is to be known, on the logarithmic scale.
        is_settled: whether it is known to be the fastest of its scenario, or not to be.
        is_far_behind: whether it has lost by so much that no interval is wanted where its calls
            take long.
        is_reference: whether its own time is wanted, not its ratio to the reference's.
    """
    if is_far_behind and cell.blocks and cell.spent_s > settings.lost_budget_s:
        return True
    if blocks_run < _least_blocks(cell, settings, half_width):
        return False
    known = _is_known(cell, settings, half_width, is_settled=is_settled, is_reference=is_reference)
    return known or not _may_have_another(cell, _most_blocks(settings, half_width), blocks_run)


def aimed_at(wanted: float, spread: float, blocks: int, most: int) -> float:
    """Return how narrow an interval is aimed at: what is wanted, or what is in reach of it.

    Args:
        wanted: half width, on the logarithmic scale.
        spread: the deviation between the blocks so far, at least two.
        most: blocks that there may be in the end.
    """
    reached = intervals.half_width_of(spread, max(most, blocks))
    if reached * student.least_spread(blocks - 1, CONFIDENCE) <= wanted:
        return wanted
    steps = [step * wanted for step in COARSER]
    return next((step for step in steps if reached <= step), steps[-1])


def blocks_wanted(cell: Cell, settings: Settings, half_width: float) -> float:
    """Return about how many more blocks a cell takes until it has enough, by its spread so far."""
    most = _most_blocks(settings, half_width)
    least = _least_blocks(cell, settings, half_width)
    known = len(cell.blocks)
    if _is_over_budget(cell, settings, half_width):
        return max(1, least - known)
    interval = _interval(cell, is_reference=False) if known else None
    if interval is None or interval.half_width is None:  # some cells take the least, some the most
        return max(1.0, (least + most) / 2 - known)
    aim = aimed_at(half_width, _spread(cell), known, most) if known > 1 else half_width
    wanted = known * (interval.half_width / aim) ** 2
    affordable = known * _budget_s(settings, half_width) / max(cell.spent_s, 1e-9)
    return max(1.0, max(least, min(wanted, most, affordable)) - known)


def _least_blocks(cell: Cell, settings: Settings, half_width: float) -> int:
    least = min(settings.least_blocks, settings.blocks)
    if half_width > settings.target_half_width:
        least = min(least, settings.least_when_lost)
    is_over = _is_over_budget(cell, settings, half_width)
    return min(least, settings.least_over_budget) if is_over else least


def _most_blocks(settings: Settings, half_width: float) -> int:
    if half_width > settings.target_half_width:
        return min(settings.blocks, settings.most_when_lost)
    return settings.blocks


def _is_over_budget(cell: Cell, settings: Settings, half_width: float) -> bool:
    return cell.spent_s > _budget_s(settings, half_width)


def _budget_s(settings: Settings, half_width: float) -> float:
    if half_width > settings.target_half_width:
        return min(settings.lost_budget_s, settings.cell_budget_s)
    return settings.cell_budget_s


def _may_have_another(cell: Cell, most: int, blocks_run: int) -> bool:
    """Return whether a cell gets one more block; disturbed ones are measured again.

    Half as many again at most, and not where others held the cores in all there were.
    """
    if blocks_run < most:
        return True
    if not cell.disturbed or blocks_run >= most + math.ceil(most / 2):
        return False
    return len(cell.blocks) < most and (bool(cell.blocks) or blocks_run < LEAST_TRIES)


def _is_known(
    cell: Cell, settings: Settings, wanted: float, *, is_settled: bool, is_reference: bool
) -> bool:
    if _is_over_budget(cell, settings, wanted):
        return True
    if len(cell.blocks) < _least_blocks(cell, settings, wanted):  # some discarded, or disturbed
        return False
    half_width = _interval(cell, is_reference=is_reference).half_width
    if half_width is None or half_width <= wanted or not is_settled:
        return half_width is not None and half_width <= wanted
    most = _most_blocks(settings, wanted)
    spread = _spread(cell, is_reference=is_reference)
    return half_width <= aimed_at(wanted, spread, len(cell.blocks), most)


def _interval(cell: Cell, *, is_reference: bool) -> Interval:
    """Return the speed-up over the blocks that count, or the time where that is wanted."""
    return intervals.log_interval(_ratios(cell, is_reference=is_reference))


def _spread(cell: Cell, *, is_reference: bool = False) -> float:
    """Return the deviation of its logarithm between blocks."""
    return statistics.stdev(map(math.log, _ratios(cell, is_reference=is_reference)))


def _ratios(cell: Cell, *, is_reference: bool) -> Sequence[float]:
    return [
        median_s if block.reference_s is None or is_reference else block.reference_s / median_s
        for block in cell.blocks
        for median_s in [intervals.block_median_s(block.samples_s)]
    ]
