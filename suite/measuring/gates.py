"""The gates: a cell's outputs on drawn operands are held against float64 before it is timed."""

from __future__ import annotations

import time

from suite.input_kinds import HANDED_OVER, SPECIAL_KINDS, described
from suite.measuring.cell import Cell
from suite.measuring.judge_client import JudgeClient
from suite.messages.worker import Gate, Gated, Gradcheck, LookInside
from suite.results.cell import Status

LOGGED_CALL_S = 0.05
"""Slower gate calls are not repeated to see whether they agree and which operators they run."""


def gate(cell: Cell, judge: JudgeClient, kind: str, *, last: bool = True) -> None:
    """Make one call on the gate inputs that the judge has drawn, and have its output judged.

    Args:
        last: whether the cell meets no other kind after this one.
    """
    began = time.monotonic()
    with cell.worker.turn():
        # Of a 16-bit call it is told whatever it takes: the slowest ones have most to tell.
        tells = kind == "normal" and cell.scenario.is_sixteen_bit_on_cpu
        hand_back = kind not in SPECIAL_KINDS
        gated = _call(cell, kind, log_operators=tells, hand_back=hand_back, last=last)
    if gated is None or cell.misconducts():
        if gated is None and kind in HANDED_OVER and cell.status is not Status.UNSUPPORTED:
            cell.reason += f" ({described(kind)})"
        return
    took_s = time.monotonic() - began
    # The first call may compile; what a later one takes is what calls take.
    cell.call_s = took_s if cell.call_s is None else min(cell.call_s, took_s)
    with cell.worker.watched():
        _judge(cell, judge, kind, gated)
        if hand_back:
            _require_untouched(cell, judge)
    # On a GPU calls are short; what took the time is the way to the judge and back.
    short = took_s < LOGGED_CALL_S or cell.scenario.on_cuda
    if cell.alive and kind == "normal" and short and cell.layout.slots > 1:
        _call_again(cell, judge)


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


def _judge(cell: Cell, judge: JudgeClient, kind: str, gated: Gated) -> None:
    """Have the output judged that waits in its slot."""
    evidence = cell.evidence
    evidence.note(gated.note)
    evidence.take_operators(gated.operators, cell.scenario, cell.arm.family)
    if kind in SPECIAL_KINDS:
        if fault := judge.judge_spread(cell.results, 0, evidence.allowance):
            cell.fail(Status.INCORRECT, fault)
        return
    if judge.judges_elements is not None:
        evidence.note(
            f"gates looked at up to {judge.judges_elements} elements, and at a checksum of all: "
            "the whole float64 result would have taken longer than the budget allows"
        )
    judgement = judge.judge(cell.results, 0, evidence.allowance)
    evidence.residuals_by_kind[kind] = judgement.residuals
    if judgement.fault:
        cell.fail(Status.INCORRECT, judgement.fault)


def _call_again(cell: Cell, judge: JudgeClient) -> None:
    """See whether a second call agrees, and on a CPU which operators it runs.

    On CUDA the profiler stays attached to the process in which it was once used; there the
    operators wait until the block has been timed.
    """
    log_operators = not cell.scenario.on_cuda and cell.evidence.operators is None
    with cell.worker.turn():
        gated = _call(cell, "normal", slot=1, log_operators=log_operators, last=False)
    if gated is None:
        return
    cell.evidence.deterministic = judge.same_bits(cell.results, 0, 1)
    cell.evidence.take_operators(gated.operators, cell.scenario, cell.arm.family)


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


def _require_untouched(cell: Cell, judge: JudgeClient) -> None:
    """Have what a call was given compared with what was drawn."""
    if cell.alive and (changed := judge.changed_operands(cell.results)):
        cell.fail(Status.INCORRECT, f"the call changed its {' and '.join(changed)} in place")
