"""What the runner makes of a worker's clock."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from suite.measuring.arm import Arm
from suite.measuring.cell import Cell
from suite.measuring.doubts import clock_fault
from suite.problem import Problem, Scenario
from suite.registry.sources import Source

BIG_OUTPUT = Problem.of_call((8, 1, 512, 512), (8, 1, 1, 1))
"""64 MiB of outputs from 8 MiB of input: one slot, and batches of four by the operand alone."""


def test_a_batch_never_has_more_outputs_than_there_are_slots(settings, time_spent, monkeypatch):
    cell = Cell(
        Arm("fast", "direct", Source("none")),
        Scenario(id="b/1", problem=BIG_OUTPUT),
        None,
        settings,
        time_spent,
    )
    replies = {"bind": {"prepare_s": None}, "warm": WARMED}
    monkeypatch.setattr(cell.worker, "ask", lambda do, **_: replies[do])

    cell.begin_block()
    cell.close()

    assert cell.turn_calls == 1


TINY = Problem.of_call((1, 2, 6, 6), (2, 2, 3, 3))
EXACT = {"rel_l2_error": 0.0, "worst_error_ratio": 0.0, "worst": None}


@pytest.mark.parametrize(("device", "logged_with"), [("cpu", "gate"), ("cuda", "end_block")])
def test_on_cuda_the_profiler_looks_only_after_the_block_was_timed(
    settings, time_spent, monkeypatch, device, logged_with
):
    """It stays attached to a process; on a CPU it does not, and the gate's call is as good."""
    judge = SimpleNamespace(
        judge=lambda *_: {"residuals": EXACT, "fault": None},
        changed_operands=lambda _: [],
        same_bits=lambda *_: True,
    )
    scenario = Scenario(id="b/1", problem=TINY, device=device)
    cell = Cell(Arm("fast", "direct", Source("none")), scenario, judge, settings, time_spent)
    cell.evidence.declared = dict.fromkeys(("family", "error_factor", "precision"))
    stage, logged = "gate", []

    def ask(do, *, log_operators=False, **_):
        if log_operators:
            logged.append(stage)
        return {"note": None, "operators": ["conv2d"], "vendor": None, "ran": None}

    monkeypatch.setattr(cell.worker, "ask", ask)
    cell.gate("normal")
    stage = "end_block"
    cell.end_block("seed", None)
    cell.close()

    assert logged == [logged_with]
    assert cell.evidence.operators == ("conv2d",)


WARMED = {"call_s": 10e-6, "batch": 4, "peak_bytes": None, "note": None}


HONEST = [(0.050, 0.0505), (0.051, 0.130), (0.049, 0.0496), (0.050, 0.0502)]


def test_an_honest_clock_is_believed_even_if_messages_wait():
    assert clock_fault(HONEST) is None


@pytest.mark.parametrize("pace", [0.5, 0.6, 1.3])
def test_a_clock_that_runs_at_another_pace_is_found(pace):
    lying = [(told_s * pace, held_s) for told_s, held_s in HONEST]

    assert clock_fault(lying) is not None


def test_too_few_turns_say_nothing():
    assert clock_fault([(0.01, 0.2)]) is None
