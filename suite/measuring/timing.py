"""The timing of a cell in one block: turns of timed calls, whose outputs are judged."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable

from suite.measuring.cell import Cell
from suite.measuring.contention import BlockContention, CellWatch
from suite.measuring.deadline import Deadline
from suite.measuring.doubts import clock_fault, throttling
from suite.measuring.gates import log_operators, require_untouched
from suite.measuring.judge_client import JudgeClient
from suite.measuring.settings import Settings
from suite.messages.judge import TimedCall
from suite.messages.worker import Bind, Energy, Turn, Warm
from suite.processes.shared_memory import STREAM_SLACK
from suite.results.card_state import CardState
from suite.results.cell import Block, Status
from suite.stats import intervals

LEAD_CALL_S = 0.05
"""Shorter calls are preceded by an untimed one in every turn; longer ones warm themselves."""
ENERGY_S = 6.0
"""Where less is left of a budget, joules are not measured."""
MOST_SAMPLES = 25
"""Samples of a turn: the median's own error is then far below the spread between blocks."""


class Timing:
    """One block of one cell, from packing the weight to the samples that count."""

    def __init__(self, cell: Cell, judge: JudgeClient, settings: Settings) -> None:
        self.cell = cell
        self._judge = judge
        self._settings = settings
        self._starts_seed = secrets.randbits(63)
        self._starts = random.Random(self._starts_seed)
        self._samples_s: list[float] = []
        self._unjudged: list[TimedCall] = []
        self._cards: list[CardState] = []
        self._prepare_s: float | None = None
        self._call_s = 0.0
        self._batch = 1
        self.watch = CellWatch()
        """What others took while its process worked, from the warm-up on."""

    def begin(self) -> None:
        """Pack this block's weight and warm up."""
        packed = self.cell.ask(Bind())
        with self.watch.watching(self.cell.worker.pid):
            warmed = self.cell.ask(Warm())
        if packed is None or warmed is None:
            return
        self._prepare_s = packed.prepare_s
        self._call_s = warmed.call_s
        self._batch = min(warmed.batch, self.cell.layout.slots)
        self.cell.evidence.note(warmed.note)
        if warmed.peak_bytes is not None:
            self.cell.evidence.peaks_bytes.append(warmed.peak_bytes)

    @property
    def rounds(self) -> int:
        """Turns in this block: one where a single call already fills it."""
        wanted = int(self._settings.block_s / max(self._call_s, 1e-9))
        return max(1, min(self._settings.rounds, wanted))

    @property
    def turn_calls(self) -> int:
        """Calls of one turn, whose outputs must fit into the shared memory's slots."""
        samples = self._settings.block_s / self.rounds / max(self._call_s * self._batch, 1e-9)
        fits = self.cell.layout.slots // self._batch
        return self._batch * max(1, min(round(samples), MOST_SAMPLES, fits))

    @property
    def median_s(self) -> float | None:
        """The block's time by what was measured so far."""
        return intervals.block_median_s(self._samples_s) if self._samples_s else None

    def turn(self, number: int) -> None:
        """Take the token for the block's turn of this number, counted from 0."""
        draw = self._starts.randrange
        starts = [(draw(STREAM_SLACK), draw(STREAM_SLACK)) for _ in range(self.turn_calls)]
        request = Turn(
            starts=tuple(starts),
            batch=self._batch,
            lead=self._call_s < LEAD_CALL_S,
            last=number + 1 >= self.rounds,
        )
        with self.watch.watching(self.cell.worker.pid):
            turned = self.cell.ask(request)
        if turned is None:
            return
        if len(turned.samples_s) * self._batch != len(starts):
            samples = f"{len(turned.samples_s)} samples of {len(starts)} calls"
            self.cell.fail(Status.ERROR, f"turn: {samples}, {self._batch} of which make one")
            return
        if not self.cell.worker.quiet:
            self.cell.evidence.note("threads were still busy 50 ms after a turn")
        self._samples_s += turned.samples_s
        if turned.card:
            self._cards.append(turned.card)
        # A slow warm-up must not buy fewer samples.
        self._call_s = min(self._call_s, *turned.samples_s)
        self._unjudged += enumerate(starts)

    def judge_turn(self) -> None:
        """Have the outputs judged that wait in their slots."""
        cell = self.cell
        if self._unjudged and cell.alive and self._settings.verify:
            allowance = cell.evidence.allowance
            if fault := self._judge.judge_timed(cell.results, self._unjudged, allowance):
                cell.fail(Status.INCORRECT, fault)
        self._unjudged = []

    def end(
        self, seed: str, reference_s: float | None, contention: BlockContention | None = None
    ) -> None:
        """Close the block: the weight must be untouched, then its samples count.

        Args:
            seed: of the block's operands, in hexadecimal.
            reference_s: the reference's time in the same block.
            contention: what others took meanwhile; None where nobody looked.
        """
        cell = self.cell
        if self._settings.verify:
            require_untouched(cell, self._judge, "a timed call")
        if fault := clock_fault(cell.worker.turns_s):
            cell.fail(Status.IMPLAUSIBLE, fault)
        has_time = cell.worker.run_deadline.left_s > ENERGY_S
        if self._settings.energy and cell.evidence.energy is None and has_time:
            cell.evidence.take_energy(cell.ask(Energy()))
        if cell.scenario.on_cuda:
            log_operators(cell)
        cell.worker.dismiss()
        if not cell.alive or not self._samples_s:
            return
        if fault := throttling(self._cards):
            cell.evidence.note(fault)
            return
        cell.add(
            Block(
                samples_s=tuple(self._samples_s),
                calls_per_sample=self._batch,
                seed=f"{seed}-{self._starts_seed:016x}",
                reference_s=reference_s,
                prepare_s=self._prepare_s,
                cards=tuple(self._cards),
                contention=contention.of(self.watch) if contention else None,
            )
        )


def take_turns(
    timings: Iterable[Timing], order: random.Random, deadline: Deadline | None = None
) -> None:
    """Let the cells take turns, each as many as its block has, and judge after every round.

    After the deadline no more turn is taken.

    Within a round they follow each other in random order, so that what disturbs the machine
    disturbs neighbours alike.
    """
    timings, number = list(timings), 0
    while at_turn := [t for t in timings if t.cell.alive and number < t.rounds]:
        order.shuffle(at_turn)
        for timing in at_turn:
            if deadline is None or not deadline.passed:
                timing.turn(number)
        for timing in at_turn:
            timing.judge_turn()
        number += 1
