"""One scenario, several arms: gates first, then blocks in which their processes take turns.

Exactly one process works at any moment: the parent passes the token by asking one worker and
waiting for its answer. Within a block the arms alternate in random order, so that what disturbs
the machine disturbs neighbours alike; blocks are repeated with other processes and fresh data,
and only differences within a block are compared. Between two blocks a race holds nothing, no
process and no memory: other scenarios' blocks may come in between, and `suite.measuring.kept` has
the processes, for those, and what they write to.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from suite.conditions import Scenario
from suite.input_kinds import run_kinds
from suite.measuring.arm import Arm
from suite.measuring.cell import Cell, at_work_last
from suite.measuring.contention import watch_block
from suite.measuring.contest import Contest
from suite.measuring.control import control_arm, is_own
from suite.measuring.deadline import Deadline, OutOfTime
from suite.measuring.doubts import why_implausible
from suite.measuring.fitting import (
    GATES_SHARE,
    LOADING_SHARE,
    first_block_s,
    gate_s,
    held_to,
    leave_out_beyond,
    place_in_line,
)
from suite.measuring.gates import gate, look_inside
from suite.measuring.interim import Interim
from suite.measuring.judge_client import JudgeClient
from suite.measuring.kept import KeptProcesses
from suite.measuring.losses import in_spite_of_losses
from suite.measuring.opening import open_all
from suite.measuring.settings import Settings
from suite.measuring.starts import few_starts
from suite.measuring.stopping import blocks_wanted, has_enough
from suite.measuring.time_spent import TimeSpent
from suite.measuring.timing import Timing
from suite.measuring.turns import find_void, hold_clocks_against_ours, take_turns
from suite.measuring.two_clocks import clock_fault
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import CellResult, Status
from suite.workload import network_of


def race(
    scenario: Scenario,
    arms: Sequence[Arm],
    judge: JudgeClient,
    settings: Settings,
    time_spent: TimeSpent,
    earlier: Mapping[str, CellResult] | None = None,
    kept: KeptProcesses | None = None,
) -> Iterator[CellResult | Interim]:
    """Yield every arm's result as soon as it is decided, whatever processes are lost meanwhile.

    And after every block how the others stand, when nothing of the race runs: it goes on when it
    is asked for more.

    Args:
        earlier: cells of an interrupted call, by implementation; they keep their blocks.
        kept: processes that serve other scenarios as well; None: each ends with its block.
    """

    def begin(some: Sequence[Arm]) -> Race:
        return Race(scenario, some, judge, settings, time_spent, earlier, kept)

    return in_spite_of_losses(arms, settings.reference, begin)


class Race:
    """Measures one scenario. `results` yields each cell as soon as it is decided."""

    def __init__(
        self,
        scenario: Scenario,
        arms: Sequence[Arm],
        judge: JudgeClient,
        settings: Settings,
        time_spent: TimeSpent,
        earlier: Mapping[str, CellResult] | None = None,
        kept: KeptProcesses | None = None,
    ) -> None:
        earlier = earlier or {}
        self._kept = kept
        self._scenario = scenario
        self._judge = judge
        self._settings = settings
        self._time_spent = time_spent
        ordered = sorted(arms, key=lambda arm: place_in_line(arm, settings.reference))
        self._cells = [
            Cell(arm, scenario, settings, time_spent, earlier.get(arm.name)) for arm in ordered
        ]
        self._control: Cell | None = None
        self._reported: set[str] = set()
        self._order = random.Random()
        self._blocks_run = max(len(cell.blocks + cell.disturbed) for cell in self._cells)
        self._excused = 0
        """Blocks that counted for nobody, and are run again: all that rows of the race spoiled, as
        such rows fail, and half as many as a cell may have of those that something else did."""
        self._block_took_s = 0.0
        self._first_took_s = 0.0
        """The first block, which is shorter than others, and what was loaded and opened for it."""

    def results(self) -> Iterator[CellResult | Interim]:
        """Yield every arm's result: failures at once, passed cells when they are known well.

        After every block the others are yielded as they stand. Those of which the budget allowed
        no block are left out.

        Raises:
            Lost: a process ended that was not at work.
        """
        yield from self._stages(self._first_look)
        while self._running():
            yield self._interim()
            if self._block_took_s > self._deadline.left_s:
                for cell in self._running():
                    cell.leave_out()
                yield from self._decided()
            else:
                yield from self._stages(self._another_block)

    def _stages(
        self, stages: Callable[[SharedMemory], Iterator[CellResult]]
    ) -> Iterator[CellResult]:
        """Take steps for which the judge and the processes share a scenario's memory."""
        try:
            with SharedMemory(OperandLayout(self._scenario).size_bytes) as shared:
                try:
                    self._judge.open(self._scenario, shared)
                    yield from stages(shared)
                finally:
                    for cell in self._every():
                        cell.close()
        except OutOfTime:
            for cell in self._running():
                cell.leave_out()
        yield from self._decided()

    def _first_look(self, shared: SharedMemory) -> Iterator[CellResult]:
        began = time.monotonic()
        kinds = run_kinds(self._scenario)
        with self._judge.drawing(kinds[0]) if self._may_run() else contextlib.nullcontext():
            self._start_processes(shared, self._deadline.share(LOADING_SHARE))
        starting_s = time.monotonic() - began
        self._measure_ceilings()
        yield from self._decided()
        self._gate(kinds, self._deadline.share(GATES_SHARE))
        leave_out_beyond(self._deadline, self._running(), self._first_block_s)
        yield from self._decided()
        began = time.monotonic()
        self._run_block()
        self._first_took_s = starting_s + time.monotonic() - began

    def _another_block(self, shared: SharedMemory) -> Iterator[CellResult]:
        began = time.monotonic()
        with self._judge.drawing_block() as seed:
            self._start_processes(shared, self._deadline)
        self._run_block(seed)
        self._block_took_s = time.monotonic() - began
        yield from self._decided()

    def _interim(self) -> Interim:
        contest = self._contest()
        return Interim(
            tuple(self._standing()),
            next_block_s=self._block_took_s
            or max(self._first_took_s, sum(map(self._first_block_s, self._running()))),
            blocks_left=max(
                blocks_wanted(cell, self._settings, contest.half_width(cell))
                for cell in self._running()
            ),
        )

    def _standing(self) -> Iterator[CellResult]:
        """Yield what is known of undecided cells, but for those whose times are in doubt."""
        for cell in self._running():
            if (cell.blocks or cell.disturbed) and not clock_fault(cell.evidence.unexplained, 1):
                precision = cell.evidence.precision
                ceiling = self._judge.ceiling(self._scenario, cell.threads, precision)
                result = cell.result(self._settings.reference, ceiling)
                if not why_implausible(result):
                    yield result

    def _first_block_s(self, cell: Cell) -> float:
        return first_block_s(cell, self._settings)

    def _contest(self) -> Contest:
        return Contest(self._cells, self._settings)

    @property
    def _deadline(self) -> Deadline:
        return self._time_spent.deadline

    def _needs_control(self) -> bool:
        """Whether the reference is none of our own, or fails here: clocks are held against it.

        A network's arms are all the suite's ways to run one and the same user's model.
        """
        if network_of(self._scenario):
            return False
        reference = self._reference()
        if reference is None or not reference.alive or not is_own(reference.arm):
            return True
        return self._scenario.id in reference.arm.unsupported

    def _every(self) -> list[Cell]:
        return [*self._cells, *([self._control] if self._control else [])]

    def _at_work(self) -> list[Cell]:
        """Return the cells that take part in a block: those that run, and their control."""
        running = self._running()
        return [cell for cell in self._every() if running and cell.alive]

    def _running(self) -> list[Cell]:
        return [cell for cell in self._cells if cell.alive]

    def _decided(self) -> Iterator[CellResult]:
        for cell in self._cells:
            if not cell.alive and not cell.left_out and cell.arm.key not in self._reported:
                cell.worker.dismiss()
                self._reported.add(cell.arm.key)
                try:
                    result = self._result(cell)
                except OutOfTime:  # neither believed nor blamed without the machine's ceilings
                    cell.left_out = True
                else:
                    yield result

    def at_work_last(self, besides: str | None) -> str | None:
        return at_work_last(self._cells, besides)

    def failed(self, names: Sequence[str], status: Status, reason: str) -> Iterator[CellResult]:
        """Yield the results of arms that could not be measured."""
        for cell in self._cells:
            if cell.arm.name in names:
                cell.fail(status, reason)
                yield cell.result(self._settings.reference, None)

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

    def _measure_ceilings(self) -> None:
        """Measure what no cell may exceed while there is time: each is held against it.

        That is once for the run, and nothing that this scenario should have less time for.
        """
        began, own = time.monotonic(), self._deadline
        self._time_spent.deadline = own.whole or own
        try:
            for cell in self._running():
                self._judge.ceiling(self._scenario, cell.threads, cell.evidence.precision)
        finally:
            self._time_spent.deadline = own.later(time.monotonic() - began)

    def _start_processes(self, shared: SharedMemory, until: Deadline) -> None:
        if self._control is None and self._running() and self._needs_control():
            self._control = Cell(control_arm(), self._scenario, self._settings, self._time_spent)
        with self._time_spent.starting():
            open_all(
                self._at_work(),
                shared,
                until,
                self._kept,
                threads=self._settings.threads,
                at_any_cost=self._reference(),
            )
        self._time_spent.begin()

    def _may_run(self) -> bool:
        """Whether it is not known of all cells beforehand that they are unsupported."""
        return any(self._scenario.id not in cell.arm.unsupported for cell in self._running())

    def _gate(self, kinds: Sequence[str], until: Deadline) -> None:
        """Run the gates; with a budget, until so much of it is used: a block has to fit, too.

        Args:
            kinds: of their inputs, of which the first are drawn already.
        """
        for kind in kinds:
            leave_out_beyond(self._deadline, self._running(), gate_s)
            if running := self._running():
                if kind != kinds[0]:
                    self._judge.draw(kind)
                with contextlib.ExitStack() as held:
                    for cell in running:
                        at_any_cost = cell is self._reference()
                        held.enter_context(held_to(None if at_any_cost else until, cell))
                    in_time = self._in_time(running, until)
                    gate(in_time, self._judge, kind, last=kind == kinds[-1])
        if network_of(self._scenario):
            for cell in self._running():
                if not until.passed:
                    with held_to(until, cell):
                        look_inside(cell)
        find_void(self._cells)  # what went on between calls that were not timed spoils no block

    def _in_time(self, cells: Sequence[Cell], until: Deadline) -> Iterator[Cell]:
        """Yield the cells whose turn comes before the deadline; the others are left out."""
        for cell in cells:
            if until.passed and cell is not self._reference():
                cell.leave_out()
            if cell.alive:
                yield cell

    def _run_block(self, seed: str = "") -> None:
        """Time all that run in turns.

        Args:
            seed: of the block's operands where they are drawn already.
        """
        if not self._running():
            return
        seed = seed or self._judge.draw_block()
        for cell in self._every():
            cell.worker.await_exits()
        cells = self._shuffled()
        watch = watch_block(cells, self._judge)
        few = few_starts(self._scenario)
        timings = [Timing(cell, self._judge, self._settings_of(cell), few) for cell in cells]
        for timing in timings:
            if self._deadline.passed:
                timing.cell.leave_out()
            else:
                timing.begin()
        own = [t for t in timings if t.cell is (self._control or self._reference())]
        take_turns(timings, self._order, own, self._deadline)
        hold_clocks_against_ours(timings, least_blocks=min(2, self._settings.blocks))
        void = find_void(timing.cell for timing in timings)
        reference_s = self._reference_s(timings)
        contention = watch.ended([timing.watch for timing in timings])
        for timing in timings:
            if timing.cell.alive and timing.median_s is None:
                timing.cell.leave_out()
            if timing.cell.alive and timing.cell is not self._control:
                timing.end(seed, reference_s, contention, void.reason if void else None)
        self._part_with(cells, keep=void is None)
        self._blocks_run += 1
        if void and (void.by_rows or self._excused < math.ceil(self._settings.blocks / 2)):
            self._excused += 1
        self._finish_those_known()

    def _part_with(self, cells: Sequence[Cell], *, keep: bool) -> None:
        """Let the block's processes go, to other scenarios where they are kept for those."""
        if keep and self._kept is not None:
            self._kept.take_back(cells)
        else:
            for cell in cells:
                cell.worker.dismiss()

    def _settings_of(self, cell: Cell) -> Settings:
        """Return how a cell's next block is timed; the reference's as whoever's it is held to."""
        held = self._running() if cell is self._reference() else [cell]
        return self._contest().block_settings(held, is_first=not self._blocks_run)

    def _shuffled(self) -> list[Cell]:
        at_work = self._at_work()
        self._order.shuffle(at_work)
        return at_work

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
        reference, contest = self._reference(), self._contest()
        settings, blocks_run = self._settings, self._blocks_run - self._excused
        for cell in self._running():
            if cell is not reference:
                cell.finished = has_enough(
                    cell,
                    settings,
                    blocks_run,
                    contest.half_width(cell),
                    is_settled=contest.is_settled(cell),
                    is_far_behind=contest.is_far_behind(cell),
                )
        others = [cell for cell in self._running() if cell is not reference]
        if reference and reference.alive and not others:
            reference.finished = len(self._cells) > 1 or has_enough(
                reference, settings, blocks_run, settings.target_half_width, is_reference=True
            )
