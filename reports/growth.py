"""How time grows with work: time = a + b·work^p, bends of the line, and where two lines cross.

Work is the direct sum's operations, and so the same for every implementation. Fits minimise the
squared error of the logarithm of time: a curve then is as good in its fast half as in its slow
one. The fixed part `a` stays zero unless Student's t says that it is not; a bend is believed if
the F-test at 1 %, shared among all places tried, prefers it to the smooth curve.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
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

    def time_s(self, work_flops: float) -> float:
        return float(self.fixed_s + self.growing_s * (work_flops / self.unit_flops) ** self.power)


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
    )


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


def crossing(difference: Callable[[float], float], low: float, high: float) -> float | None:
    """Return where a function of the logarithm of its argument changes sign, if it does once.

    Args:
        difference: positive on one side of the crossing, negative on the other.
        low, high: where to look; both positive.
    """
    steps = np.geomspace(low, high, 65)
    signs = [difference(float(step)) > 0 for step in steps]
    changes = [at for at, (a, b) in enumerate(itertools.pairwise(signs)) if a != b]
    if len(changes) != 1:
        return None
    left, right = float(steps[changes[0]]), float(steps[changes[0] + 1])
    for _ in range(40):
        middle = math.sqrt(left * right)
        if (difference(middle) > 0) == signs[changes[0]]:
            left = middle
        else:
            right = middle
    return math.sqrt(left * right)


def predicted_crossing(first: Fit, second: Fit, low: float, high: float) -> float | None:
    """Return the work at which both curves take the same time, None if they do nowhere near.

    Looked for between the least work measured and `EXTRAPOLATED` times the most, and as far
    below.
    """
    return crossing(
        lambda work: math.log(first.time_s(work) / second.time_s(work)),
        low / EXTRAPOLATED,
        high * EXTRAPOLATED,
    )
