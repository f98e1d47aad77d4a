"""What paired blocks say about one cell: a difference of logarithms, and how well it is known.

A block is one fresh process of each revision; its observation is d = ln(head / base) of the two
medians. Blocks are independent, samples within one are not.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from suite.stats import student
from suite.stats.components import Component, total

TRIM = 0.1
"""Share of blocks left out at either end: 1 of 12, 2 of 20. One disturbed block then costs
little, and as both ends lose alike it does not shift the mean."""
LEAST_ERROR = 1e-9
"""Standard error of a difference that does not vary."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A mean log-ratio with its standard error."""

    mean: float
    error: float
    degrees: float

    @classmethod
    def with_errors(cls, mean: float, *parts: Component) -> Difference:
        """Return a mean whose error has several independent parts."""
        component = total(*parts)
        # Nothing varies, to the last bit, where times are simulated or a clock is far too coarse.
        error = math.sqrt(component.variance) if component.variance > 0 else LEAST_ERROR
        return cls(mean=mean, error=error, degrees=component.degrees)

    def below(self, probability: float) -> float:
        """Return what the true value stays above with `probability` (one-sided)."""
        return self.mean - student.quantile(probability, self.degrees) * self.error

    def above(self, probability: float) -> float:
        """Return what the true value stays below with `probability` (one-sided)."""
        return self.mean + student.quantile(probability, self.degrees) * self.error

    def p_above(self, limit: float) -> float:
        """Return the one-sided p of "the true value is not above `limit`"."""
        return student.upper_tail((self.mean - limit) / self.error, self.degrees)

    def visible_beyond(self, limit: float, level: float, power: float) -> float:
        """Return the smallest true value that `p_above(limit) <= level` sees with `power`."""
        reach = student.quantile(1 - level, self.degrees) + student.quantile(power, self.degrees)
        return limit + reach * self.error


def trimmed_mean(values: Sequence[float]) -> tuple[float, Component]:
    """Return the trimmed mean and the variance of that mean (Yuen, Biometrika 61, 1974).

    The variance comes from the winsorised values. Needs two values that are left.
    """
    ordered = sorted(values)
    cut = int(TRIM * len(ordered))
    kept = ordered[cut : len(ordered) - cut]
    winsorised = [kept[0]] * cut + kept + [kept[-1]] * cut
    squares = statistics.variance(winsorised) * (len(ordered) - 1)
    variance = squares / (len(kept) * (len(kept) - 1))
    return statistics.fmean(kept), Component(variance=variance, degrees=len(kept) - 1)


def difference(values: Sequence[float], bias: Component) -> Difference:
    """Return the mean of `values`, its error widened by `bias`, the variance of what all share."""
    mean, own = trimmed_mean(values)
    return Difference.with_errors(mean, own, bias)


def unpaired_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, Component]:
    """Return the trimmed mean of `after` less that of `before`, and the variance of that."""
    (first, first_own), (second, second_own) = trimmed_mean(before), trimmed_mean(after)
    return second - first, total(first_own, second_own)


def hodges_lehmann(values: Sequence[float]) -> float:
    """Return the median of all pairwise means (Hodges & Lehmann, Ann. Math. Stat. 34, 1963)."""
    return statistics.median((a + b) / 2 for first, a in enumerate(values) for b in values[first:])


def share_above(values: Sequence[float], limit: float = 0.0) -> float:
    return sum(value > limit for value in values) / len(values)
