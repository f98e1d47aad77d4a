"""A block by two clocks: the worker's own, and the parent's, which no worker can reach.

What a sample takes besides its calls (messages, fresh operands, looking at outputs and writing
them) is the suite's own work, and the same for every implementation of a scenario. A row of the
suite's own shows how much that is; whoever keeps more has told too little, or put off work until
its clock had stopped.

Beside others that is hard to see: by the parent's clock a process also waits for a core. So where
a row has one thread, the parent asks the kernel what processor time the sample took besides: no
honest call tells less than that, however long it waited.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

SLACK = 0.3
"""How much longer the suite's own work on a call may take for one row than for another: operands
and outputs come from other caches, threads that still spin take a core."""
LEAST_SLACK_S = 20e-6
RARELY = 1000
"""So many blocks of an honest row, disturbed like the suite's own, hold one that seems late."""
TOLD_SLACK = 0.05
"""Of what was told: work of others that stretches what lies between the calls."""
TOLD_SLACK_OF_ONE = 0.8
"""The same for one sample; it falls with their number."""
USED_SLACK = 0.5
"""Of what was told, by the kernel's clock: what a row frees when its clock has stopped took an
eighth with tiles of spectra. Who tells half of its time or less is seen all the same."""


@dataclass(slots=True)
class TwoClocks:
    """The samples of one block, in seconds of a whole sample."""

    calls: int
    """Of each sample."""
    told_s: list[float] = field(default_factory=list)
    """By the worker."""
    held_s: list[float] = field(default_factory=list)
    """By the parent: from the moment the operands were named to the answer."""
    idle_s: dict[int, list[float]] = field(default_factory=dict)
    """By the parent, of samples that call nothing; by the number of calls that they leave out."""
    used_s: list[float] = field(default_factory=list)
    """Processor time of each sample, by the kernel; empty where it cannot be seen, or where several
    threads may take it at once."""
    idle_used_s: dict[int, list[float]] = field(default_factory=dict)
    """The same of samples that call nothing."""

    @property
    def besides_s(self) -> list[float]:
        """What of each sample was not spent in calls, shortest first."""
        return sorted(h - t for h, t in zip(self.held_s, self.told_s, strict=True))

    def noise_s(self, count: int) -> float:
        """Return how much longer the shortest of `count` samples may take by chance.

        So many samples all exceed this quantile of their like once in `RARELY`.
        """
        quantile: float = 1 - (1 / RARELY) ** (1 / count)
        besides_s = self.besides_s
        return besides_s[math.ceil(quantile * (len(besides_s) - 1))] - besides_s[0]

    def share_s(self, calls: int) -> float:
        """Return what a sample takes besides so many calls, by this block.

        Operands and outputs lie in caches where nothing was called meanwhile; how much longer it
        takes where something was, the block's own samples show.
        """
        slowed = self.besides_s[0] / min(self.idle_s[self.calls])
        return min(self.idle_s[calls]) * max(1.0, slowed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unexplained:
    """One block of a row beside one of the suite's own; seconds of a sample."""

    calls: int
    told_s: float
    held_s: float
    """Of the shortest sample by the parent's clock."""
    share_s: float
    """What a sample of that many calls takes besides them, by the suite's own row."""
    excess_s: float
    """What is left unexplained beyond all that may be due to noise; negative where nothing is."""
    clock: str = "the parent's clock"

    def __str__(self) -> str:
        calls = self.calls
        return (
            f"by {self.clock} no call took less than {_us(self.held_s / calls)}, of which "
            f"{_us(self.share_s / calls)} is the share of messages, operands and outputs; the "
            f"process told {_us(self.told_s / calls)}, so that "
            f"{_us((self.held_s - self.told_s - self.share_s) / calls)} a call are unexplained"
        )


def unexplained(
    row: TwoClocks, own: Sequence[TwoClocks], head_start_s: float = 0.0
) -> Unexplained | None:
    """Return what a row's block leaves unexplained; None where nothing is known.

    By the parent's clock, or by the kernel's of processor time where that leaves more.

    Args:
        own: the same block of processes that run nobody else's code.
        head_start_s: what may pass before each call for the row's sake, and count for nothing.
    """
    own = [block for block in own if block.told_s and {row.calls, block.calls} <= {*block.idle_s}]
    if not row.told_s or not own:
        return None
    by_clock = _by_the_parent(row, own, head_start_s)
    if not row.used_s or not all(block.used_s and block.idle_used_s for block in own):
        return by_clock
    return max(by_clock, _by_the_kernel(row, own), key=lambda seen: seen.excess_s)


def _by_the_parent(row: TwoClocks, own: Sequence[TwoClocks], head_start_s: float) -> Unexplained:
    """Hold a row against the parent's clock.

    The shortest sample by the parent's clock is held against the median of what was told, which
    is the time that counts, and so is each sample that was told to be as short as that: all of
    them have to keep too much. What else runs on a machine adds to both clocks; to blame an
    honest row it would have to come between the calls of every quick sample, and into no call.
    """
    told_s, held_s = statistics.median(row.told_s), min(row.held_s)
    samples = zip(row.held_s, row.told_s, strict=True)
    quick_s = [held - told for held, told in samples if told <= told_s]
    share_s = max(block.share_s(row.calls) for block in own)
    slack_s = (
        LEAST_SLACK_S
        + max(block.noise_s(len(quick_s)) for block in own)
        + row.calls * head_start_s
        + SLACK * share_s
        + (TOLD_SLACK + TOLD_SLACK_OF_ONE / len(row.told_s)) * told_s
    )
    return Unexplained(
        calls=row.calls,
        told_s=told_s,
        held_s=held_s,
        share_s=share_s,
        excess_s=min(held_s - told_s, *quick_s) - share_s - slack_s,
    )


def _by_the_kernel(row: TwoClocks, own: Sequence[TwoClocks]) -> Unexplained:
    """Hold a row against the processor time that its samples took.

    Others make what is told longer, and hardly what is used: of the suite's own samples those that
    kept the most show by how much, and a row's quick ones have to keep more, all of them.
    """
    told_s, used_s = statistics.median(row.told_s), min(row.used_s)
    samples = zip(row.used_s, row.told_s, strict=True)
    quick_s = [used - told for used, told in samples if told <= told_s]
    share_s = max(statistics.median(block.idle_used_s[row.calls]) for block in own)
    most_s = max(
        used - told - statistics.median(block.idle_used_s[block.calls])
        for block in own
        for used, told in zip(block.used_s, block.told_s, strict=True)
    )
    slack_s = LEAST_SLACK_S + max(0.0, most_s) + SLACK * share_s + USED_SLACK * told_s
    return Unexplained(
        calls=row.calls,
        told_s=told_s,
        held_s=used_s,
        share_s=share_s,
        excess_s=min(quick_s) - share_s - slack_s,
        clock="the parent's clock of processor time",
    )


def clock_fault(blocks: Sequence[Unexplained], least: int) -> str | None:
    """Return why what a process tells of its time is not believed, if it is not.

    Most of its blocks have to say so, out of at least `least`: one may be disturbed.
    """
    if len(blocks) < least:
        return None
    middle = sorted(blocks, key=lambda block: block.excess_s)[(len(blocks) - 1) // 2]
    return str(middle) if middle.excess_s > 0 else None


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} µs"
