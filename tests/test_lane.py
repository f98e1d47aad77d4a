"""What the runner makes of a worker's clock."""

from __future__ import annotations

import pytest

from suite.lane import clock_fault

HONEST = [(0.050, 0.0505), (0.051, 0.130), (0.049, 0.0496), (0.050, 0.0502)]


def test_an_honest_clock_is_believed_even_if_messages_wait():
    assert clock_fault(HONEST) is None


@pytest.mark.parametrize("pace", [0.5, 0.6, 1.3])
def test_a_clock_that_runs_at_another_pace_is_found(pace):
    lying = [(told_s * pace, held_s) for told_s, held_s in HONEST]

    assert clock_fault(lying) is not None


def test_too_few_turns_say_nothing():
    assert clock_fault([(0.01, 0.2)]) is None
