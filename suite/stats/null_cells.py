"""The bias that no number of blocks averages away, from cells in which the code is the same.

Two processes of the same code, alternating, differ in what each block draws anew (layout, data,
moment), which the spread between blocks shows, and by what stays through the whole run, which no
number of blocks averages away. Cells of the same code on both sides (a gate's null arm, the
reference of two separate runs) show the second: their mean log-ratio over the blocks varies from
cell to cell by more than its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from suite.stats.components import Component

PRIOR = Component(variance=0.003**2, degrees=4.0)
"""What is assumed before anything is seen, worth four null cells."""
SIMILAR = math.log(4)
"""Cells whose durations differ by this factor count for 60 % of an equal one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NullCell:
    """One cell whose code is the same on both sides."""

    base_s: float
    mean: float
    """Mean of ln(other side / base) over the blocks."""
    variance: float
    """Variance of that mean, from the spread between blocks."""


def bias_variance(nulls: Iterable[NullCell], base_s: float, prior: Component = PRIOR) -> Component:
    """Return the variance of the bias for cells of about `base_s` seconds.

    Method of moments, null cells weighted by how similar their duration is, and shrunk towards
    `prior`.
    """
    total, weights, squares = prior.degrees * prior.variance, 0.0, 0.0
    for null in nulls:
        distance = math.log(null.base_s / base_s) / SIMILAR
        weight = math.exp(-(distance**2) / 2)
        total += weight * (null.mean**2 - null.variance)
        weights += weight
        squares += weight**2
    variance = max(0.0, total / (prior.degrees + weights))
    seen = weights**2 / squares if squares else 0.0
    return Component(variance=variance, degrees=prior.degrees + seen)
