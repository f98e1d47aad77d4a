"""The timing of a cell in one block: turns of timed calls, whose outputs are judged."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence

from suite.measuring.cell import Cell
from suite.measuring.contention import BlockContention, CellWatch
from suite.measuring.doubts import throttling
from suite.measuring.energy import (
    BusyTime,
    Counter,
    EnergyUsed,
    counter_for,
    joules_per_call,
    no_energy,
)
from suite.measuring.gates import log_operators
from suite.measuring.judge_client import JudgeClient, OutputsOf
from suite.measuring.settings import Settings
from suite.measuring.starts import Starts
from suite.measuring.two_clocks import TwoClocks, Unexplained, unexplained
from suite.messages.judge import TimedCall
from suite.messages.worker import (
    BeginTurn,
    Bind,
    EndTurn,
    Sample,
    Start,
    TurnEnded,
    Warm,
    most_batch,
)
from suite.results.card_state import CardState
from suite.results.cell import Block, Status
from suite.stats import intervals

LEAD_CALL_S = 0.05
"""Shorter calls are preceded by untimed ones in every turn; longer ones warm themselves."""
LEAD_S = 0.004
"""What those take together, about: the arms before left the caches to themselves. After one call
alone, the next five of a packed row still take longer: `python -m tests.studies.turns`."""
MOST_LEAD = 6
LEAST_LEAD_FIRST = 2
"""Of a short call before a block's first turn."""
ENERGY_S = 6.0
"""Where less is left of a budget, joules are not measured."""
IDLE_SAMPLES = 6
"""Of a block, for each number of calls that a sample of this race has."""
HEAD_START_S = 3e-3
"""Of each call on a GPU: `suite.worker.cuda_clock` keeps the card waiting for up to 2 ms while the
host launches kernels, and synchronises twice."""
PIECES = 4
PIECE_BYTES = 16
"""Of a sample's outputs, looked at when its time is told and again when they are judged."""


class Timing:
    """One block of one cell, from packing the weight to the samples that count."""

    def __init__(
        self,
        cell: Cell,
        judge: JudgeClient,
        settings: Settings,
        few_starts: Sequence[Start] = (),
    ) -> None:
        self.cell = cell
        self.judge = judge
        self._settings = settings
        self._starts = Starts(few_starts)
        self._samples_s: list[float] = []
        self.clocks = TwoClocks(calls=1)
        self.own_clocks: list[TwoClocks] = []
        """Of the same block of processes that run nobody else's code."""
        self.idle_batches: tuple[int, ...] = ()
        """Numbers of calls to show for what a sample takes besides them."""
        self._seen: list[tuple[int, bytes]] = []
        """Pieces of outputs as they were when their call's time was told, and where they lie."""
        self._unjudged: list[TimedCall] = []
        self._handed_back = False
        """Whether its process has written operands back, which wait to be compared."""
        self._is_compared = False
        self._cards: list[CardState] = []
        self._prepare_s: float | None = None
        self._call_s = 0.0
        self._batch = 1
        self.watch = CellWatch()
        """What others took while its process worked, from the warm-up on."""

    def begin(self) -> None:
        """Pack this block's weight and warm up."""
        with self.cell.worker.turn():
            packed = self.cell.ask(Bind())
            with self.watch.watching(self.cell.worker.pid):
                peak = self._settings.peak_memory and not self.cell.evidence.peaks_bytes
                warm = Warm(seconds=self._warm_s, peak=peak)
                warmed = self.cell.ask(warm)
        if packed is None or warmed is None or self.cell.misconducts():
            return
        self._prepare_s = packed.prepare_s
        self._call_s = min(warmed.call_s, self._usual_call_s)
        self._batch = min(warmed.batch, self.cell.layout.slots, self._most_batch)
        self.clocks = TwoClocks(calls=self._batch)
        self.cell.evidence.note(warmed.note)
        if warmed.peak_bytes is not None:
            self.cell.evidence.peaks_bytes.append(warmed.peak_bytes)

    @property
    def _usual_call_s(self) -> float:
        """What a call takes as the gates saw it, at most."""
        return math.inf if self.cell.call_s is None else self.cell.call_s

    @property
    def _warm_s(self) -> float:
        """How long to call on after the first call: not at all where that is as long."""
        warm_s, call_s = self._settings.warm_s, self.cell.call_s
        return 0.0 if call_s is not None and call_s >= warm_s else warm_s

    @property
    def _most_batch(self) -> int:
        """Calls of a sample that no honest timer exceeds: others make room for as many, too."""
        scenario = self.cell.scenario
        problem, forward = scenario.problem, scenario.direction == "forward"
        elements = problem.input_elements if forward else problem.output_elements
        return most_batch(elements * scenario.itemsize)

    @property
    def batch(self) -> int:
        """Calls of one sample."""
        return self._batch

    @property
    def rounds(self) -> int:
        """Turns in this block: fewer where calls are so long that few fill it."""
        turn_s = self._settings.turn_calls * self._call_s
        wanted = int(self._settings.block_s / max(turn_s, 1e-9))
        return max(1, min(self._settings.rounds, wanted))

    @property
    def turn_calls(self) -> int:
        """Calls of one turn, whose outputs must fit into the shared memory's slots."""
        samples = self._settings.block_s / self.rounds / max(self._call_s * self._batch, 1e-9)
        fits = self.cell.layout.slots // self._batch
        most = math.ceil(self._settings.block_samples / self.rounds)
        return self._batch * max(1, min(round(samples), most, fits))

    @property
    def median_s(self) -> float | None:
        """The block's time by what was measured so far."""
        return intervals.block_median_s(self._samples_s) if self._samples_s else None

    def turn(self, number: int) -> None:
        """Take the token for the block's turn of this number, counted from 0.

        Every sample is a request of its own, so that the parent's clock sees each of them, and
        none can be prepared before it is due.
        """
        most = max(self._batch, *self.idle_batches, 1)
        if self.cell.ask(BeginTurn(batch=most, lead=self._lead(number))) is None:
            return
        for calls in [*self.idle_batches] * math.ceil(IDLE_SAMPLES / self.rounds):
            self._idle_sample(calls)
        with self.watch.watching(self.cell.worker.pid):
            told_s = self._samples(self.clocks)
        ended = self._end_turn(last=number + 1 >= self.rounds)
        if ended is None or told_s is None:
            return
        if not self.cell.worker.quiet:
            self.cell.evidence.note("threads were still busy 50 ms after a turn")
        if ended.card:
            self._cards.append(ended.card)
        samples_s = [sample_s / self._batch for sample_s in told_s]
        self._samples_s += samples_s
        # A slow warm-up must not buy fewer samples.
        self._call_s = min(self._call_s, *samples_s)

    def _end_turn(self, *, last: bool) -> TurnEnded | None:
        ended = self.cell.ask(EndTurn(last=last))
        self._handed_back = last and ended is not None
        return ended

    def _require_untouched(self) -> None:
        """Have the weight compared where that was left to a last turn for which no time was."""
        if self._settings.verify and not self._is_compared and self._end_turn(last=True):
            judge_turns([self])

    def _lead(self, number: int) -> int:
        """Return how many untimed calls precede a turn's samples.

        Before the first turn the process gave its free memory back; a sample needs room for its
        outputs and for those of the one before.
        """
        if self._call_s >= LEAD_CALL_S:
            return 0
        least = LEAST_LEAD_FIRST if number == 0 and self._call_s < LEAD_S else 1
        return max(least, min(MOST_LEAD, math.ceil(LEAD_S / max(self._call_s, 1e-9))))

    def _idle_sample(self, calls: int) -> None:
        """See what a sample takes besides so many calls, by the parent's clock."""
        starts = self._starts.take(calls)
        if self.cell.ask(Sample(starts=starts, slot=0, idle=True)) is not None:
            self.clocks.idle_s.setdefault(calls, []).append(self.cell.worker.held_s)
            if (used_s := self._used_s) is not None:
                self.clocks.idle_used_s.setdefault(calls, []).append(used_s)

    def _samples(self, clocks: TwoClocks) -> list[float] | None:
        """Take the samples of a turn and return their seconds, or None after a failure."""
        told_s, held_s, used_s = [], [], []
        for slot in range(0, self.turn_calls, self._batch):
            sample_s = self._sample(slot)
            if sample_s is None:
                return None
            told_s.append(sample_s)
            held_s.append(self.cell.worker.held_s)
            used_s.append(self._used_s)
        clocks.told_s += told_s
        clocks.held_s += held_s
        clocks.used_s += [each for each in used_s if each is not None]
        return told_s

    @property
    def _used_s(self) -> float | None:
        """Processor time of the last sample; None where it shows nothing: a GPU's host waits."""
        return None if self.cell.scenario.on_cuda else self.cell.worker.used_s

    def _sample(self, slot: int) -> float | None:
        """Take one sample; return the seconds that the worker told, or None after a failure."""
        starts = self._starts.take(self._batch)
        sampled = self.cell.ask(Sample(starts=starts, slot=slot))
        if sampled is None:
            return None
        if sampled.sample_s is None or len(sampled.channels_last) != len(starts):
            outputs = f"{len(sampled.channels_last)} outputs"
            self.cell.fail(Status.ERROR, f"sample: {outputs} or no time for {len(starts)} calls")
            return None
        slots = range(slot, slot + len(starts))
        self._unjudged += zip(slots, starts, sampled.channels_last, strict=True)
        self._seen += self._some_of(slots)
        return sampled.sample_s

    def _some_of(self, slots: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Yield a few pieces of the outputs in these slots, each with its place."""
        for _ in range(PIECES):
            region = self.cell.layout.slot(secrets.choice(slots))
            if region.size_bytes:
                start = region.start + secrets.randbelow(region.size_bytes)
                size_bytes = min(PIECE_BYTES, region.start + region.size_bytes - start)
                yield start, self.cell.results.read(start, size_bytes)

    def _energy(self) -> EnergyUsed | None:
        """Measure joules per call over turns like those that were timed, judged like them."""
        if not self._settings.verify or self.cell.evidence.opened is None:
            return no_energy("the outputs of timed calls are not judged")
        try:
            counter = counter_for(self.cell.evidence.opened.card_uuid)
        except LookupError as error:
            return no_energy(str(error))
        clocks = TwoClocks(calls=self._batch)
        used = joules_per_call(lambda counter: self._busy_time(counter, clocks), counter)
        seen = unexplained(clocks, self.own_clocks, self._head_start_s)
        if used is not None and seen is not None and seen.excess_s > 0:
            return no_energy(f"of the calls that it was measured over: {seen}")
        return used

    def _busy_time(self, counter: Counter, clocks: TwoClocks) -> BusyTime | None:
        if self.cell.ask(BeginTurn(batch=self._batch, lead=1)) is None:
            return None
        before_j, before = counter(), time.perf_counter()
        told_s = self._samples(clocks)
        joules, took_s = counter() - before_j, time.perf_counter() - before
        if told_s is None or self._end_turn(last=True) is None:
            return None
        judge_turns([self])
        if not self.cell.alive:
            return None
        calls = len(told_s) * self._batch
        return BusyTime(calls=calls, in_calls_s=sum(told_s), took_s=took_s, joules=joules)

    @property
    def _head_start_s(self) -> float:
        """Seconds that a timer may keep a GPU waiting before a call, by the row's launches."""
        return HEAD_START_S if self.cell.scenario.on_cuda else 0.0

    def clock_seen(self) -> Unexplained | None:
        """Return what the block leaves unexplained by the parent's clock."""
        return unexplained(self.clocks, self.own_clocks, self._head_start_s)

    def to_judge(self) -> OutputsOf | None:
        """Return the outputs that wait in their slots to be judged, if any.

        They are those that were there when the clock stopped: what was written later was computed
        in others' time.
        """
        cell, calls = self.cell, self._unjudged
        if any(cell.results.read(start, len(piece)) != piece for start, piece in self._seen):
            cell.fail(Status.INCORRECT, "an output was written after its call's time was told")
        handed_back = self._handed_back
        self._seen, self._unjudged, self._handed_back = [], [], False
        if (calls or handed_back) and cell.alive and self._settings.verify:
            self._is_compared |= handed_back
            return OutputsOf(cell.results, calls, cell.evidence.allowance, handed_back)
        return None

    def end(
        self,
        seed: str,
        reference_s: float | None,
        contention: BlockContention | None = None,
        void: str | None = None,
    ) -> None:
        """Close the block, whose samples count from now on.

        Args:
            seed: of the block's operands, in hexadecimal.
            reference_s: the reference's time in the same block.
            contention: what others took meanwhile; None where nobody looked.
            void: why the block counts for no cell, if it does not.
        """
        cell = self.cell
        self._require_untouched()
        has_time = cell.worker.run_deadline.left_s > ENERGY_S
        if self._settings.energy and cell.evidence.energy is None and has_time:
            cell.evidence.take_energy(self._energy())
        if cell.scenario.on_cuda:
            log_operators(cell)
        if not cell.alive or not self._samples_s:
            return
        if void:
            cell.evidence.note(f"a block was discarded: {void}")
            return
        if fault := throttling(self._cards):
            cell.evidence.note(fault)
            return
        cell.add(
            Block(
                samples_s=tuple(self._samples_s),
                calls_per_sample=self._batch,
                seed=f"{seed}-{self._starts.seed:016x}",
                reference_s=reference_s,
                prepare_s=self._prepare_s,
                besides_share=cell.worker.conduct.besides_share,
                cards=tuple(self._cards),
                contention=contention.of(self.watch) if contention else None,
            )
        )


def judge_turns(timings: Iterable[Timing]) -> None:
    """Have the outputs of turns judged: those of one judge at once, as one that slept is slow.

    Their cells fail where one is wrong.
    """
    waiting: dict[int, list[tuple[Timing, OutputsOf]]] = {}
    for timing in timings:
        if outputs := timing.to_judge():
            waiting.setdefault(id(timing.judge), []).append((timing, outputs))
    for of_one in waiting.values():
        faults = of_one[0][0].judge.judge_timed([outputs for _, outputs in of_one])
        for (timing, _), fault in zip(of_one, faults, strict=True):
            if fault:
                timing.cell.fail(Status.INCORRECT, fault)
