"""Until when a run may take, and how its scenarios share what is left."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

GRACE_SHARE = 0.1
"""Of the whole budget: what is in progress when it ends may take so much longer."""


class OutOfTime(Exception):
    """The budget ended before a step did. Nobody is to blame for that."""


@dataclass(frozen=True)
class Deadline:
    """Seconds of the monotonic clock. Without a budget both are infinite.

    Args:
        at_s: no step begins after it.
        cut_s: a step in progress is ended then, with the process that takes it.
        whole: the deadline of the run that this is a part of; None if it is no part.
    """

    at_s: float = math.inf
    cut_s: float = math.inf
    whole: Deadline | None = None

    @property
    def left_s(self) -> float:
        return max(0.0, self.at_s - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.at_s

    @property
    def until_cut_s(self) -> float:
        return max(0.0, self.cut_s - time.monotonic())

    @property
    def is_cut(self) -> bool:
        return time.monotonic() >= self.cut_s

    def later(self, seconds: float) -> Deadline:
        """Return the deadline moved by what the run as a whole took, as far as it allows."""
        if self.whole is None:
            return self
        at_s, cut_s = self.at_s + seconds, self.cut_s + seconds
        return Deadline(min(at_s, self.whole.at_s), min(cut_s, self.whole.cut_s), self.whole)

    def share(self, share: float) -> Deadline:
        """Return the deadline of a part that may take this share of what is left, and no more."""
        if math.isinf(self.at_s):
            return self
        end_s = time.monotonic() + share * self.left_s
        return Deadline(end_s, end_s)


class Budget:
    """The time of a run, which its scenarios share.

    Args:
        budget_s: from now on; None for as long as it takes.
    """

    def __init__(self, budget_s: float | None) -> None:
        began_s = time.monotonic()
        self._grace_s = 0.0 if budget_s is None else GRACE_SHARE * budget_s
        end_s = math.inf if budget_s is None else began_s + budget_s
        self.whole = Deadline(end_s, end_s + self._grace_s)

    def for_the_first(self, needs_s: Sequence[float], least_s: float) -> Deadline:
        """Return the deadline of the first of the scenarios that are left.

        Those that need little get that, the others alike of what remains; what one does not use is
        the next one's.

        Args:
            needs_s: about how long each of them would take, the first one's in front.
            least_s: less than this is no use to it.
        """
        if math.isinf(self.whole.at_s):
            return self.whole
        share_s = max(min(needs_s[0], level(needs_s, self.whole.left_s)), least_s)
        end_s = min(time.monotonic() + share_s, self.whole.at_s)
        return Deadline(end_s, min(end_s + self._grace_s, self.whole.cut_s), self.whole)


def level(needs_s: Sequence[float], left_s: float) -> float:
    """Return the most that any of these may take so that together they take what is left."""
    for taken, need_s in enumerate(ordered := sorted(needs_s)):
        rest = len(ordered) - taken
        if need_s * rest >= left_s:
            return left_s / rest
        left_s -= need_s
    return math.inf
