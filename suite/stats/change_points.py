"""Where the level of a series changes: E-divisive with a permutation test.

Matteson & James, "A nonparametric approach for multiple change point analysis of multivariate
data", J. Am. Stat. Assoc. 109 (2014), sections 2.2 and 2.3, with α = 1. It takes nothing for
granted about how values are distributed, so that one wild run is no change. The permutations are
drawn from a fixed seed: the same series has the same change points, whoever looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEAST_SEGMENT = 3
"""Fewer values on a side have no level of their own."""
PERMUTATIONS = 1999
SEED = 0


@dataclass(frozen=True, kw_only=True)
class ChangePoint:
    """The level is another one from the value at `index` on."""

    index: int
    p: float
    """Share of permutations that would show as clear a change."""


def change_points(
    values: Sequence[float], level: float, permutations: int = PERMUTATIONS
) -> list[ChangePoint]:
    """Return the change points in order, each of them significant at `level`.

    The clearest split of any segment is tested; if it stands, both halves are looked at. At the
    end each point is held against its neighbours alone, and goes if it no longer stands: the
    first splits of a series with several levels need not lie at a change.

    Args:
        values: at equal weight, in order of time; logarithms for ratios.
    """
    import numpy as np  # noqa: PLC0415 - `suite` is imported by commands that must be instant

    series = np.asarray(values, dtype=float)
    draw = np.random.default_rng(SEED).permutation
    allowed = int(level * (1 + permutations)) - 1
    """Permutations that may show as much."""

    def p_of(gain: float, permuted_gain: Callable[[], float]) -> float:
        beyond = 0
        for _ in range(permutations):
            beyond += permuted_gain() >= gain
            if beyond > allowed:
                return 1.0
        return (1 + beyond) / (1 + permutations)

    edges = [0, len(series)]
    while True:
        segments = [series[a:b] for a, b in pairwise(edges)]
        gain, offset, start = max(
            (*_best_split(part), a) for part, a in zip(segments, edges, strict=False)
        )

        def permuted(segments: list[np.ndarray] = segments) -> float:
            return max(_best_split(draw(part))[0] for part in segments)

        if gain <= 0 or p_of(gain, permuted) > level:
            break
        edges = sorted([*edges, start + offset])
    while True:
        points = []
        for before, index, after in zip(edges, edges[1:], edges[2:], strict=False):
            part, split = series[before:after], index - before

            def permuted_here(part: np.ndarray = part, split: int = split) -> float:
                return _gain_at(draw(part), split)

            p = p_of(_gain_at(part, split), permuted_here)
            points.append(ChangePoint(index=index, p=p))
        weakest = max(points, key=lambda point: point.p, default=None)
        if weakest is None or weakest.p <= level:
            return points
        edges.remove(weakest.index)


def _best_split(values: np.ndarray) -> tuple[float, int]:
    """Return the largest scaled energy distance of two parts, and where the second begins.

    Both parts have `LEAST_SEGMENT` values at least; (0, 0) where that cannot be.
    """
    if len(values) < 2 * LEAST_SEGMENT:
        return 0.0, 0
    gains = _gains(values)
    best = int(gains.argmax())
    return float(gains[best]), best + LEAST_SEGMENT


def _gain_at(values: np.ndarray, index: int) -> float:
    return float(_gains(values)[index - LEAST_SEGMENT])


def _gains(values: np.ndarray) -> np.ndarray:
    """Return the scaled energy distance for every place where the second part may begin."""
    import numpy as np  # noqa: PLC0415

    count = len(values)
    distances = np.abs(values[:, None] - values[None, :])
    # sums[i, j]: of the distances among the first i and the first j values.
    sums = np.zeros((count + 1, count + 1))
    sums[1:, 1:] = distances.cumsum(0).cumsum(1)
    left = np.arange(LEAST_SEGMENT, count - LEAST_SEGMENT + 1)
    right = count - left
    within_left = sums[left, left]
    across = sums[left, count] - within_left
    within_right = sums[count, count] - 2 * sums[left, count] + within_left
    energy = (
        2 * across / (left * right)
        - within_left / (left * (left - 1))
        - within_right / (right * (right - 1))
    )
    gains: np.ndarray = left * right / count * energy
    return gains
