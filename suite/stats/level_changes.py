"""Where the level of a series changes: the clearest split, held against normal scatter and order.

The statistic of a split is Student's for two samples, and the clearest of all splits counts
(Worsley, J. Am. Stat. Assoc. 74, 1979; its p is bounded by the sum over the splits). Segments are
split until none has a change, and each change is then put where its two neighbours leave it. Two
things are asked of a change:

- Values that scatter normally about one level show so clear a split with a chance of `level` at
  most. Only this sees anything in eight runs: four before and four after are 1 of 35 ways to part
  them, in whatever order the others come.
- Among the orders in which the same values could have come, those with so clear a split are as
  rare, or as rare as so few values allow. That takes nothing for granted about how they scatter:
  with many runs, a few wild ones in a row are no change of level.

The variance of a segment is not let below that of its values as far as their errors are known: by
chance alone three runs are often closer to each other than their own blocks allow. Nor is it let
below that of the other series of its kind where these jump up and down (`erratic_variance`).

A series may be told in several ways (in seconds, or over a reference's time), of which the
steadier counts. That choice is made from the same values, so each telling gets its part of `level`:
whichever is chosen, the chance of a false change stays below the sum.

Orders are drawn from a fixed seed: the same series has the same changes, whoever looks.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from suite.stats import student

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_SEGMENT = 3
"""Fewer values on a side have no level of their own."""
LEAST_VALUES = 7
"""Three and four: 2 of 35 orders show a clean step, of six values 2 of 20."""
SEED = 0
LEAST_ORDERS = 2_000
BATCH = 500
"""Orders between two looks at whether the split can still be rare."""
SLACK = 1.5
"""For what is as rare as it can be: the orders that are drawn scatter about that."""
FENCE = 1.5
"""Interquartile ranges beyond a quartile at which values are cut off: Tukey's "outside". One wild
run would otherwise hide a change in the variance that it brings."""
ERRATIC = 0.2
"""Typical scatter of logarithms from which on a row's times jump rather than scatter."""
LEAST_VARIANCE = 1e-18
"""Where nothing varies, to the last bit."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """One way to tell a series."""

    values: Sequence[float]
    """At equal weight, in order of time; logarithms for ratios."""
    variances: Sequence[float | None]
    """Of each value, as far as its run knows; None where it does not."""
    least_variance: float = 0.0
    """What is known besides of how values scatter; see `erratic_variance`."""


@dataclass(frozen=True, kw_only=True)
class LevelChange:
    """The level is another one from the value at `index` on."""

    index: int
    p: float
    """The chance of so clear a split where there is but one level."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """What was found in one series."""

    telling: int
    """Position of the way to tell it that is the steadiest."""
    changes: tuple[LevelChange, ...]


def typical_step(values: Sequence[float]) -> float:
    """Return the median distance of one value to the next: how steady a series is.

    A change of level is one distance of many, so that it hardly counts. Needs two values.
    """
    ordered = sorted(abs(b - a) for a, b in pairwise(values))
    return ordered[len(ordered) // 2]


def erratic_variance(alike: Sequence[Sequence[float]]) -> float:
    """Return the variance of series of one kind, as one row's cells are, if most are erratic; or 0.

    Such a series goes up and down from one value to the next, and among few values its highs and
    lows come in a row by chance. The others of its kind tell that this says nothing. The largest
    step of each is left out: it may be a change of level.
    """
    variances = []
    for values in alike:
        squares = sorted((b - a) ** 2 for a, b in pairwise(values))[:-1]
        if squares:
            variances.append(sum(squares) / len(squares) / 2)
    typical = statistics.median(variances) if len(variances) > 1 else 0.0
    return typical if typical > ERRATIC**2 else 0.0


def level_changes(tellings: Sequence[Telling], level: float) -> Levels:
    """Return the changes of a series in order, in the steadiest way to tell it.

    Args:
        tellings: of as many values each; of those that are as steady the first counts.
        level: the chance that a series without a change shows one.
    """
    if len(tellings[0].values) < LEAST_VALUES:
        return Levels(telling=0, changes=())
    steps = [typical_step(telling.values) for telling in tellings]
    chosen = steps.index(min(steps))
    own_level = level / len(tellings)
    edges = _edges(tellings[chosen], own_level)
    changes = []
    for number in range(1, len(edges) - 1):
        around = _Segment.of(tellings[chosen], edges[number - 1], edges[number + 1])
        edges[number], p = around.first + around.clearest, around.p
        if p <= own_level:
            changes.append(LevelChange(index=edges[number], p=p * len(tellings)))
    return Levels(telling=chosen, changes=tuple(changes))


def _edges(telling: Telling, level: float) -> list[int]:
    """Return where the segments begin, and the end of the last, by binary segmentation."""
    edges = [0, len(telling.values)]
    undecided = [(0, len(telling.values))]
    while undecided:
        first, end = undecided.pop()
        if end - first < 2 * LEAST_SEGMENT:
            continue
        segment = _Segment.of(telling, first, end)
        if segment.p <= level and segment.is_rare(level):
            split = first + segment.clearest
            edges.append(split)
            undecided += [(first, split), (split, end)]
    return sorted(edges)


@dataclass(frozen=True)
class _Segment:
    """A part of a series with its clearest split."""

    first: int
    values: Floats
    """Centred, wild ones cut off."""
    least_variance: float
    clearest: int
    """Where the second part begins, counted from the segment's first value."""
    gain: float
    """The squares that the split takes from the whole."""

    @classmethod
    def of(cls, telling: Telling, first: int, end: int) -> _Segment:
        import numpy as np  # noqa: PLC0415 - `suite` is imported by commands that must be instant

        values = np.asarray(telling.values[first:end], dtype=float)
        low, high = np.quantile(values, (0.25, 0.75))
        reach = FENCE * (high - low)
        values = values.clip(low - reach, high + reach)
        values -= values.mean()
        known = [v for v in telling.variances[first:end] if v is not None]
        least = max(telling.least_variance, sum(known) / len(known) if known else 0.0)
        gains = _gains(values[None, :])[0]
        best = int(gains.argmax())
        return cls(
            first,
            values,
            max(least, LEAST_VARIANCE),
            LEAST_SEGMENT + best,
            float(gains[best]),
        )

    @property
    def p(self) -> float:
        """Return the chance of so clear a split, at most, where values scatter normally."""
        count = len(self.values)
        within = (float(self.values @ self.values) - self.gain) / (count - 2)
        statistic = math.sqrt(self.gain / max(within, self.least_variance))
        splits = count - 2 * LEAST_SEGMENT + 1
        return min(1.0, 2 * splits * student.upper_tail(statistic, count - 2))

    def is_rare(self, level: float) -> bool:
        """Return whether hardly any other order of the values shows as clear a split."""
        import numpy as np  # noqa: PLC0415

        count = len(self.values)
        # The same two parts, whichever comes first, are split as clearly.
        share = max(level, SLACK * 2 / math.comb(count, self.clearest))
        # Of fewer than 1 / share none could be so rare, the one that was observed being among them.
        orders = max(LEAST_ORDERS, math.ceil(1 / share))
        draw = np.random.default_rng(SEED)
        beyond = done = 0
        while done < orders:
            batch = min(BATCH, orders - done)
            permuted = draw.permuted(np.tile(self.values, (batch, 1)), axis=1)
            # What is equal but for rounding is as clear; the statistic grows with the gain.
            beyond += int((_gains(permuted).max(axis=1) >= self.gain * (1 - 1e-9)).sum())
            done += batch
            if 1 + beyond > share * (1 + orders):
                return False
        return True


def _gains(values: Floats) -> Floats:
    """Return for each row the squares that each split takes, of shape (rows, splits)."""
    import numpy as np  # noqa: PLC0415

    count = values.shape[1]
    left = np.arange(LEAST_SEGMENT, count - LEAST_SEGMENT + 1)
    sums = values.cumsum(axis=1)[:, LEAST_SEGMENT - 1 : count - LEAST_SEGMENT]
    gains: Floats = sums * sums * (count / (left * (count - left)))
    return gains
