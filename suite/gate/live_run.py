"""A live gate run: deterministic gates, then blocks until all is decided or time is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from suite.gate.block_log import BlockWriter
from suite.gate.blocks import BlockRunner
from suite.gate.decision import Decision, Request
from suite.gate.rule import Rule
from suite.gate.side import BASE, HEAD
from suite.gate.verdict import Stage

RESERVE_S = 3.0
"""Of the budget: for reports and clearing up."""


@dataclass(frozen=True)
class GateProgress:
    """Where a gate run stands."""

    doing: str
    left_s: float | None


@dataclass
class LiveRun:
    """Drives a runner by a decision.

    Args:
        budget_s: for the whole run, what was spent before included; None: as long as it takes.
        began: when the run began, by the monotonic clock.
        watch: called before every block.
    """

    runner: BlockRunner
    rule: Rule
    folder: Path
    budget_s: float | None
    began: float
    watch: Callable[[GateProgress], None] = lambda _: None
    interrupted: bool = False
    blocks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, Stage), 0))
    notes: list[str] = field(default_factory=list)
    decision: Decision | None = None
    _block_s: float = 0.0
    _cell_block_s: float = 0.0

    def run(self) -> None:
        """Measure; Ctrl-C ends it early and keeps what was measured."""
        try:
            self._check()
            self._measure()
        except KeyboardInterrupt:
            self.interrupted = True
            self.notes.append("interrupted: judged by what was measured until then")

    def _check(self) -> None:
        cells = len(self.runner.tallies)
        for checked, _ in enumerate(self.runner.check(), start=1):
            if checked % 10 == 0 or checked == cells:
                self.watch(GateProgress(f"gates {checked} of {cells}", None))

    def _measure(self) -> None:
        sound = [
            cell
            for cell, sides in self.runner.tallies.items()
            if sides[BASE].alive and sides[HEAD].alive
        ]
        decision = self.decision = Decision(sound, self.rule)
        writer = BlockWriter(self.folder)
        try:
            while request := self._next(decision):
                self.watch(GateProgress(self._doing(request), self._left_s(decision)))
                start = time.monotonic()
                times = self.runner.measure(request)
                self._note_pace(time.monotonic() - start, len(request.cells))
                self.blocks[request.stage] += 1
                decision.add(times)
                writer.add(request, times)
                self._drop_failed(decision, request)
        finally:
            writer.close()

    def _drop_failed(self, decision: Decision, request: Request) -> None:
        for cell in request.cells:
            sides = self.runner.tallies[cell]
            if not (sides[BASE].alive and sides[HEAD].alive):
                decision.drop(cell)

    def _note_pace(self, took_s: float, cells: int) -> None:
        """Remember how long blocks take: the slowest so far, as it is about what still fits."""
        self._block_s = max(self._block_s * 0.9, took_s)
        self._cell_block_s = max(self._cell_block_s * 0.9, took_s / cells)

    def _remaining_s(self) -> float:
        assert self.budget_s is not None
        return self.budget_s - RESERVE_S - (time.monotonic() - self.began)

    def _next(self, decision: Decision) -> Request | None:
        """Return the next block that fits into the budget, suspects narrowed to what does."""
        request = decision.next_block()
        if request is None or self.budget_s is None:
            return request
        if request.stage is Stage.CONFIRM and request.number == 0:
            decision.afford(int(self._remaining_s() / max(self._cell_block_s, 1e-9)))
            request = decision.next_block()
            assert request is not None
        expected_s = min(self._block_s, self._cell_block_s * len(request.cells))
        if self._remaining_s() >= expected_s:
            return request
        self.notes.append(
            f"the budget of {self.budget_s:.0f} s ended the {request.stage} after "
            f"{request.number} blocks; with more, cells that cannot be told could be decided"
        )
        return None

    def _doing(self, request: Request) -> str:
        return f"{request.stage}, block {request.number + 1}, {len(request.cells)} cells"

    def _left_s(self, decision: Decision) -> float | None:
        if not self._cell_block_s:
            return None
        return math.ceil(decision.planned_cell_blocks * self._cell_block_s)
