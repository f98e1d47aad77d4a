"""From raw samples to numbers with intervals. Blocks, not samples, are the observations.

Times are compared as logarithms: a ratio and its inverse then weigh the same. Intervals are
Student's over blocks; with four to eight blocks a percentile bootstrap covers too little.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from suite.result import CellResult, Status

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom, so that neither the
# runner nor a report has to import scipy (2.5 s). tests/test_stats.py compares them with scipy.
_T975 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A positive quantity with its 95 % interval; the ends are None with one observation."""

    value: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float | None:
        """Half the interval on the logarithmic scale: 0.02 reads as ±2 %."""
        if self.low is None or self.high is None:
            return None
        return (math.log(self.high) - math.log(self.low)) / 2


def t975(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t; the last entry beyond 30 (error 4 %)."""
    return _T975[min(degrees, len(_T975)) - 1]


def log_interval(values: Sequence[float]) -> Interval:
    """Return the geometric mean of positive `values` with Student's interval."""
    logs = [math.log(value) for value in values]
    centre = statistics.fmean(logs)
    if len(logs) < 2:
        return Interval(math.exp(centre), None, None)
    half = t975(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Interval(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of a passed cell that tables and plots show."""

    time_s: Interval
    """Seconds per call: geometric mean of the blocks' medians."""
    min_s: float
    speedup: Interval | None
    """Reference time over this time, from paired blocks."""
    prepare_s: float | None
    blocks: int
    samples: int
    gflops: float
    """Direct-equivalent: may exceed the machine's peak where fewer operations are executed."""
    executed_gflops: float | None
    roofline_fraction: float | None
    """Time at the machine's measured ceilings for the direct sum, over this time."""
    break_even_calls: float | None
    """Calls after which preparation has paid for itself against the reference; None: never."""


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


def roofline_s(result: CellResult) -> float | None:
    """Return the seconds that the machine's ceilings allow for the direct sum."""
    if result.ceiling is None:
        return None
    compute_s = result.scenario.problem.direct_flops / result.ceiling.peak_flops_per_s
    memory_s = result.scenario.least_bytes / result.ceiling.memory_bytes_per_s
    return max(compute_s, memory_s)


def summarise(result: CellResult) -> Summary | None:
    """Return the numbers of a passed cell, None for any other."""
    if result.status is not Status.PASSED:
        return None
    medians = [block_median_s(block.samples_s) for block in result.blocks]
    time_s = log_interval(medians)
    pairs = [
        (block.reference_s, median)
        for block, median in zip(result.blocks, medians, strict=True)
        if block.reference_s is not None
    ]
    speedup = paired_speedup(pairs) if pairs else None
    prepares = [block.prepare_s for block in result.blocks if block.prepare_s is not None]
    prepare_s = statistics.median(prepares) if prepares else None
    limit_s = roofline_s(result)
    saved_s = time_s.value * (speedup.value - 1) if speedup else 0.0
    executed = result.executed_flops
    return Summary(
        time_s=time_s,
        min_s=min(min(block.samples_s) for block in result.blocks),
        speedup=speedup,
        prepare_s=prepare_s,
        blocks=len(result.blocks),
        samples=sum(len(block.samples_s) for block in result.blocks),
        gflops=result.scenario.problem.direct_flops / time_s.value / 1e9,
        executed_gflops=None if executed is None else executed / time_s.value / 1e9,
        roofline_fraction=None if limit_s is None else limit_s / time_s.value,
        break_even_calls=prepare_s / saved_s if prepare_s and saved_s > 0 else None,
    )
