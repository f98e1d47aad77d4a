"""What the parent makes of a worker's clock."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from suite.measuring.cell import Cell
from suite.measuring.doubts import clock_fault
from suite.measuring.gates import gate
from suite.measuring.timing import Timing
from suite.messages.judge import Judgement
from suite.messages.worker import (
    Bind,
    Gated,
    HandBack,
    Opened,
    OperatorsRan,
    Packed,
    Turn,
    Turned,
    Warm,
    Warmed,
)
from suite.problem import Problem, Scenario
from suite.processes.channel import Done
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
EXACT = Judgement(residuals=Residuals(rel_l2_error=0.0, worst_error_ratio=0.0))
WARMED = Warmed(call_s=10e-6, batch=4, peak_bytes=None, note=None)


@pytest.mark.parametrize(("device", "logged_with"), [("cpu", "gate"), ("cuda", "end")])
def test_on_cuda_the_profiler_looks_only_after_the_block_was_timed(
    settings, time_spent, monkeypatch, device, logged_with
):
    """It stays attached to a process; on a CPU it does not, and the gate's call is as good."""
    judge = SimpleNamespace(
        judge=lambda *_: EXACT, changed_operands=lambda _: (), same_bits=lambda *_: True
    )
    stage, logged = "gate", []
    ran = OperatorsRan(names=("conv2d",), vendor=None, ran=None)

    def replies(request):
        if isinstance(request, HandBack):
            return Done()
        if request.log_operators:
            logged.append(stage)
        return Gated(note="", operators=ran if request.log_operators else None)

    scenario = Scenario(id="b/1", problem=TINY, device=device)
    cell = opened_cell(scenario, settings, time_spent, monkeypatch, replies)
    gate(cell, judge, "normal")
    stage = "end"
    Timing(cell, judge, settings).end("seed", None)
    cell.close()

    assert logged == [logged_with]
    assert cell.evidence.operators == ran


def turned(samples_s):
    return Turned(samples_s=samples_s, card=None)


@pytest.mark.parametrize("samples_s", [(), (1e-5,) * 3, (1e-5,) * 1000])
def test_a_worker_that_gives_another_number_of_samples_than_it_was_asked_for_is_an_error(
    settings, time_spent, monkeypatch, samples_s
):
    replies = {Bind: Packed(prepare_s=None), Warm: WARMED, Turn: turned(samples_s)}
    cell = opened_cell(
        Scenario(id="b/1", problem=TINY),
        settings,
        time_spent,
        monkeypatch,
        lambda request: replies[type(request)],
    )
    timing = Timing(cell, None, settings)
    timing.begin()
    timing.turn(0)
    cell.close()

    assert cell.status is Status.ERROR
    assert f"turn: {len(samples_s)} samples of" in cell.reason


HONEST = [(0.050, 0.0505), (0.051, 0.130), (0.049, 0.0496), (0.050, 0.0502)]


def test_an_honest_clock_is_believed_even_if_messages_wait():
    assert clock_fault(HONEST) is None


@pytest.mark.parametrize("pace", [0.5, 0.6, 1.3])
def test_a_clock_that_runs_at_another_pace_is_found(pace):
    lying = [(told_s * pace, held_s) for told_s, held_s in HONEST]

    assert clock_fault(lying) is not None


def test_too_few_turns_say_nothing():
    assert clock_fault([(0.01, 0.2)]) is None
