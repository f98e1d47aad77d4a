"""One scenario, several arms: gates first, then blocks of fresh processes that take turns.

Exactly one process works at any moment: the parent passes the token by asking one worker and
waiting for its answer. Within a block the arms alternate in random order, so that what disturbs
the machine disturbs neighbours alike; blocks are repeated with fresh processes and fresh data,
and only differences within a block are compared.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from suite.input_kinds import RUN_KINDS
from suite.measuring.arm import Arm
from suite.measuring.cell import Cell
from suite.measuring.contention import watch_block
from suite.measuring.doubts import why_implausible
from suite.measuring.gates import gate
from suite.measuring.judge_client import JudgeClient
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.measuring.timing import Timing, take_turns
from suite.problem import Scenario
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import CellResult, Status
from suite.stats import intervals

LEAST_TRIES = 2
"""Blocks before it is said that others hold the cores all the time."""


class Race:
    """Measures one scenario. `results` yields each cell as soon as it is decided."""

    def __init__(
        self,
        scenario: Scenario,
        arms: Sequence[Arm],
        judge: JudgeClient,
        settings: Settings,
        time_spent: TimeSpent,
    ) -> None:
        self._scenario = scenario
        self._judge = judge
        self._settings = settings
        self._time_spent = time_spent
        self._cells = [Cell(arm, scenario, settings, time_spent) for arm in arms]
        self._reported: set[str] = set()
        self._order = random.Random()
        self._blocks_run = 0

    def results(self) -> Iterator[CellResult]:
        """Yield every arm's result: failures at once, passed cells when they are known well."""
        with SharedMemory(OperandLayout(self._scenario).size_bytes) as shared:
            self._judge.open(self._scenario, shared)
            try:
                self._start_processes(shared)
                yield from self._decided()
                self._gate()
                yield from self._decided()
                while self._running():
                    if self._blocks_run:
                        self._start_processes(shared)
                    self._run_block()
                    self._blocks_run += 1
                    self._finish_those_known()
                    yield from self._decided()
            finally:
                for cell in self._cells:
                    cell.close()

    def _running(self) -> list[Cell]:
        return [cell for cell in self._cells if cell.alive]

    def _decided(self) -> Iterator[CellResult]:
        for cell in self._cells:
            if not cell.alive and cell.arm.key not in self._reported:
                self._reported.add(cell.arm.key)
                cell.worker.dismiss()
                yield self._result(cell)

    def _result(self, cell: Cell) -> CellResult:
        """Return a decided cell's result; one beyond the machine's ceilings is implausible.

        The ceilings are measured once more before that is said: they may have been low because
        something else was running.
        """
        precision, reference = cell.evidence.precision, self._settings.reference
        ceiling = self._judge.ceiling(self._scenario, cell.threads, precision)
        result = cell.result(reference, ceiling)
        if why_implausible(result):
            again = self._judge.ceiling(self._scenario, cell.threads, precision, anew=True)
            result = cell.result(reference, again)
            if reason := why_implausible(result):
                cell.fail(Status.IMPLAUSIBLE, reason)
                return cell.result(reference, result.ceiling)
        return result

    def _start_processes(self, shared: SharedMemory) -> None:
        with self._time_spent.starting():
            for cell in self._running():
                cell.start()
            for cell in self._running():
                cell.loaded()
            for cell in self._running():
                cell.open(shared)
        self._time_spent.begin()

    def _gate(self) -> None:
        for kind in RUN_KINDS:
            if running := self._running():
                self._judge.draw(kind)
                for cell in running:
                    gate(cell, self._judge, kind)

    def _run_block(self) -> None:
        if not self._running():
            return
        seed = self._judge.draw_block()
        for cell in self._cells:
            cell.worker.await_exits()
        cells = self._shuffled()
        watch = watch_block(cells, self._judge)
        timings = [Timing(cell, self._judge, self._settings) for cell in cells]
        for timing in timings:
            timing.begin()
        take_turns(timings, self._order)
        reference_s = self._reference_s(timings)
        contention = watch.ended([timing.watch for timing in timings])
        for timing in timings:
            if timing.cell.alive:
                timing.end(seed, reference_s, contention)

    def _shuffled(self) -> list[Cell]:
        running = self._running()
        self._order.shuffle(running)
        return running

    def _reference(self) -> Cell | None:
        keys = {cell.arm.key: cell for cell in self._cells}
        return keys.get(self._settings.reference)

    def _reference_s(self, timings: Sequence[Timing]) -> float | None:
        """Return the reference's median in this block."""
        reference = self._reference()
        medians_s = (t.median_s for t in timings if t.cell is reference and t.cell.alive)
        return next(medians_s, None)

    def _finish_those_known(self) -> None:
        """End the cells that have enough; the reference runs on while anyone needs it."""
        reference = self._reference()
        for cell in self._running():
            if cell is not reference:
                cell.finished = self._has_enough(cell)
        others = [cell for cell in self._running() if cell is not reference]
        if reference and reference.alive and not others:
            reference.finished = len(self._cells) > 1 or self._has_enough(reference)

    def _has_enough(self, cell: Cell) -> bool:
        if self._blocks_run < self._least_blocks(cell):
            return False
        return self._is_known(cell) or not self._may_have_another(cell)

    def _least_blocks(self, cell: Cell) -> int:
        least = min(self._settings.least_blocks, self._settings.blocks)
        if cell.spent_s > self._settings.cell_budget_s:
            return min(least, self._settings.least_over_budget)
        return least

    def _may_have_another(self, cell: Cell) -> bool:
        """Return whether a cell gets one more block; disturbed ones are measured again.

        Half as many again at most, and not where others held the cores in all there were.
        """
        most = self._settings.blocks
        if self._blocks_run < most:
            return True
        if not cell.disturbed or self._blocks_run >= most + math.ceil(most / 2):
            return False
        return len(cell.blocks) < most and (bool(cell.blocks) or self._blocks_run < LEAST_TRIES)

    def _is_known(self, cell: Cell) -> bool:
        if cell.spent_s > self._settings.cell_budget_s:
            return True
        if len(cell.blocks) < self._least_blocks(cell):  # some discarded, or disturbed
            return False
        medians = [intervals.block_median_s(block.samples_s) for block in cell.blocks]
        references = [block.reference_s for block in cell.blocks]
        ratios = [
            median if reference is None or cell is self._reference() else reference / median
            for median, reference in zip(medians, references, strict=True)
        ]
        half_width = intervals.log_interval(ratios).half_width
        return half_width is not None and half_width <= self._settings.target_half_width
