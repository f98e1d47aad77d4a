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

TRIM = 0.1
"""Share of blocks left out at either end: 1 of 12, 2 of 20. One disturbed block then costs
little, and as both ends lose alike it does not shift the mean."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A variance, and the degrees of freedom of its estimate."""

    variance: float
    degrees: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A mean log-ratio with its standard error."""

    mean: float
    error: float
    degrees: float

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
    """Return the mean of `values`, its error widened by `bias`, the variance of what all share.

    Degrees of freedom by Satterthwaite (Biometrics Bulletin 2, 1946).
    """
    mean, own = trimmed_mean(values)
    variance = own.variance + bias.variance
    if variance <= 0:  # equal to the last bit: simulated, or a clock far too coarse
        return Difference(mean=mean, error=1e-9, degrees=own.degrees)
    parts = own.variance**2 / own.degrees + bias.variance**2 / bias.degrees
    return Difference(mean=mean, error=math.sqrt(variance), degrees=variance**2 / parts)


def hodges_lehmann(values: Sequence[float]) -> float:
    """Return the median of all pairwise means (Hodges & Lehmann, Ann. Math. Stat. 34, 1963)."""
    return statistics.median((a + b) / 2 for place, a in enumerate(values) for b in values[place:])


def share_above(values: Sequence[float], limit: float = 0.0) -> float:
    return sum(value > limit for value in values) / len(values)
