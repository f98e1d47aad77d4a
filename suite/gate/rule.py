"""The gate's knobs, each with its default and why it has that value."""

from __future__ import annotations

import math
from dataclasses import dataclass

MARGIN_CPU = 0.05
MARGIN_GPU = 0.03


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How blocks become verdicts."""

    margin: float = MARGIN_CPU
    """What counts as slower: 0.05 is 5 %."""
    floor_s: float = 1e-6
    """No change of less than this per call counts: the suite's own call costs as much."""
    level: float = 0.05
    """Share of runs without any regression beyond the margin that may fail, at most (Benjamini &
    Hochberg over all suspects); and one-sided error of a cell that is said to be fine."""
    power: float = 0.9
    """Chance with which the smallest visible change is seen."""
    screen_blocks: int = 6
    least_blocks: int = 12
    """Blocks that confirm or clear a suspect, at least ..."""
    most_blocks: int = 40
    """... and at most. In between as the spread of the screen asks for."""
    aim: float = 2.0
    """Blocks are planned so that a change of so many margins is seen."""
    null_share: float = 0.25
    """Part of the cells that the null arm takes part in; others in each stage."""
    same_sign: float = 0.75
    """Least share of blocks in which head is slower, for a cell to be called regressed."""

    def limit(self, base_s: float) -> float:
        """Return the log-ratio that a cell of `base_s` seconds may reach."""
        return math.log1p(max(self.margin, self.floor_s / base_s))

    def wished(self, base_s: float) -> float:
        """Return the log-ratio that is to be seen in such a cell."""
        return math.log1p(self.aim * math.expm1(self.limit(base_s)))
