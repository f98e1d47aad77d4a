"""Contiguous stretches of the recording, and one decision of each rule on them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from suite.gate.decision import CellTimes, Decision
from suite.gate.rule import Rule
from suite.gate.verdict import TimeVerdict, Verdict
from suite.stats.intervals import block_time_s
from tests.studies.gate.rivals import Rival
from tests.studies.gate.samples import ARMS, Recording

NULLS = ("base", "same", "again")
"""Arms of the same code."""
LEAST_BLOCKS = 18
"""Blocks that a stretch must have: the screen's and enough for suspects."""
OURS = 18
"""Blocks of both sides on our schedule: the screen's 6 and 12 more."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Blocks from `start` to the end of a sitting, exclusive."""

    sitting: str
    start: int
    end: int


def stretches(recording: Recording, step: int, least: int = LEAST_BLOCKS) -> list[Stretch]:
    """Return stretches that begin every `step` blocks of each sitting."""
    found = []
    for number, name in enumerate(recording.sitting_names):
        places = np.flatnonzero(recording.sittings == number)
        first, last = int(places[0]), int(places[-1]) + 1
        found += [
            Stretch(sitting=name, start=start, end=last)
            for start in range(first, last - least + 1, step)
        ]
    return found


class Times:
    """Every arm's time in every block and cell, reduced as the live gate does it."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        blocks, cells, arms, _ = recording.seconds.shape
        self._arms = {arm: number for number, arm in enumerate(ARMS)}
        self._s = np.full((blocks, cells, arms), np.nan)
        for place in np.ndindex(blocks, cells, arms):
            samples = recording.seconds[place]
            samples = samples[~np.isnan(samples)]
            if samples.size:
                self._s[place] = block_time_s(samples.tolist())

    def cell(self, block: int, cell: int, arm: str) -> float | None:
        """Return seconds, None where the arm has no sample."""
        found = float(self._s[block, cell, self._arms[arm]])
        return None if np.isnan(found) else found

    def arm(self, arm: str) -> np.ndarray:
        """Return [block, cell]."""
        return self._s[:, :, self._arms[arm]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One replayed decision: what it said of every cell, and what it took."""

    verdicts: Mapping[str, TimeVerdict]
    start: int
    blocks: int
    seconds: float

    def count(self, verdict: Verdict) -> int:
        return sum(found.verdict is verdict for found in self.verdicts.values())

    @property
    def fails(self) -> bool:
        return self.count(Verdict.REGRESSED) > 0


def decide(
    times: Times, stretch: Stretch, *, base: str, heads: Sequence[str], rule: Rule, seed: int
) -> Run:
    """Drive the gate's own decision along a stretch.

    Args:
        heads: the arm that plays head in each cell, by place.
    """
    recording = times.recording
    cells = recording.cells
    decision = Decision(cells, rule, seed=seed)
    block, seconds = stretch.start, 0.0
    while block < stretch.end and (request := decision.next_block()):
        found = {}
        for cell in request.cells:
            number = cells.index(cell)
            head = heads[number]
            base_s, head_s = (times.cell(block, number, arm) for arm in (base, head))
            if base_s is None or head_s is None:
                continue  # void, as a live block with a fault is
            null = next(arm for arm in NULLS if arm not in (base, head))
            null_s = times.cell(block, number, null) if cell in request.with_null else None
            found[cell] = CellTimes(base_s=base_s, head_s=head_s, null_s=null_s)
        decision.add(found)
        seconds += block_seconds(recording, block, request.cells, request.with_null)
        block += 1
    return Run(
        verdicts=decision.verdicts(),
        start=stretch.start,
        blocks=block - stretch.start,
        seconds=seconds,
    )


def block_seconds(
    recording: Recording, block: int, cells: Sequence[str], with_null: frozenset[str]
) -> float:
    """Return what a block with two arms, and the null arm in some cells, would have taken."""
    arms, turns = len(ARMS), len(recording.cells) * len(ARMS)
    start_s = float(recording.start_s[block])
    turn_s = (float(recording.wall_s[block]) - start_s) / turns
    return start_s * (2 + bool(with_null)) / arms + turn_s * (2 * len(cells) + len(with_null))


def own_schedule(
    recording: Recording, rival: Rival, start: int, cell: int, base: str, head: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples that a tool would have taken: base's processes, then head's."""
    middle = start + rival.processes
    end = middle + rival.processes
    return (
        _taken(recording, base, slice(start, middle), cell, rival.samples),
        _taken(recording, head, slice(middle, end), cell, rival.samples),
    )


def our_schedule(
    recording: Recording, rival: Rival, start: int, cell: int, base: str, head: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return as many samples of as many interleaved processes as our gate looks at."""
    blocks = slice(start, start + OURS)
    return (
        _taken(recording, base, blocks, cell, rival.samples),
        _taken(recording, head, blocks, cell, rival.samples),
    )


def _taken(recording: Recording, arm: str, blocks: slice, cell: int, samples: int) -> np.ndarray:
    """Return up to `samples` samples of every process, one after the other."""
    found = recording.arm(arm)[blocks, cell, :samples].ravel()
    return found[~np.isnan(found)]


def mixed_heads(cells: int, slower: str, share: float, draw: random.Random) -> list[str]:
    """Return head's arm in each cell: `slower` in a share of them, the same code in the others."""
    number = max(1, round(share * cells))
    chosen = set(draw.sample(range(cells), number))
    return [slower if cell in chosen else "same" for cell in range(cells)]


def pairs_of_same() -> Iterator[tuple[str, str]]:
    """Yield base and head of all A/A comparisons."""
    for base in NULLS:
        for head in NULLS:
            if base != head:
                yield base, head
