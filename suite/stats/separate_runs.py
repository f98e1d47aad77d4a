"""What two runs say about one cell that were made one after the other, not in alternation.

Whatever differs between two sittings (temperature, neighbours, where memory lies) is in every
ratio. An implementation whose code is the same in both shows how much that is: how far its cells
moved enters every interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from suite.stats.components import Component
from suite.stats.null_cells import NullCell, bias_variance
from suite.stats.paired import Difference, unpaired_difference

BETWEEN_SITTINGS = Component(variance=0.05**2, degrees=4.0)
"""Assumed of two runs on one machine before cells of the same code are looked at."""
MEDIAN_OF_NORMAL = statistics.NormalDist().inv_cdf(0.75)
"""Of the distance from the mean, in standard deviations."""


def moved(before: Sequence[float], after: Sequence[float]) -> NullCell:
    """Return how far a cell of the same code moved, from the logarithms of its blocks' times."""
    mean, own = unpaired_difference(before, after)
    return NullCell(base_s=math.exp(statistics.fmean(before)), mean=mean, variance=own.variance)


def as_most_moved(moves: Sequence[NullCell]) -> Component:
    """Return the variance of what cells moved by, of which most have the same code in both runs.

    From the median of how far they moved, on which a minority that changed has little hold. It
    tells half as well as the deviation of as many.
    """
    if not moves:
        return BETWEEN_SITTINGS
    usual = statistics.median(abs(move.mean) for move in moves) / MEDIAN_OF_NORMAL
    own = statistics.median(move.variance for move in moves)
    return Component(variance=max(0.0, usual**2 - own), degrees=max(1.0, len(moves) / 2))


def change(
    before: Sequence[float],
    after: Sequence[float],
    nulls: Iterable[NullCell],
    others: Sequence[NullCell] = (),
) -> Difference:
    """Return ln(after / before) of a cell, its error widened by what sittings differ by.

    Args:
        before, after: the logarithms of its blocks' times, `LEAST_BLOCKS` at least.
        nulls: cells of the same code in both runs.
        others: cells of which most have it; what those show counts where it is more.
    """
    mean, own = unpaired_difference(before, after)
    bias = bias_variance(nulls, math.exp(statistics.fmean(before)), BETWEEN_SITTINGS)
    if others:
        bias = max(bias, as_most_moved(others), key=lambda component: component.variance)
    return Difference.with_errors(mean, own, bias)
