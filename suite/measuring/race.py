"""One scenario, several arms: gates first, then blocks of fresh processes that take turns.

Exactly one process works at any moment: the runner passes the token by asking one worker and
waiting for its answer. Within a block the arms alternate in random order, so that what disturbs
the machine disturbs neighbours alike; blocks are repeated with fresh processes and fresh data,
and only differences within a block are compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from suite.input_kinds import RUN_KINDS
from suite.measuring.arm import Arm
from suite.measuring.cell import Lane
from suite.measuring.doubts import why_implausible
from suite.measuring.judge_client import Referee
from suite.measuring.settings import Settings
from suite.measuring.time_spent import Ledger
from suite.problem import Scenario
from suite.processes.shared_memory import Arena, OperandLayout
from suite.results.cell import CellResult, Status
from suite.stats import intervals


class Race:
    """Measures one scenario. `results` yields each cell as soon as it is decided."""

    def __init__(
        self,
        scenario: Scenario,
        arms: Sequence[Arm],
        referee: Referee,
        settings: Settings,
        ledger: Ledger,
    ) -> None:
        self._scenario = scenario
        self._referee = referee
        self._settings = settings
        self._ledger = ledger
        self._lanes = [Lane(arm, scenario, referee, settings, ledger) for arm in arms]
        self._reported: set[str] = set()
        self._order = random.Random()

    def results(self) -> Iterator[CellResult]:
        """Yield every arm's result: failures at once, passed cells when they are known well."""
        with Arena(OperandLayout(self._scenario).size_bytes) as arena:
            self._referee.open(self._scenario, arena)
            try:
                self._start_processes(arena)
                yield from self._decided()
                self._gate()
                yield from self._decided()
                for number in range(self._settings.blocks):
                    if number:
                        self._start_processes(arena)
                    self._run_block()
                    self._finish_those_known(number + 1)
                    yield from self._decided()
                    if not any(lane.alive for lane in self._lanes):
                        return
                for lane in self._running():
                    lane.finished = True
                yield from self._decided()
            finally:
                for lane in self._lanes:
                    lane.close()

    def _running(self) -> list[Lane]:
        return [lane for lane in self._lanes if lane.alive]

    def _decided(self) -> Iterator[CellResult]:
        for lane in self._lanes:
            if not lane.alive and lane.arm.key not in self._reported:
                self._reported.add(lane.arm.key)
                lane.worker.dismiss()
                yield self._result(lane)

    def _result(self, lane: Lane) -> CellResult:
        """Return a decided lane's result; one beyond the machine's ceilings is implausible.

        The ceilings are measured once more before that is said: they may have been low because
        something else was running.
        """
        precision = lane.found.declared.get("precision")
        result = lane.result(self._referee.ceiling(self._scenario, lane.threads, precision))
        if why_implausible(result):
            again = self._referee.ceiling(self._scenario, lane.threads, precision, anew=True)
            result = lane.result(again)
            if reason := why_implausible(result):
                lane.fail(Status.IMPLAUSIBLE, reason)
                return lane.result(result.ceiling)
        return result

    def _start_processes(self, arena: Arena) -> None:
        with self._ledger.starting():
            for lane in self._running():
                lane.start()
            for lane in self._running():
                lane.loaded()
            for lane in self._running():
                lane.open(arena)
        self._ledger.begin()

    def _gate(self) -> None:
        for kind in RUN_KINDS:
            if running := self._running():
                self._referee.draw(kind)
                for lane in running:
                    lane.gate(kind)

    def _run_block(self) -> None:
        if not self._running():
            return
        seed = self._referee.draw_block()
        for lane in self._lanes:
            lane.worker.await_exits()
        for lane in self._shuffled():
            lane.begin_block()
        turn = 0
        while any(turn < lane.rounds for lane in self._running()):
            self._run_round(turn)
            turn += 1
        reference_s = self._reference_s()
        for lane in self._running():
            lane.end_block(seed, reference_s)

    def _run_round(self, turn: int) -> None:
        """Let each arm take one turn, then judge what they returned."""
        lanes = [lane for lane in self._shuffled() if turn < lane.rounds]
        for lane in lanes:
            lane.turn(turn)
        for lane in lanes:
            lane.judge_turn()

    def _shuffled(self) -> list[Lane]:
        running = self._running()
        self._order.shuffle(running)
        return running

    def _reference(self) -> Lane | None:
        keys = {lane.arm.key: lane for lane in self._lanes}
        return keys.get(self._settings.reference)

    def _reference_s(self) -> float | None:
        """Return the reference's median in this block."""
        reference = self._reference()
        return reference.block_median_s if reference and reference.alive else None

    def _finish_those_known(self, blocks: int) -> None:
        """End the lanes that have enough; the reference runs on while anyone needs it."""
        reference = self._reference()
        for lane in self._running():
            if lane is not reference and blocks >= self._least_blocks(lane):
                lane.finished = self._is_known(lane)
        others = [lane for lane in self._running() if lane is not reference]
        if reference and reference.alive and not others:
            enough = blocks >= self._least_blocks(reference)
            reference.finished = len(self._lanes) > 1 or (enough and self._is_known(reference))

    def _least_blocks(self, lane: Lane) -> int:
        least = min(self._settings.least_blocks, self._settings.blocks)
        return min(least, 2) if lane.spent_s > self._settings.cell_budget_s else least

    def _is_known(self, lane: Lane) -> bool:
        if lane.spent_s > self._settings.cell_budget_s:
            return True
        if not lane.blocks:  # all of them discarded so far
            return False
        medians = [intervals.block_median_s(block.samples_s) for block in lane.blocks]
        references = [block.reference_s for block in lane.blocks]
        ratios = [
            median if reference is None or lane is self._reference() else reference / median
            for median, reference in zip(medians, references, strict=True)
        ]
        half_width = intervals.log_interval(ratios).half_width
        return half_width is not None and half_width <= self._settings.target_half_width
