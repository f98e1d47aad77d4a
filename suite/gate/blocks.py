"""Measures blocks live: one process of each revision through a list of cells, in alternation.

Within a block the revisions alternate turn by turn and cell by cell, in random order, so that
their paired medians lie milliseconds apart. What one block shares (layout, data, moment) the
next draws anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from suite.gate.decision import CellTimes, Request
from suite.gate.inventory import CellPair
from suite.gate.judges import Judges
from suite.gate.side import BASE, HEAD, NULL, CellPeer, Side
from suite.gate.tally import Tally
from suite.input_kinds import run_kinds
from suite.measuring.arm import Arm
from suite.measuring.cell import Cell, at_work_last
from suite.measuring.contention import watch_block
from suite.measuring.gates import gate, log_operators
from suite.measuring.judge_client import JudgeClient
from suite.measuring.losses import Lost
from suite.measuring.settings import Settings
from suite.measuring.starts import few_starts
from suite.measuring.time_spent import TimeSpent
from suite.measuring.timing import Timing
from suite.measuring.turns import find_void, hold_clocks_against_ours, take_turns
from suite.processes.peer import ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.results.cell import Status
from suite.workload import network_of

MOST_LOSSES = 2
"""So often a process may be lost while a cell is measured before that is the cell's end."""
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


class BlockRunner:
    """Runs the deterministic gates and blocks; what it finds is in `tallies`."""

    def __init__(
        self,
        pairs: Sequence[CellPair],
        sides: Sides,
        settings: Settings,
        time_spent: TimeSpent,
    ) -> None:
        self._pairs = {pair.key: pair for pair in pairs}
        self._sides = sides
        self._settings = settings
        self._time_spent = time_spent
        of_networks = any(network_of(pair.scenario) for pair in pairs)
        owners = {BASE: BASE, HEAD: HEAD, NULL: BASE}
        self._judges = Judges(settings, time_spent, owners, of_networks=of_networks)
        self._random = random.Random()
        self._losses: Counter[str] = Counter()
        self._given_up: set[str] = set()
        """Cells whose last block was disturbed twice."""
        self.tallies: dict[str, dict[str, Tally]] = {
            key: {
                side.label: Tally(_arm_on(side, pair), pair.scenario_on(side.label))
                for side in sides
            }
            for key, pair in self._pairs.items()
        }

    def close(self) -> None:
        for side in self._sides:
            side.stop()
        self._judges.close()

    # -- the deterministic gates ---------------------------------------------------------------

    def check(self) -> Iterator[str]:
        """Run the gates of every cell on base and head, on the same inputs; yield the keys done."""
        sides = (self._sides.base, self._sides.head)
        with self._processes(sides):
            for keys in self._by_scenario(self._pairs):
                if not self._checked(keys, sides):
                    for key in keys:
                        while not self._checked([key], sides):
                            pass
                yield from keys

    def _checked(self, keys: Sequence[str], sides: Sequence[Side]) -> bool:
        """Run the gates of a scenario's cells; return whether it is known how each fared."""
        try:
            with self._opened(keys[0]) as shared:
                return self._checked_at_once(keys, sides, shared)
        except Lost as lost:
            if len(keys) > 1 and not lost.final:
                return False
            blamed = [self._is_blamed(key, lost) for key in keys]
            return all(blamed)

    def _checked_at_once(
        self, keys: Sequence[str], sides: Sequence[Side], shared: Mapping[str, SharedMemory]
    ) -> bool:
        """Run the gates of a scenario's cells on the same inputs, drawn once.

        Return False, and note nothing, if one of several cells took its process with it: it can
        be told only alone which one that was.
        """
        losses = sum(side.losses for side in sides)
        cells = {key: self._cells(key, sides, shared) for key in keys}
        every = [cell for ours in cells.values() for cell in ours.values()]
        try:
            self._gate(every)
            if len(keys) > 1 and sum(side.losses for side in sides) > losses:
                return False
            for key, ours in cells.items():
                for label, cell in ours.items():
                    tally = self.tallies[key][label]
                    tally.take_facts(cell)
                    tally.reason = self._sides.base.shorten(tally.reason)
            return True
        except Lost as lost:
            lost.arm = at_work_last(every, None)
            raise
        finally:
            self._close(every)

    def _is_blamed(self, key: str, lost: Lost) -> bool:
        """Note that a process was lost that was not at work, while this cell was alone.

        Return whether that ends the cell: at the second time; who did it is not told. It is the
        side's that was at work.
        """
        self._losses[key] += 1
        if self._losses[key] < MOST_LOSSES and not lost.final:
            return False
        for label, tally in self.tallies[key].items():
            if lost.final or lost.arm in (None, label):
                tally.fail(lost.status, lost.reason)
        return True

    def _gate(self, cells: Sequence[Cell]) -> None:
        for kind in run_kinds(cells[0].scenario) if cells else ():
            self._judges.draw(kind)
            of_judges: dict[JudgeClient, list[Cell]] = {}
            for cell in cells:
                if cell.alive:
                    of_judges.setdefault(self._judge_of(cell), []).append(cell)
            for judge, own in of_judges.items():
                gate(own, judge, kind)
        for cell in cells:
            log_operators(cell)
        self._judges.draw_block()
        for _ in range(PEAKS):
            for cell in cells:
                Timing(cell, self._judge_of(cell), self._settings).begin()

    def _judge_of(self, cell: Cell) -> JudgeClient:
        return self._judges.of(cell.arm.key)

    # -- blocks --------------------------------------------------------------------------------

    def measure(self, request: Request) -> dict[str, CellTimes]:
        """Measure one block; cells in which a side failed are not in the answer."""
        sides = [side for side in self._sides if side is not self._sides.null or request.with_null]
        times: dict[str, CellTimes] = {}
        with self._processes(sides):
            for keys in self._by_scenario(request.cells):
                times |= self._measure_scenario(keys, sides, request)
        return times

    def _measure_scenario(
        self, keys: Sequence[str], sides: Sequence[Side], request: Request
    ) -> dict[str, CellTimes]:
        """Measure a scenario's cells; those after a lost process wait for another block."""
        times: dict[str, CellTimes] = {}
        key = keys[0]
        try:
            with self._opened(key) as shared:
                seed = self._judges.draw_block()
                for key in keys:
                    wanted = [s for s in sides if s is not self._sides.null]
                    if key in request.with_null:
                        wanted.append(self._sides.null)
                    cells = self._undisturbed(key, wanted, shared, seed)
                    if measured := self._tallied(key, cells):
                        times[key] = measured
        except Lost as lost:
            self._is_blamed(key, lost)
        return times

    def _undisturbed(
        self, key: str, sides: Sequence[Side], shared: Mapping[str, SharedMemory], seed: str
    ) -> Mapping[str, Cell]:
        """Measure a block of a cell; once more if others took the cores meanwhile.

        Not where they do so again and again: the time is better spent on other cells.
        """
        cells = self._measure_cell(key, sides, shared, seed)
        if not _are_disturbed(cells):
            self._given_up.discard(key)
        elif key not in self._given_up:
            cells = self._measure_cell(key, sides, shared, seed)
            if _are_disturbed(cells):
                self._given_up.add(key)
        return cells

    def _tallied(self, key: str, cells: Mapping[str, Cell]) -> CellTimes | None:
        """Take a block into the tallies; return its times, None where a side failed."""
        times_s = {}
        for label, cell in cells.items():
            tally = self.tallies[key][label]
            times_s[label] = tally.take_block(cell)
            tally.reason = self._sides.base.shorten(tally.reason)
        base_s, head_s = times_s.get(BASE), times_s.get(HEAD)
        if base_s is None or head_s is None:
            return None
        return CellTimes(
            base_s=base_s,
            head_s=head_s,
            null_s=times_s.get(NULL),
            disturbed=_are_disturbed(cells),
        )

    def _measure_cell(
        self, key: str, sides: Sequence[Side], shared: Mapping[str, SharedMemory], seed: str
    ) -> Mapping[str, Cell]:
        """Measure each side's cell in this block."""
        cells = self._cells(key, sides, shared)
        try:
            watch = watch_block(cells.values(), self._judges.of(BASE))
            few = few_starts(self._pairs[key].scenario)
            timings = {
                label: Timing(cell, self._judge_of(cell), self._settings, few)
                for label, cell in cells.items()
            }
            for timing in self._shuffled(timings.values()):
                timing.begin()
            # The base is what is known already.
            known = [timing for label, timing in timings.items() if label in (BASE, NULL)]
            take_turns(timings.values(), self._random, known)
            # A block at a time, as the tally counts them.
            hold_clocks_against_ours(timings.values(), least_blocks=1)
            void = find_void(cells.values())
            base_s = timings[BASE].median_s
            contention = watch.ended([timing.watch for timing in timings.values()])
            for timing in timings.values():
                timing.end(seed, base_s, contention, void.reason if void else None)
        except Lost as lost:
            lost.arm = at_work_last(cells.values(), None)
            raise
        finally:
            self._close(cells.values())
        return cells

    # -- what both need ------------------------------------------------------------------------

    @contextlib.contextmanager
    def _processes(self, sides: Sequence[Side]) -> Iterator[None]:
        """Start a fresh process of each side, and end them afterwards."""
        with self._time_spent.starting():
            for side in sides:
                side.start()
            for side in sides:
                side.ready()
        self._time_spent.begin()
        try:
            yield
        finally:
            for side in sides:
                side.stop()

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[dict[str, SharedMemory]]:
        """Have a cell's scenario opened by who judges it; give each side's operands."""
        pair = self._pairs[key]
        scenarios = {side.label: side.in_tree(pair.scenario_on(side.label)) for side in self._sides}
        with self._judges.opened(scenarios) as shared:
            yield shared

    def _by_scenario(self, keys: Iterable[str]) -> list[list[str]]:
        """Return the cells of each scenario, whose data they share; both in random order."""
        groups: dict[str, list[str]] = {}
        for key in self._shuffled(keys):
            groups.setdefault(self._pairs[key].scenario.id, []).append(key)
        return list(groups.values())

    def _cells(
        self, key: str, sides: Iterable[Side], shared: Mapping[str, SharedMemory]
    ) -> dict[str, Cell]:
        """Return a cell of each side, its implementation loaded and the operands mapped."""
        pair = self._pairs[key]
        cells = {}
        for side in sides:
            arm = _arm_on(side, pair)
            scenario = side.aliased(pair.scenario_on(side.label))
            cell = Cell(arm, scenario, side.settings, self._time_spent)
            peer = CellPeer(side, key, arm)
            cell.worker.adopt(peer)
            cells[side.label] = cell
            try:
                peer.load(cell.threads)
            except ProcessFailed as failed:
                cell.fail(Status(failed.status), failed.reason)
                continue
            cell.loaded()
            cell.open(shared[side.label])
        return cells

    def _close(self, cells: Iterable[Cell]) -> None:
        with contextlib.suppress(Lost):  # then it has forgotten
            self._judges.forget_results()
        for cell in cells:
            cell.close()

    def _shuffled(self, items: Iterable[Item]) -> list[Item]:
        shuffled = list(items)
        self._random.shuffle(shuffled)
        return shuffled


def _are_disturbed(cells: Mapping[str, Cell]) -> bool:
    return any(cell.disturbed for cell in cells.values())


def _arm_on(side: Side, pair: CellPair) -> Arm:
    arm = pair.head if side.label == HEAD else pair.base
    return dataclasses.replace(arm, label=side.label)
