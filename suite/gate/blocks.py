"""Measures blocks live: one process of each revision through a list of cells, in alternation.

Within a block the revisions alternate turn by turn and cell by cell, in random order, so that
their paired medians lie milliseconds apart. What one block shares (layout, data, moment) the
next draws anew.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from suite.gate.decision import CellTimes, Request
from suite.gate.inventory import Candidate
from suite.gate.side import CellPeer, Side
from suite.gate.tally import Tally
from suite.input_kinds import RUN_KINDS
from suite.measuring.arm import Arm
from suite.measuring.cell import Lane
from suite.measuring.judge_client import Referee
from suite.measuring.settings import Settings
from suite.measuring.time_spent import Ledger
from suite.problem import Scenario
from suite.processes.peer import ProcessFailed
from suite.processes.shared_memory import Arena, OperandLayout

BASE, HEAD, NULL = "base", "head", "null"

PEAKS = 3
"""Times that a call's memory is looked at before the first block."""

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The processes' three sources. The null arm is the base once more."""

    base: Side
    head: Side
    null: Side

    def __iter__(self) -> Iterator[Side]:
        return iter((self.base, self.head, self.null))


class Bench:
    """Runs the deterministic gates and blocks; what it finds is in `tallies`."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        sides: Sides,
        settings: Settings,
        ledger: Ledger,
    ) -> None:
        self._candidates = {candidate.key: candidate for candidate in candidates}
        self._sides = sides
        self._settings = settings
        self._ledger = ledger
        self._referee = Referee(settings, ledger)
        self._random = random.Random()
        self.tallies: dict[str, dict[str, Tally]] = {
            key: {side.label: Tally(_arm_on(side, candidate), candidate.scenario) for side in sides}
            for key, candidate in self._candidates.items()
        }

    def close(self) -> None:
        for side in self._sides:
            side.stop()
        self._referee.close()

    # -- the deterministic gates ---------------------------------------------------------------

    def check(self) -> Iterator[str]:
        """Run the gates of every cell on base and head, on the same inputs; yield cells done."""
        sides = (self._sides.base, self._sides.head)
        with self._processes(sides):
            for scenario, cells in self._by_scenario(self._candidates):
                with self._opened(scenario) as arena:
                    if not self._checked_at_once(cells, sides, arena):
                        for cell in cells:
                            self._checked_at_once([cell], sides, arena)
                    yield from cells

    def _checked_at_once(self, cells: Sequence[str], sides: Sequence[Side], arena: Arena) -> bool:
        """Run the gates of a scenario's cells on the same inputs, drawn once.

        Return False, and note nothing, if one of several cells took its process with it: it can
        be told only alone which one that was.
        """
        losses = sum(side.losses for side in sides)
        lanes = {cell: self._lanes(cell, sides, arena) for cell in cells}
        every = [lane for ours in lanes.values() for lane in ours.values()]
        try:
            self._gate(every)
            if len(cells) > 1 and sum(side.losses for side in sides) > losses:
                return False
            for cell, ours in lanes.items():
                for label, lane in ours.items():
                    tally = self.tallies[cell][label]
                    tally.take_facts(lane)
                    tally.reason = self._sides.base.shorten(tally.reason)
            return True
        finally:
            self._close(every)

    def _gate(self, lanes: Sequence[Lane]) -> None:
        for kind in RUN_KINDS:
            self._referee.draw(kind)
            for lane in lanes:
                if lane.alive:
                    lane.gate(kind)
        for lane in lanes:
            lane.log_operators()
        self._referee.draw_block()
        for _ in range(PEAKS):
            for lane in lanes:
                lane.begin_block()

    # -- blocks --------------------------------------------------------------------------------

    def measure(self, request: Request) -> dict[str, CellTimes]:
        """Measure one block; cells in which a side failed are not in the answer."""
        sides = [side for side in self._sides if side is not self._sides.null or request.with_null]
        times: dict[str, CellTimes] = {}
        with self._processes(sides):
            for scenario, cells in self._by_scenario(request.cells):
                with self._opened(scenario) as arena:
                    seed = self._referee.draw_block()
                    for cell in cells:
                        wanted = [s for s in sides if s is not self._sides.null]
                        if cell in request.with_null:
                            wanted.append(self._sides.null)
                        medians = self._measure_cell(cell, wanted, arena, seed)
                        base_s, head_s = medians.get(BASE), medians.get(HEAD)
                        if base_s is not None and head_s is not None:
                            null_s = medians.get(NULL)
                            times[cell] = CellTimes(base_s=base_s, head_s=head_s, null_s=null_s)
        return times

    def _measure_cell(
        self, cell: str, sides: Sequence[Side], arena: Arena, seed: str
    ) -> Mapping[str, float | None]:
        """Return each side's median in this block."""
        lanes = self._lanes(cell, sides, arena)
        try:
            for lane in self._shuffled(lanes.values()):
                lane.begin_block()
            turn = 0
            while any(turn < lane.rounds for lane in lanes.values() if lane.alive):
                at_turn = [lane for lane in lanes.values() if lane.alive and turn < lane.rounds]
                for lane in self._shuffled(at_turn):
                    lane.turn(turn)
                for lane in at_turn:
                    lane.judge_turn()
                turn += 1
            base_s = lanes[BASE].block_median_s
            for lane in lanes.values():
                lane.end_block(seed, base_s)
        finally:
            self._close(lanes.values())
        medians = {}
        for label, lane in lanes.items():
            tally = self.tallies[cell][label]
            medians[label] = tally.take_block(lane)
            tally.reason = self._sides.base.shorten(tally.reason)
        return medians

    # -- what both need ------------------------------------------------------------------------

    @contextlib.contextmanager
    def _processes(self, sides: Sequence[Side]) -> Iterator[None]:
        """Start a fresh process of each side, and end them afterwards."""
        with self._ledger.starting():
            for side in sides:
                side.start()
            for side in sides:
                side.ready()
        self._ledger.begin()
        try:
            yield
        finally:
            for side in sides:
                side.stop()

    @contextlib.contextmanager
    def _opened(self, scenario: Scenario) -> Iterator[Arena]:
        with Arena(OperandLayout(scenario).size_bytes) as arena:
            self._referee.open(scenario, arena)
            yield arena

    def _by_scenario(self, cells: Iterable[str]) -> list[tuple[Scenario, list[str]]]:
        """Return the cells by scenario, whose data they share; both in random order."""
        groups: dict[str, list[str]] = {}
        for cell in self._shuffled(cells):
            groups.setdefault(self._candidates[cell].scenario.id, []).append(cell)
        return [(self._candidates[cells[0]].scenario, cells) for cells in groups.values()]

    def _lanes(self, cell: str, sides: Iterable[Side], arena: Arena) -> dict[str, Lane]:
        """Return a lane of each side, its implementation loaded and the operands mapped."""
        candidate = self._candidates[cell]
        lanes = {}
        for side in sides:
            arm = _arm_on(side, candidate)
            lane = Lane(arm, candidate.scenario, self._referee, self._settings, self._ledger)
            peer = CellPeer(side, cell, arm)
            lane.worker.adopt(peer)
            lanes[side.label] = lane
            try:
                peer.load(lane.threads)
            except ProcessFailed as failed:
                lane.fail(failed.status, failed.reason)
                continue
            lane.loaded()
            lane.open(arena)
        return lanes

    def _close(self, lanes: Iterable[Lane]) -> None:
        self._referee.forget_results()
        for lane in lanes:
            lane.close()

    def _shuffled(self, items: Iterable[Item]) -> list[Item]:
        shuffled = list(items)
        self._random.shuffle(shuffled)
        return shuffled


def _arm_on(side: Side, candidate: Candidate) -> Arm:
    arm = candidate.head if side.label == HEAD else candidate.base
    return Arm(arm.name, arm.family, arm.source, label=side.label)
