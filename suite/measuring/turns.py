"""A block of several cells: they take turns, and are then held against each other."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite.measuring.cell import Cell
from suite.measuring.deadline import Deadline
from suite.measuring.timing import Timing, judge_turns
from suite.measuring.two_clocks import clock_fault
from suite.results.cell import Status


def hold_clocks_against_ours(timings: Iterable[Timing], least_blocks: int) -> None:
    """Refuse the cells whose processes told less time than the parent saw them take.

    Args:
        least_blocks: as many have to say so.
    """
    for timing in timings:
        cell = timing.cell
        if not cell.alive or any(timing.clocks is own for own in timing.own_clocks):
            continue
        if (seen := timing.clock_seen()) is not None:
            cell.evidence.unexplained.append(seen)
        if fault := clock_fault(cell.evidence.unexplained, least_blocks):
            cell.fail(Status.IMPLAUSIBLE, fault)


@dataclass(frozen=True)
class Void:
    """Why a block counts for nobody."""

    reason: str
    by_rows: bool
    """Rows of the race made it so, each of which fails when it does so again: at most two blocks
    a row are lost like this. Otherwise something changed the processes, nobody knows what."""


def find_void(cells: Iterable[Cell]) -> Void | None:
    """Return why a block counts for nobody, if it does not; a row that made it so twice fails.

    What hampered one arm, or was busy beside all, has made the ratios between them another's work.
    """
    reasons, by_rows = [], True
    for cell in cells:
        conduct = cell.worker.conduct
        threads = None if cell.scenario.on_cuda else cell.threads
        if reason := conduct.void():
            reasons.append(f"{cell.arm.key}: {reason}")
            by_rows = by_rows and not conduct.hampered
        if undone := list(dict.fromkeys(conduct.undone)):
            cell.evidence.note(f"changed by another process, and put back: {'; '.join(undone)}")
        if cell.alive and (fault := conduct.fault(threads)):
            cell.fail(Status.IMPLAUSIBLE, fault)
        conduct.end_block()
    return Void("; ".join(reasons), by_rows) if reasons else None


def take_turns(
    timings: Iterable[Timing],
    order: random.Random,
    own: Sequence[Timing] = (),
    deadline: Deadline | None = None,
) -> None:
    """Let the cells take turns, each as many as its block has, and judge after every round.

    After the deadline no more turn is taken.

    Within a round they follow each other in random order, so that what disturbs the machine
    disturbs neighbours alike.

    Args:
        own: the timings of processes that run nobody else's code, which show what a sample takes
            besides calls.
    """
    timings, number = list(timings), 0
    for timing in own:
        timing.idle_batches = tuple({t.batch for t in timings if t.cell.alive})
    for timing in timings:
        timing.own_clocks = [one.clocks for one in own]
    while at_turn := [t for t in timings if t.cell.alive and number < t.rounds]:
        order.shuffle(at_turn)
        for timing in at_turn:
            if deadline is None or not deadline.passed:
                with timing.cell.worker.turn(timed=True):
                    timing.turn(number)
                timing.cell.misconducts()
        with contextlib.ExitStack() as watched:
            for timing in at_turn:
                watched.enter_context(timing.cell.worker.watched())
            judge_turns(at_turn)
        number += 1
