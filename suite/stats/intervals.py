"""From raw samples to numbers with intervals. Blocks, not samples, are the observations.

Times are compared as logarithms: a ratio and its inverse then weigh the same. Intervals are
Student's over blocks; with four to eight blocks a percentile bootstrap covers too little.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from suite.counted import counted
from suite.stats import student

NOMINAL = 0.975
"""Of Student's interval. A run looks at a cell after every block and ends it by what it sees, so
that an interval of nominally 95 % covers 91 %: those that happen to be narrow are kept. With this
one it is 95 % (94.5 at the least, over spreads from a third to four times of what is aimed at and
ends at 5, 8, 16 or 40 blocks: `python -m tests.studies.coverage`). Repeated confidence intervals
are due to Jennison and Turnbull (J. R. Statist. Soc. B 51, 1989); theirs hold at all looks at once,
for any rule. Ours stop by the width alone, which is independent of the mean, and so pay less.
"""
LEAST_BLOCKS = 3
"""Fewer have no interval: Student's t is 25 for two, and a factor of millions says nothing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A positive quantity with its 95 % interval; the ends are None with too few observations."""

    value: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float | None:
        """Half the interval on the logarithmic scale: 0.02 reads as ±2 %."""
        if self.low is None or self.high is None:
            return None
        return (math.log(self.high) - math.log(self.low)) / 2

    @property
    def leaves_out_1(self) -> bool:
        """Whether a ratio differs from 1 beyond chance."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high

    def over(self, other: Interval) -> Interval:
        """Return the ratio to another quantity; half widths add as independent ones do."""
        value = self.value / other.value
        if self.half_width is None or other.half_width is None:
            return Interval(value, None, None)
        half = math.hypot(self.half_width, other.half_width)
        return Interval(value, value * math.exp(-half), value * math.exp(half))


def log_interval(values: Sequence[float]) -> Interval:
    """Return the geometric mean of positive `values` with its 95 % interval.

    Of fewer than `LEAST_BLOCKS` values the interval has no ends.
    """
    logs = [math.log(value) for value in values]
    centre = statistics.fmean(logs)
    if len(logs) < LEAST_BLOCKS:
        return Interval(math.exp(centre), None, None)
    half = half_width_of(statistics.stdev(logs), len(logs))
    return Interval(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def half_width_of(spread: float, blocks: int) -> float:
    """Return half the interval over so many blocks, by the deviation of their logarithms."""
    return student.quantile((1 + NOMINAL) / 2, blocks - 1) * spread / math.sqrt(blocks)


def no_interval(blocks: int) -> str:
    """Return why so few blocks have no interval: "2 blocks: no interval"."""
    return f"{counted(blocks, 'block')}: no interval"


def block_median_s(samples_s: Sequence[float]) -> float:
    return statistics.median(samples_s)


def block_time_s(samples_s: Sequence[float]) -> float:
    """Return the first decile, which is what the gate compares.

    What else runs on a shared machine makes calls longer and never shorter: over paired blocks the
    first decile spreads a third as much as the median there (docs/gate.md), and real work moves
    both alike. The minimum spreads as little, but rests on one sample.
    """
    if len(samples_s) < 2:
        return samples_s[0]
    return statistics.quantiles(samples_s, n=10, method="inclusive")[0]


def paired_speedup(pairs: Sequence[tuple[float, float]]) -> Interval:
    """Return reference time over own time from (reference_s, own_s) of each block."""
    return log_interval([reference_s / own_s for reference_s, own_s in pairs])
