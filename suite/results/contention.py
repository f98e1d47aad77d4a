"""What else took the machine's cores while a block was timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from suite.ranges import Seconds, Share


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """The same small work done by one thread and by all of them, by code of ours."""

    one_thread_s: Seconds
    all_threads_s: Seconds

    @property
    def slowdown(self) -> float:
        """Return how much longer all threads take than one: above 1 they are of no use."""
        return self.all_threads_s / self.one_thread_s if self.one_thread_s else 1.0

    @property
    def words(self) -> str:
        """Return the slowdown as "124 times" or "0.62 times"."""
        return f"{self.slowdown:.0f} times" if self.slowdown >= 10 else f"{self.slowdown:.2f} times"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contention:
    """One block's. What the system does not tell is None.

    Shares are of one core's time: 0.2 is a fifth of it, 2.0 two cores.
    """

    others_share: Share | None = None
    """What processes other than this run's used, and other guests of the same host."""
    waited_share: Share | None = None
    """How long the cell's own threads were ready and had no core, summed over them (Linux)."""
    probe: Probe | None = None
    disturbed: bool = False
    """Whether others took so much, of any arm in this block, that it says nothing of the code."""


def largest_others_share(contentions: Sequence[Contention | None]) -> float | None:
    """Return the largest share that others took in any of these blocks; None if no block tells."""
    shares = (each.others_share for each in contentions if each is not None)
    return max((share for share in shares if share is not None), default=None)
