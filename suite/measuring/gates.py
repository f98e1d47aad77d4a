"""The gates: a cell's outputs on drawn operands are held against float64 before it is timed.

Nobody is timed here, so that the judge looks at one row's output while the next one computes. The
first one's process is held meanwhile: whatever it left running reaches neither of them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from suite.input_kinds import HANDED_OVER, SPECIAL_KINDS, described
from suite.measuring.cell import Cell
from suite.measuring.judge_client import JudgeClient
from suite.messages.judge import Judgement
from suite.messages.worker import Gate, Gated, Gradcheck, LookInside
from suite.results.cell import Status

LOGGED_CALL_S = 0.05
"""Slower gate calls are not repeated to see whether they agree and which operators they run."""


@dataclass(frozen=True)
class _Called:
    """A cell whose call's output waits in its slot to be judged."""

    cell: Cell
    gated: Gated
    hand_back: bool
    is_short: bool


def gate(cells: Iterable[Cell], judge: JudgeClient, kind: str, *, last: bool = True) -> None:
    """Have each cell make one call on the gate inputs that the judge has drawn, and judge it.

    Args:
        cells: each is asked for when those before it have made their calls.
        last: whether the cells meet no other kind after this one.
    """
    calls: list[_Called | None] = [None]
    for cell in cells:
        with _judging(calls[-1], judge, kind):
            called = _call_first(cell, kind, last=last)
        calls.append(called)
    with _judging(calls[-1], judge, kind):
        pass
    _call_again([called.cell for called in calls if _is_repeated(called, kind)], judge)


def _call_first(cell: Cell, kind: str, *, last: bool) -> _Called | None:
    """Return a cell whose output is to be judged; None where it failed."""
    began = time.monotonic()
    with cell.worker.turn():
        # Of a 16-bit call it is told whatever it takes: the slowest ones have most to tell.
        tells = kind == "normal" and cell.scenario.is_sixteen_bit_on_cpu
        hand_back = kind not in SPECIAL_KINDS
        gated = _call(cell, kind, log_operators=tells, hand_back=hand_back, last=last)
    if gated is None or cell.misconducts():
        if gated is None and kind in HANDED_OVER and cell.status is not Status.UNSUPPORTED:
            cell.reason += f" ({described(kind)})"
        return None
    took_s = time.monotonic() - began
    # The first call may compile; what a later one takes is what calls take.
    cell.call_s = took_s if cell.call_s is None else min(cell.call_s, took_s)
    # On a GPU calls are short; what took the time is the way to the judge and back.
    is_short = took_s < LOGGED_CALL_S or cell.scenario.on_cuda
    return _Called(cell, gated, hand_back, is_short)


def _call(
    cell: Cell,
    kind: str,
    *,
    slot: int = 0,
    log_operators: bool,
    hand_back: bool = False,
    last: bool = True,
) -> Gated | None:
    request = Gate(
        slot=slot, kind=kind, log_operators=log_operators, hand_back=hand_back, last=last
    )
    return cell.ask(request)


@contextlib.contextmanager
def _judging(waiting: _Called | None, judge: JudgeClient, kind: str) -> Iterator[None]:
    """Have an output judged while the body runs, in which its process is held.

    Its cell fails where it is wrong.
    """
    if waiting is None:
        yield
        return
    cell, gated = waiting.cell, waiting.gated
    evidence = cell.evidence
    evidence.note(gated.note)
    evidence.take_operators(gated.operators, cell.scenario, cell.arm.family)
    if kind in SPECIAL_KINDS:
        with judge.judging_spread(cell.results, 0, evidence.allowance) as spread:
            yield
        if spread.reply.fault:
            cell.fail(Status.INCORRECT, spread.reply.fault)
        return
    if judge.judges_elements is not None:
        evidence.note(
            f"gates looked at up to {judge.judges_elements} elements, and at a checksum of all: "
            "the whole float64 result would have taken longer than the budget allows"
        )
    handed_back = waiting.hand_back
    with judge.judging(cell.results, 0, evidence.allowance, handed_back=handed_back) as judgement:
        yield
    _take(cell, kind, judgement.reply)


def _take(cell: Cell, kind: str, judgement: Judgement) -> None:
    cell.evidence.residuals_by_kind[kind] = judgement.residuals
    if judgement.fault:
        cell.fail(Status.INCORRECT, judgement.fault)
    elif judgement.changed:
        changed = " and ".join(judgement.changed)
        cell.fail(Status.INCORRECT, f"the call changed its {changed} in place")


def _is_repeated(called: _Called | None, kind: str) -> TypeGuard[_Called]:
    """Return whether a call whose output was judged is to be made again."""
    if called is None or kind != "normal" or not called.is_short:
        return False
    return called.cell.alive and called.cell.layout.slots > 1


def _call_again(cells: Iterable[Cell], judge: JudgeClient) -> None:
    """See whether a second call agrees, and on a CPU which operators it runs.

    On CUDA the profiler stays attached to the process in which it was once used; there the
    operators wait until the block has been timed.
    """
    waiting: Cell | None = None
    for cell in cells:
        log_operators = not cell.scenario.on_cuda and cell.evidence.operators is None
        with _comparing(waiting, judge), cell.worker.turn():
            gated = _call(cell, "normal", slot=1, log_operators=log_operators, last=False)
        waiting = None
        if gated is not None:
            cell.evidence.take_operators(gated.operators, cell.scenario, cell.arm.family)
            waiting = cell
    with _comparing(waiting, judge):
        pass


@contextlib.contextmanager
def _comparing(cell: Cell | None, judge: JudgeClient) -> Iterator[None]:
    """Have a cell's two outputs compared while the body runs."""
    if cell is None:
        yield
        return
    with judge.comparing(cell.results, 0, 1) as agreement:
        yield
    cell.evidence.deterministic = agreement.reply.same


def look_inside(cell: Cell) -> None:
    """See where a pass through a network goes, each layer in its place and alone; once."""
    with cell.worker.turn():
        seen = cell.ask(LookInside())
    if seen is not None:
        cell.evidence.parts = seen.parts


def log_operators(cell: Cell) -> None:
    """Make one more call to see which operators it runs, unless that is known."""
    if cell.evidence.operators is None:
        gated = _call(cell, "normal", log_operators=True)
        if gated is not None:
            cell.evidence.take_operators(gated.operators, cell.scenario, cell.arm.family)


def gradcheck(cell: Cell) -> None:
    """Hold autograd's gradients against finite differences.

    Not where a lower precision is declared: it does not see differences so small.
    """
    if cell.evidence.precision:
        return
    with cell.worker.turn():
        checked = cell.ask(Gradcheck())
    if checked and checked.fault:
        cell.fail(Status.INCORRECT, f"gradients: {checked.fault}")
