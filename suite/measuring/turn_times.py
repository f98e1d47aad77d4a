"""A turn by two clocks: the worker's own, and the parent's, which no worker can reach.

What a sample takes besides its calls (messages, fresh operands, looking at outputs and writing
them) is the suite's own work, and the same for every implementation of a scenario. A row of the
suite's own shows how much that is; whoever keeps more has told too little, or put off work until
its clock had stopped.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SLACK = 0.5
"""How much longer the suite's own work on a call may take for one row than for another: operands
and outputs come from other caches, threads that still spin take a core."""
EMPTY_SLACK = 0.25
"""The same for messages."""
LEAST_SLACK_S = 20e-6
TOLD_SLACK = 0.05
"""Of what was told: work of others that stretches what lies between the calls."""
TOLD_SLACK_OF_ONE = 0.4
"""The same for one sample; it falls with their number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnTimes:
    """Medians over a turn's samples."""

    calls: int
    """Of each sample."""
    samples: int
    told_s: float
    """Of a sample, by the worker."""
    held_s: float
    """Of a sample by the parent: from the moment its operands were named to its answer."""
    empty_s: float
    """Of a sample without calls, by the parent."""

    @classmethod
    def of(
        cls,
        *,
        calls: int,
        told_s: Sequence[float],
        held_s: Sequence[float],
        empty_s: Sequence[float],
    ) -> TurnTimes:
        return cls(
            calls=calls,
            samples=len(told_s),
            told_s=statistics.median(told_s),
            held_s=statistics.median(held_s),
            empty_s=statistics.median(empty_s),
        )

    @property
    def besides_s(self) -> float:
        """What of a sample was not spent in calls, if what was told is true."""
        return self.held_s - self.told_s

    def share_s(self, calls: int) -> tuple[float, float]:
        """Return what messages and the suite's work on that many calls take, by this turn."""
        a_call_s = max(0.0, self.besides_s - self.empty_s) / self.calls
        return self.empty_s, a_call_s * calls


@dataclass(frozen=True, kw_only=True, slots=True)
class Unexplained:
    """One block of a row beside one of the suite's own; seconds of a sample."""

    calls: int
    told_s: float
    held_s: float
    share_s: float
    """What a sample of that many calls takes besides them, by the suite's own row."""
    excess_s: float
    """What is left unexplained beyond all that may be due to noise; negative where nothing is."""

    def __str__(self) -> str:
        calls = self.calls
        return (
            f"by the parent's clock a call took {_us(self.held_s / calls)}, of which "
            f"{_us(self.share_s / calls)} is the share of messages, operands and outputs; the "
            f"process told {_us(self.told_s / calls)}, so "
            f"{_us((self.held_s - self.told_s - self.share_s) / calls)} are unexplained"
        )


def unexplained(turns: Sequence[TurnTimes], own: Sequence[TurnTimes]) -> Unexplained | None:
    """Return what a row's turns in a block leave unexplained; None where nothing is known.

    The row's best turn is held against the worst of the suite's own: what else runs on a machine
    only ever adds time, now to one and now to the other.

    Args:
        own: turns in the same block of a process that runs nobody else's code.
    """
    if not turns or not own:
        return None
    best = min(turns, key=lambda turn: turn.besides_s / turn.calls)
    shares = [turn.share_s(best.calls) for turn in own]
    empty_s, work_s = max(shares, key=sum)
    samples = sum(turn.samples for turn in turns)
    slack_s = (
        LEAST_SLACK_S
        + EMPTY_SLACK * empty_s
        + SLACK * work_s
        + (TOLD_SLACK + TOLD_SLACK_OF_ONE / samples) * best.told_s
    )
    share_s = empty_s + work_s
    return Unexplained(
        calls=best.calls,
        told_s=best.told_s,
        held_s=best.held_s,
        share_s=share_s,
        excess_s=best.besides_s - share_s - slack_s,
    )


def clock_fault(blocks: Sequence[Unexplained], least: int) -> str | None:
    """Return why what a process tells of its time is not believed, if it is not.

    Most of its blocks have to say so, at least `least` of them: one may be disturbed.
    """
    if len(blocks) < least:
        return None
    middle = sorted(blocks, key=lambda block: block.excess_s)[(len(blocks) - 1) // 2]
    return str(middle) if middle.excess_s > 0 else None


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} µs"
