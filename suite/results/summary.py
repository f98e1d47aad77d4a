"""The numbers of a passed cell that tables and plots show, from its raw samples."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from suite.results.cell import CellResult, Status
from suite.stats.intervals import Interval, block_median_s, log_interval, paired_speedup


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
    disturbed: bool
    """Others took the cores in all of its blocks: nothing may be won by these times."""
    samples: int
    gflops: float
    """Direct-equivalent: may exceed the machine's peak where fewer operations are executed."""
    executed_gflops: float | None
    roofline_fraction: float | None
    """Time at the machine's measured ceilings for the direct sum, over this time."""
    break_even_calls: float | None
    """Calls after which preparation has paid for itself against the reference; None: never."""


def roofline_s(result: CellResult) -> float | None:
    """Return the seconds that the machine's ceilings allow for the direct sum."""
    if result.ceiling is None:
        return None
    compute_s = result.scenario.problem.direct_flops / result.ceiling.peak_flops_per_s
    memory_s = result.scenario.least_bytes / result.ceiling.memory_bytes_per_s
    return max(compute_s, memory_s)


def log_times(result: CellResult) -> list[float]:
    """Return the logarithms of the blocks' medians in seconds: what two runs are compared by."""
    return [math.log(block_median_s(block.samples_s)) for block in result.blocks]


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
        disturbed=result.is_disturbed,
        samples=sum(len(block.samples_s) for block in result.blocks),
        gflops=result.scenario.problem.direct_flops / time_s.value / 1e9,
        executed_gflops=None if executed is None else executed / time_s.value / 1e9,
        roofline_fraction=None if limit_s is None else limit_s / time_s.value,
        break_even_calls=prepare_s / saved_s if prepare_s and saved_s > 0 else None,
    )
