"""What the runner makes of a worker's clock."""

from __future__ import annotations

import pytest

from suite.arm import Arm
from suite.lane import Lane
from suite.problem import Problem, Scenario
from suite.registry import Source
from suite.voiding import clock_fault

BIG_OUTPUT = Problem.of_call((8, 1, 512, 512), (8, 1, 1, 1))
"""64 MiB of outputs from 8 MiB of input: one slot, and batches of four by the operand alone."""


def test_a_batch_never_has_more_outputs_than_there_are_slots(settings, ledger, monkeypatch):
    lane = Lane(
        Arm("fast", "direct", Source("none")),
        Scenario(id="b/1", problem=BIG_OUTPUT),
        None,
        settings,
        ledger,
    )
    replies = {"bind": {"prepare_s": None}, "warm": WARMED}
    monkeypatch.setattr(lane.worker, "ask", lambda do, **_: replies[do])

    lane.begin_block()
    lane.close()

    assert lane.turn_calls == 1


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
