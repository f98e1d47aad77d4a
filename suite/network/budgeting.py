"""How long `optimize` may take for each of its steps, and what the next ones are going to take."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from suite.network.proving import LEAST_BLOCKS, reckoned_s
from suite.network.settling import FIRST_BLOCKS

TRYING_SHARE = 0.5
"""Of the budget, for trying rows; the rest proves what they are worth in the whole. Less where the
least that proves it takes longer."""
LEAST_TRYING_SHARE = 0.25
"""Of what is left, for trying rows, however long the rest takes."""
CHECKING_PASSES = 3.0
"""What holding the layers of a variant against float64 takes, in passes through it in float64."""


class TimeBudget:
    """The time of one call of `optimize`.

    Starting processes and compiling rows for the first time come on top of the budget: both are as
    long for a budget of a minute as for one of an hour.

    Args:
        budget_s: that the caller gave; it begins now.
    """

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._began = time.monotonic()
        self._besides_s = 0.0
        self.pass_s = 0.0
        """Of a pass through the network."""
        self.exact_s = 0.0
        """Of one in float64."""
        self.is_folded = False
        """Whether the unfolded network takes part in every block, too."""

    @property
    def took_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def until(self) -> float:
        """When the budget ends, by the monotonic clock."""
        return self._began + self._besides_s + self._budget_s

    @property
    def left_s(self) -> float:
        return self.until - time.monotonic()

    def add_compiling(self, took_s: float) -> None:
        """Leave out seconds in which rows were compiled."""
        self._besides_s += took_s

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Leave out what the body takes, which starts processes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._besides_s += time.monotonic() - began

    def finishing_s(self, variants: int) -> float:
        """Return about what it takes at the least to check so many variants and to prove them."""
        return self._proving_s(variants) + variants * CHECKING_PASSES * self.exact_s

    def _proving_s(self, variants: int) -> float:
        own_s = reckoned_s(1, self.pass_s, is_folded=self.is_folded)
        if variants == 1:
            return LEAST_BLOCKS * own_s
        several_s = reckoned_s(variants, self.pass_s, is_folded=self.is_folded)
        return FIRST_BLOCKS * several_s + LEAST_BLOCKS * own_s

    def has_time_for(self, variants: int) -> bool:
        """Whether so many variants can be proven with some time left to try rows in them."""
        return self.finishing_s(variants) <= (1 - LEAST_TRYING_SHARE) * self.left_s

    def trying_s(self, variants: int) -> float:
        """Return the seconds for rows that are yet to be tried, of all variants together."""
        left_s = self.left_s
        most_s = min(
            left_s - (1 - TRYING_SHARE) * self._budget_s, left_s - self.finishing_s(variants)
        )
        return max(most_s, LEAST_TRYING_SHARE * left_s, 0.0)
