"""What other tools call slower, by their own functions where these can be imported.

Each rule gives a score to one cell, from samples of base and of head in seconds: it says "slower"
when the score is above its threshold. Raising or lowering the threshold trades false alarms against
power, so that rules can be compared at equal power.

A rule's own schedule is how its tool takes samples: processes of a side, samples of each, and base
before head. The versions that were read: google/benchmark 058fb588 (tools/gbench/report.py) and
nvbench 66212f1 (docs/nvbench_compare_robust.md); the others are imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

Score = Callable[[np.ndarray, np.ndarray], float]
NEVER = -math.inf


@dataclass(frozen=True, kw_only=True)
class Rival:
    """One tool's rule. `processes` and `samples` are of each side, in its own schedule."""

    name: str
    score: Score
    threshold: float
    processes: int
    samples: int


def change_of_median(base: np.ndarray, head: np.ndarray) -> float:
    """pytest-benchmark --benchmark-compare-fail=median:N%, as a share."""
    from pytest_benchmark.utils import PercentageRegressionCheck

    check = PercentageRegressionCheck("median", 0)
    change = check.compute({"median": np.median(head)}, {"median": np.median(base)})
    return float(change) / 100


def asv_factor(base: np.ndarray, head: np.ndarray) -> float:
    """asv continuous: the factor, where the samples differ (U test p < 0.002)."""
    from asv._stats import is_different
    from asv_runner.statistics import compute_stats

    old, new = list(base.ravel()), list(head.ravel())
    old_s, old_stats = compute_stats(old, 1)
    new_s, new_stats = compute_stats(new, 1)
    if not is_different(old, new, old_stats, new_stats):
        return NEVER
    return float(new_s / old_s)


def u_test(base: np.ndarray, head: np.ndarray) -> float:
    """google/benchmark compare.py: two-sided Mann-Whitney p over repetitions, head slower."""
    old, new = base.ravel(), head.ravel()
    if np.mean(new) <= np.mean(old):
        return NEVER
    return -float(mannwhitneyu(old, new, alternative="two-sided").pvalue)


def t_test(base: np.ndarray, head: np.ndarray) -> float:
    """pyperf compare_to: pooled t over all values, in units of its critical value."""
    from pyperf._utils import is_significant, tdist95conf_level

    # With unequal counts it raises, which its own caller takes for significant.
    count = min(base.size, head.size)
    old, new = list(base.ravel()[:count]), list(head.ravel()[:count])
    _, t = is_significant(old, new)
    critical = tdist95conf_level(len(old) + len(new) - 2)
    return abs(float(t)) / critical if np.mean(new) > np.mean(old) else NEVER


def clear_gap(base: np.ndarray, head: np.ndarray) -> float:
    """nvbench-compare-robust: gap between [min, q3] of both sides, relative to base's q3.

    Its confirmation in clock cycles is taken as given: CPUs report no clock a sample.
    """
    return float(np.min(head) / np.quantile(base, 0.75) - 1)


RIVALS = (
    Rival(
        name="pytest-benchmark median:5%",
        score=change_of_median,
        threshold=0.05,
        processes=1,
        samples=16,
    ),
    Rival(
        name="pytest-benchmark median:10%",
        score=change_of_median,
        threshold=0.10,
        processes=1,
        samples=16,
    ),
    Rival(name="asv continuous", score=asv_factor, threshold=1.1, processes=2, samples=5),
    Rival(name="Google Benchmark U test", score=u_test, threshold=-0.05, processes=1, samples=9),
    Rival(name="pyperf t test", score=t_test, threshold=1.0, processes=12, samples=3),
    Rival(name="nvbench robust", score=clear_gap, threshold=0.005, processes=1, samples=16),
)
"""pyperf takes 20 processes, one after the other; 12 here, as stretches are not that long."""
