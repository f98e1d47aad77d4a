"""One arm in one scenario: what the parent asks of its process, and makes of the answers."""

from __future__ import annotations

import contextlib
import dataclasses
from types import SimpleNamespace

import pytest

from suite.conditions import Scenario
from suite.measuring.cell import Cell
from suite.measuring.gates import gate
from suite.measuring.settings import Settings
from suite.measuring.timing import Timing, judge_turns
from suite.messages.judge import Agreement, Judgement
from suite.messages.worker import (
    BeginTurn,
    Bind,
    EndTurn,
    Gated,
    Opened,
    OperatorsRan,
    Packed,
    Sample,
    Sampled,
    TurnEnded,
    Warm,
    Warmed,
)
from suite.problem import Problem
from suite.processes.channel import Done
from suite.processes.shared_memory import open_shared
from suite.registry.sources import Source
from suite.results.cell import Residuals, Status
from tests.arms import arm

BIG_OUTPUT = Problem.of_call((8, 1, 512, 512), (8, 1, 1, 1))
"""64 MiB of outputs from 8 MiB of input: one slot, and batches of four by the operand alone."""


def opened_cell(scenario, settings, time_spent, monkeypatch, replies):
    """Return a cell whose process is `replies`, a function from a request to its reply."""
    cell = Cell(arm("fast", "direct", Source("none")), scenario, settings, time_spent)
    monkeypatch.setattr(cell.worker, "ask", replies)
    cell.evidence.opened = Opened(workspace_bytes=None, executed_flops=None, note=None)
    return cell


def test_a_batch_never_has_more_outputs_than_there_are_slots(settings, time_spent, monkeypatch):
    replies = {Bind: Packed(prepare_s=None), Warm: WARMED}
    cell = opened_cell(
        Scenario(id="b/1", problem=BIG_OUTPUT),
        settings,
        time_spent,
        monkeypatch,
        lambda request: replies[type(request)],
    )

    timing = Timing(cell, None, settings)
    timing.begin()
    cell.close()

    assert timing.turn_calls == 1


TINY = Problem.of_call((1, 2, 6, 6), (2, 2, 3, 3))
WARMED = Warmed(call_s=10e-6, batch=4, peak_bytes=None, note=None)


@pytest.mark.parametrize(
    ("call_s", "turns", "calls"),
    [(1e-3, 4, 4), (0.02, 4, 3), (0.05, 2, 2), (0.5, 1, 1)],
    ids=["short calls", "20 ms", "50 ms", "half a second"],
)
def test_a_block_has_many_short_turns_of_which_long_calls_fill_fewer(
    settings, time_spent, monkeypatch, call_s, turns, calls
):
    warmed = dataclasses.replace(WARMED, call_s=call_s, batch=1)
    replies = {Bind: Packed(prepare_s=None), Warm: warmed}
    scenario = Scenario(id="b/1", problem=TINY)
    cell = opened_cell(
        scenario, settings, time_spent, monkeypatch, lambda request: replies[type(request)]
    )
    usual = Settings(threads=1, log=settings.log)

    timing = Timing(cell, None, usual)
    timing.begin()
    cell.close()

    assert (timing.rounds, timing.turn_calls) == (turns, calls)


EXACT = Judgement(residuals=Residuals(rel_l2_error=0.0, worst_error_ratio=0.0))


@pytest.mark.parametrize(("device", "logged_with"), [("cpu", "gate"), ("cuda", "end")])
def test_on_cuda_the_profiler_looks_only_after_the_block_was_timed(
    settings, time_spent, monkeypatch, device, logged_with
):
    """It stays attached to a process; on a CPU it does not, and the gate's call is as good."""
    judge = SimpleNamespace(
        judges_elements=None,
        judging=lambda *_, **__: contextlib.nullcontext(SimpleNamespace(reply=EXACT)),
        comparing=lambda *_: contextlib.nullcontext(SimpleNamespace(reply=Agreement(same=True))),
        judge_timed=lambda turns: [None] * len(turns),
    )
    stage, logged = "gate", []
    ran = OperatorsRan(names=("conv2d",), vendor=None, ran=None)

    def replies(request):
        if isinstance(request, EndTurn):
            return TurnEnded(card=None)
        if request.log_operators:
            logged.append(stage)
        return Gated(note="", operators=ran if request.log_operators else None)

    scenario = Scenario(id="b/1", problem=TINY, device=device)
    cell = opened_cell(scenario, settings, time_spent, monkeypatch, replies)
    gate([cell], judge, "normal")
    stage = "end"
    Timing(cell, judge, settings).end("seed", None)
    cell.close()

    assert logged == [logged_with]
    assert cell.evidence.operators == ran


@pytest.mark.parametrize(
    "sampled",
    [
        Sampled(sample_s=None, channels_last=(False,) * 4),
        Sampled(sample_s=1e-5, channels_last=()),
        Sampled(sample_s=1e-5, channels_last=(False,) * 5),
    ],
)
def test_a_worker_that_tells_no_time_or_of_other_outputs_is_an_error(
    settings, time_spent, monkeypatch, sampled
):
    def replies(request):
        if isinstance(request, Sample):
            return sampled
        return {Bind: Packed(prepare_s=None), Warm: WARMED, BeginTurn: Done()}[type(request)]

    scenario = Scenario(id="b/1", problem=TINY)
    cell = opened_cell(scenario, settings, time_spent, monkeypatch, replies)
    timing = Timing(cell, None, settings)
    timing.begin()
    timing.turn(0)
    cell.close()

    assert cell.status is Status.ERROR
    assert f"{len(sampled.channels_last)} outputs" in cell.reason


def test_no_sample_is_asked_for_before_the_one_ahead_of_it_was_answered(
    settings, time_spent, monkeypatch
):
    """Nor is any operand of a turn named to the call that leads it."""
    asked = []

    def replies(request):
        asked.append(request)
        if isinstance(request, Sample):
            return Sampled(sample_s=1e-5, channels_last=(False,) * len(request.starts))
        ended = TurnEnded(card=None)
        answers = {Bind: Packed(prepare_s=None), Warm: WARMED, BeginTurn: Done(), EndTurn: ended}
        return answers[type(request)]

    scenario = Scenario(id="b/1", problem=TINY)
    cell = opened_cell(scenario, settings, time_spent, monkeypatch, replies)
    timing = Timing(cell, None, settings)
    timing.begin()
    timing.turn(0)
    cell.close()

    begin, *between, end = asked[2:]
    assert isinstance(begin, BeginTurn)
    assert isinstance(end, EndTurn)
    starts = [start for sample in between for start in sample.starts]
    assert {len(sample.starts) for sample in between} == {WARMED.batch}
    assert len(starts) == timing.turn_calls
    assert len(set(starts)) > len(starts) / 2


def test_an_output_that_changes_after_its_time_was_told_is_found(settings, time_spent, monkeypatch):
    cell = None

    def replies(request):
        if isinstance(request, Sample):
            return Sampled(sample_s=1e-5, channels_last=(False,) * len(request.starts))
        ended = TurnEnded(card=None)
        answers = {Bind: Packed(prepare_s=None), Warm: WARMED, BeginTurn: Done(), EndTurn: ended}
        return answers[type(request)]

    scenario = Scenario(id="b/1", problem=TINY)
    cell = opened_cell(scenario, settings, time_spent, monkeypatch, replies)
    judge = SimpleNamespace(judge_timed=lambda turns: [None] * len(turns))
    timing = Timing(cell, judge, settings)
    timing.begin()
    timing.turn(0)
    judge_turns([timing])
    assert cell.alive

    timing.turn(1)
    with open_shared(cell.results.path, writable=True) as file:
        file.write(b"x" * cell.layout.size_bytes)
    judge_turns([timing])
    cell.close()

    assert cell.status is Status.INCORRECT
    assert "after its call's time was told" in cell.reason
