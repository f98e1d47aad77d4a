"""How time grows with work: time = a + b·work^p, bends of the line, and where two lines cross.

Work is the direct sum's operations, and so the same for every implementation. A fit says how far
each of its points may be trusted, and a crossing is one only where that parts the two lines on
both sides of it. Fits minimise the
squared error of the logarithm of time: a curve then is as good in its fast half as in its slow
one. The fixed part `a` stays zero unless Student's t says that it is not; a bend is believed if
the F-test at 1 %, shared among all places tried, prefers it to the smooth curve.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.stats import student

LEAST_POINTS = 3
LEAST_FOR_BASE = 5
LEAST_FOR_BEND = 7
LEAST_A_SIDE = 3
LEAST_CHANGE = 0.15
"""Smaller changes of slope are not worth a word."""
RESOLUTION = 1e-3
"""Error of a point that no fit is better than, relative: a perfect fit proves nothing."""
BELIEVED = 0.01
KNOWN_HALF_WIDTH = 0.25
"""An exponent that is known no better is not told: it says neither linear nor constant."""
EXTRAPOLATED = 4.0
"""Crossings are predicted up to so many times beyond the range of the work that was measured."""

MOST_POWER = 4.0
_POWERS = np.linspace(0.05, MOST_POWER, 80)
_SHARES = np.geomspace(1e-3, 1e3, 73)
"""The fixed part over the growing one, at the middle of the work measured."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bend:
    """Where a line changes its slope."""

    work_flops: float
    before: float
    """Exponent of the work up to there."""
    after: float


@dataclass(frozen=True)
class Fit:
    """time = a + b·(work / unit)^p of one implementation along one series."""

    fixed_s: float
    """a: 0 where it could not be told from zero."""
    growing_s: float
    """b: seconds at one unit of work, the fixed part not counted."""
    unit_flops: float
    power: float
    low: float | None
    """Ends of the exponent's 95 % interval; None where there are as many points as parameters."""
    high: float | None
    points: int
    error: float
    """Root mean square of the relative deviation of the points."""
    bend: Bend | None
    covariance: Array | None
    """Of the logarithms of b and a (without a fixed part, of b alone) and of p, times Student's t
    squared; None where nothing is left over to tell it from."""

    @property
    def is_known(self) -> bool:
        """Whether the exponent is known well enough to be told."""
        if self.low is None or self.high is None:
            return False
        return (self.high - self.low) / 2 <= KNOWN_HALF_WIDTH

    def times_s(self, works_flops: Array) -> Array:
        shares = np.asarray((works_flops / self.unit_flops) ** self.power, dtype=np.float64)
        times: Array = self.fixed_s + self.growing_s * shares
        return times

    def time_s(self, work_flops: float) -> float:
        return float(self.times_s(np.array(work_flops)))

    def half_widths(self, works_flops: Array) -> Array:
        """Return half the 95 % interval of the line's time at each work, as a logarithm."""
        if self.covariance is None:
            return np.full(works_flops.shape, math.inf)
        x = np.log(works_flops / self.unit_flops)
        slopes = _slopes(x, self.fixed_s / self.growing_s, self.power)
        halves: Array = np.sqrt(np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes))
        return halves


def fit(works_flops: Sequence[float], times_s: Sequence[float]) -> Fit | None:
    """Return the fit, or None with fewer than three points or work that does not grow."""
    if len(works_flops) < LEAST_POINTS or any(b <= a for a, b in itertools.pairwise(works_flops)):
        return None
    x, y = np.log(np.asarray(works_flops)), np.log(np.asarray(times_s))
    unit = float(x.mean())
    x = x - unit
    level, power, squares = _line(x, y)
    law = (0.0, math.exp(level), power)
    interval = _line_interval(x, power, squares)
    parameters = 2
    if len(x) >= LEAST_FOR_BASE:
        fixed, growing, bent_power, bent_squares, bent_interval = _curve(x, y)
        if _is_better(squares, bent_squares, 1, len(x) - 3, 0.05):
            law, squares, parameters = (fixed, growing, bent_power), bent_squares, 3
            interval = bent_interval
    covariance = _covariance(x, law[0] / law[1], law[2], squares, parameters)
    return Fit(
        fixed_s=law[0],
        growing_s=law[1],
        unit_flops=math.exp(unit),
        power=law[2],
        low=interval and interval[0],
        high=interval and interval[1],
        points=len(x),
        error=math.sqrt(squares / len(x)),
        bend=_bend(x, y, unit, squares, parameters),
        covariance=covariance,
    )


def _slopes(x: Array, share: float, power: float) -> Array:
    """Return how the logarithm of time changes with those of b and a, and with p, at each x.

    Without a fixed part (a share of zero) there is no column for it.
    """
    growing = np.exp(power * x) / (np.exp(power * x) + share)
    columns = [growing, 1 - growing, growing * x] if share else [growing, growing * x]
    return np.stack(columns, axis=1)


def _covariance(
    x: Array, share: float, power: float, squares: float, parameters: int
) -> Array | None:
    """Return the covariance of a fit's parameters by the delta method, times t squared."""
    freedom = len(x) - parameters
    if freedom < 1:
        return None
    slopes = _slopes(x, share, power)
    variance = max(squares / freedom, RESOLUTION**2)
    t = student.quantile(0.975, freedom)
    inverse = np.asarray(np.linalg.pinv(slopes.T @ slopes), dtype=np.float64)
    return inverse * (variance * t**2)


def _line(x: Array, y: Array) -> tuple[float, float, float]:
    """Return level, slope and the sum of squares of y = level + slope·x; x has mean 0."""
    slope = float((x * y).sum() / (x * x).sum())
    level = float(y.mean())
    return level, slope, float(((y - level - slope * x) ** 2).sum())


def _line_interval(x: Array, slope: float, squares: float) -> tuple[float, float] | None:
    freedom = len(x) - 2
    if freedom < 1:
        return None
    error = math.sqrt(squares / freedom / float((x * x).sum()))
    half = student.quantile(0.975, freedom) * error
    return slope - half, slope + half


def _curve(x: Array, y: Array) -> tuple[float, float, float, float, tuple[float, float]]:
    """Return a, b, p, the sum of squares and p's interval for y = log(a + b·exp(p·x)).

    The share a/b and p are searched on a matrix that is refined around its best; b follows from
    them in closed form.
    """
    powers, shares = _POWERS, _SHARES
    for _ in range(3):
        squares, levels = _curve_squares(x, y, powers, shares)
        at_power, at_share = np.unravel_index(int(squares.argmin()), squares.shape)
        best = float(squares[at_power, at_share])
        power, share = float(powers[at_power]), float(shares[at_share])
        level = float(levels[at_power, at_share])
        step = float(powers[1] - powers[0])
        ratio = float(shares[1] / shares[0])
        powers = np.linspace(max(power - step, 1e-3), power + step, 21)
        shares = np.geomspace(share / ratio, share * ratio, 21)
    growing = math.exp(level)
    return share * growing, growing, power, best, _curve_interval(x, y, power, share, best)


def _curve_interval(
    x: Array, y: Array, power: float, share: float, best: float
) -> tuple[float, float]:
    """Return the ends of the exponents whose sum of squares the F-test cannot tell from best."""
    freedom = len(x) - 3
    limit = best * (1 + student.quantile(0.975, freedom) ** 2 / freedom)
    shares = np.geomspace(share / 100, share * 100, 201)
    reach = 0.02
    while True:
        powers = np.linspace(max(power - reach, 1e-3), power + reach, 41)
        profile = _curve_squares(x, y, powers, shares)[0].min(axis=1)
        served = powers[profile <= limit]
        is_inside = profile[0] > limit and profile[-1] > limit
        if is_inside or reach > MOST_POWER:
            break
        reach *= 1.6
    return float(min([power, *served])), float(max([power, *served]))


def _curve_squares(x: Array, y: Array, powers: Array, shares: Array) -> tuple[Array, Array]:
    """Return the sum of squares and the level for each pair of power and share."""
    shape = np.log(np.exp(powers[:, None, None] * x) + shares[None, :, None])
    levels = (y - shape).mean(axis=2)
    return ((y - shape - levels[..., None]) ** 2).sum(axis=2), levels


def _is_better(simple: float, richer: float, more: int, freedom: int, level: float) -> bool:
    """Return whether the F-test prefers the richer model, with `more` parameters, at `level`."""
    points = freedom + more + 2
    floor = points * RESOLUTION**2
    simple, richer = max(simple, floor), max(richer, floor)
    if freedom < 1 or richer >= simple:
        return False
    ratio = (simple - richer) / more / (richer / freedom)
    return student.upper_tail_of_f(ratio, more, freedom) < level


def _bend(x: Array, y: Array, unit: float, smooth: float, parameters: int) -> Bend | None:
    """Return the best bend of two joined straight lines, where it beats the smooth curve."""
    if len(x) < LEAST_FOR_BEND:
        return None
    knees = np.linspace(x[LEAST_A_SIDE - 1], x[-LEAST_A_SIDE], 41)
    best: tuple[float, float, Any] | None = None
    for knee in knees:
        columns = np.stack([np.ones_like(x), x, np.maximum(x - knee, 0)], axis=1)
        coefficients = np.linalg.lstsq(columns, y, rcond=None)[0]
        squares = float(((y - columns @ coefficients) ** 2).sum())
        if best is None or squares < best[0]:
            best = (squares, float(knee), coefficients)
    assert best is not None
    squares, knee, (_, before, change) = best
    tried = len(x) - 2 * LEAST_A_SIDE + 2
    is_believed = _is_better(smooth, squares, 4 - parameters, len(x) - 4, BELIEVED / tried)
    if not is_believed or abs(change) < LEAST_CHANGE:
        return None
    return Bend(math.exp(knee + unit), float(before), float(before + change))


@dataclass(frozen=True)
class WorkRange:
    """A work with the ends of its 95 % interval."""

    work_flops: float
    low: float
    high: float


def predicted_crossing(first: Fit, second: Fit, least: float, most: float) -> WorkRange | None:
    """Return the work at which both lines take the same time, None where the fits do not say so.

    Looked for up to `EXTRAPOLATED` times beyond the work that was measured, `least` to `most`. The
    interval is Fieller's: around the crossing, all work at which the two lines cannot be told
    apart. On each side of it one of them has to be faster beyond its interval.
    """
    works = np.geomspace(least / EXTRAPOLATED, most * EXTRAPOLATED, 257)
    leads = _leads(first, second, works)
    halves = np.hypot(first.half_widths(works), second.half_widths(works))
    parted = np.flatnonzero(np.abs(leads) > halves)
    changes = np.flatnonzero(np.diff(leads[parted] > 0))
    if len(changes) != 1:
        return None
    low, high = (float(works[parted[changes[0] + side]]) for side in (0, 1))
    return WorkRange(_zero(first, second, low, high), low, high)


def _leads(first: Fit, second: Fit, works: Array) -> Array:
    """Return the logarithm of the first's time over the second's."""
    leads: Array = np.log(first.times_s(works) / second.times_s(works))
    return leads


def _zero(first: Fit, second: Fit, left: float, right: float) -> float:
    """Return where both take the same time between two works of which each has another faster."""
    is_slower = first.time_s(left) > second.time_s(left)
    for _ in range(40):
        middle = math.sqrt(left * right)
        if (first.time_s(middle) > second.time_s(middle)) == is_slower:
            left = middle
        else:
            right = middle
    return math.sqrt(left * right)
