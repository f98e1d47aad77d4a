"""Which rows of a scenario may still be the fastest: they are worth the most precise times.

Four fifths of a run's calls went into rows that had lost by their second block. What has surely
lost is measured until that can be said with a number, and no further.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from suite.measuring.cell import Cell
from suite.measuring.settings import Settings
from suite.stats import intervals
from suite.stats.intervals import Interval

BEHIND = 0.6
"""Of the fastest row's speed, with no interval yet: what is slower has most likely lost."""
FAR_BEHIND = 0.1
"""The same of what has lost whatever an interval would be: no two blocks differ so much."""


def speed(cell: Cell) -> Interval | None:
    """Return a cell's speed against the reference's in the same blocks; None without a block.

    Where there is no reference, it is calls per second.
    """
    ratios = [
        (1.0 if block.reference_s is None else block.reference_s)
        / intervals.block_median_s(block.samples_s)
        for block in cell.blocks or cell.disturbed
    ]
    return intervals.log_interval(ratios) if ratios else None


class Contest:
    """How the rows of a scenario stand after the blocks so far.

    Args:
        cells: all that were timed, those that have enough included.
    """

    def __init__(self, cells: Sequence[Cell], settings: Settings) -> None:
        self._settings = settings
        self._speeds = {cell.arm.key: known for cell in cells if (known := speed(cell))}
        self._fastest = max((known.value for known in self._speeds.values()), default=0.0)
        lows = (known.low for known in self._speeds.values() if known.low is not None)
        self._surely_reached = max(lows, default=0.0)

    def has_lost(self, cell: Cell) -> bool:
        """Whether some other row is faster beyond chance."""
        return self._has_lost(cell.arm.key)

    def _has_lost(self, key: str) -> bool:
        known = self._speeds.get(key)
        return known is not None and known.high is not None and known.high < self._surely_reached

    def is_settled(self, cell: Cell) -> bool:
        """Whether a row is the fastest beyond chance, or surely not."""
        if self.has_lost(cell):
            return True
        others = self._speeds.keys() - {cell.arm.key}
        return all(self._has_lost(other) for other in others)

    def is_behind(self, cell: Cell) -> bool:
        """Whether it seems to have lost, by so much that a short block will do."""
        known = self._speeds.get(cell.arm.key)
        return known is not None and known.value < BEHIND * self._fastest

    def is_far_behind(self, cell: Cell) -> bool:
        """Whether it has lost by so much that one block says so, and nobody asked for it."""
        known = self._speeds.get(cell.arm.key)
        is_far = known is not None and known.value < FAR_BEHIND * self._fastest
        return is_far and not self.wants_all(cell)

    def wants_all(self, cell: Cell) -> bool:
        """Whether a row is to be known well however slow it is."""
        return self._settings.all_precise or cell.arm.wanted

    def half_width(self, cell: Cell) -> float:
        """Return to what a cell's speed-up is to be known, on the logarithmic scale."""
        if self.has_lost(cell) and not self.wants_all(cell):
            return self._settings.lost_half_width
        return self._settings.target_half_width

    def block_settings(self, held: Sequence[Cell], *, is_first: bool) -> Settings:
        """Return how the next block of a row is timed: shortly where it decides nothing.

        Args:
            held: the rows that it is timed for: itself, and of the reference all that run.
            is_first: whether none has a block yet: a whole table is to stand soon.
        """
        settings = self._settings
        block_s = max((self.block_s(cell) for cell in held), default=settings.block_s)
        if is_first:
            block_s = min(block_s, settings.first_block_s)
            peak_memory = settings.peak_memory and settings.blocks == 1
            settings = dataclasses.replace(settings, peak_memory=peak_memory)
        if block_s >= settings.block_s:
            return settings
        rounds = min(settings.short_rounds, settings.rounds)
        return dataclasses.replace(
            settings,
            block_s=block_s,
            rounds=rounds,
            block_samples=math.ceil(settings.block_samples * rounds / settings.rounds),
        )

    def block_s(self, cell: Cell) -> float:
        """Return how long a cell's timed calls last in the next block."""
        if self.is_behind(cell) and not self.wants_all(cell):
            return self._settings.behind_block_s
        return self._settings.block_s
