"""A turn by two clocks: the worker's own, and the parent's, which no worker can reach."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnTimes:
    """Medians over a turn's samples."""

    calls: int
    """Of each sample."""
    samples: int
    told_s: float
    """Of a sample, by the worker."""
    held_s: float
    """Of a sample by the parent: from the moment its operands were named to its answer."""
    empty_s: float
    """Of a sample without calls, by the parent."""

    @classmethod
    def of(
        cls,
        *,
        calls: int,
        told_s: Sequence[float],
        held_s: Sequence[float],
        empty_s: Sequence[float],
    ) -> TurnTimes:
        return cls(
            calls=calls,
            samples=len(told_s),
            told_s=statistics.median(told_s),
            held_s=statistics.median(held_s),
            empty_s=statistics.median(empty_s),
        )
