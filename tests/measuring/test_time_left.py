"""The time left is corrected by how earlier estimates came true."""

from __future__ import annotations

import pytest

from suite.measuring.time_left import TimeLeft


def told_over(true_s: float, estimated_of, steps: int = 20) -> list[tuple[float, float]]:
    """Return (seconds passed, seconds told to be left) of a run that takes so long."""
    left = TimeLeft()
    moments = [true_s * step / steps for step in range(steps)]
    return [(now, left.corrected(estimated_of(true_s - now), now)) for now in moments]


@pytest.mark.parametrize("factor", [0.4, 0.5, 1.0, 2.0])
def test_from_a_third_of_the_way_on_it_holds_within_30_per_cent_whatever_estimates_are_off_by(
    factor,
):
    told = told_over(900.0, lambda left_s: factor * left_s)
    later = [(now, left_s) for now, left_s in told if now >= 300.0]
    assert all(abs(now + left_s - 900.0) <= 0.3 * 600.0 for now, left_s in later)


def test_the_first_is_told_as_it_was_estimated():
    assert TimeLeft().corrected(100.0, 7.0) == 100.0


def test_an_estimate_that_grows_meanwhile_is_corrected_upwards_within_bounds():
    left = TimeLeft()
    left.corrected(100.0, 0.0)
    assert 200.0 < left.corrected(120.0, 60.0) <= 480.0


def test_nothing_left_stays_nothing():
    assert TimeLeft().corrected(0.0, 5.0) == 0.0
