"""Predictions follow what was measured, and know where nothing was."""

from __future__ import annotations

import math

import pytest

from suite.tuning.gaussian_process import Observation, Regression, squeezed


def observed(values: dict[float, float], error: float = 0.01) -> list[Observation]:
    return [Observation((at,), value, error) for at, value in values.items()]


def test_near_a_measurement_the_prediction_is_that_measurement():
    regression = Regression(observed({0: 0.1, 2: 0.5, 4: 0.9, 6: 1.2}))
    mean, deviation = regression.predict((2,))
    assert mean == pytest.approx(squeezed(0.5), abs=0.1)
    assert deviation < 0.15


def test_far_from_everything_it_promises_nothing_and_is_unsure():
    regression = Regression(observed({0: 0.7, 1: 0.7, 2: 0.7}))
    mean, deviation = regression.predict((100,))
    assert mean == pytest.approx(0.0, abs=1e-3)
    assert deviation >= 0.5


def test_beyond_its_neighbours_it_expects_their_average():
    gains = {0: 0.6, 1: 0.8, 2: 0.65, 3: 0.75, 4: 0.7, 5: 0.7}
    mean, deviation = Regression(observed(gains)).predict((8,))
    assert mean == pytest.approx(squeezed(0.65), abs=0.1)
    assert 0.05 < deviation < 0.35


def test_losses_are_believed_everywhere():
    regression = Regression(observed({0: -1.0, 1: -1.1, 2: -0.9}))
    assert regression.predict((100,))[0] == pytest.approx(-1.0, abs=0.01)


def test_a_noisy_measurement_counts_less_than_its_exact_neighbours():
    exact = observed({0: 0.1, 1: 0.1, 3: 0.1, 4: 0.1})
    wild = Observation((2,), 1.5, 1.0)
    assert Regression([*exact, wild]).predict((2,))[0] < 0.4


def test_what_is_left_out_is_predicted_from_the_others_alone():
    observations = observed({0: 0.1, 1: 0.3, 2: 0.2, 4: 0.6, 5: 0.4})
    fitted = Regression(observations)
    for index, (mean, deviation) in enumerate(fitted.predict_left_out()):
        others = [*observations[:index], *observations[index + 1 :]]
        apart = Regression(others, fitted.shape)
        # Prior mean and spread are estimated from all: leaving one out changes them slightly.
        apart_mean, apart_deviation = apart.predict(observations[index].point)
        assert mean == pytest.approx(apart_mean, abs=0.1)
        assert deviation == pytest.approx(apart_deviation, rel=0.35)


def test_two_observations_are_too_few():
    with pytest.raises(ValueError, match="3 needed"):
        Regression(observed({0: 1.0, 1: 1.0}))


def test_the_same_problem_measured_twice_does_no_harm():
    regression = Regression([Observation((1.0,), value, 0.02) for value in (0.4, 0.5, 0.45, 0.42)])
    assert math.isfinite(regression.predict((1.0,))[0])


def test_squeezing_keeps_losses_small_gains_and_the_order():
    values = [-2.0, -0.1, 0.0, 0.3, 0.5, 1.0, 4.0]
    assert [squeezed(value) for value in values[:4]] == values[:4]
    assert [squeezed(value) for value in values] == sorted(squeezed(value) for value in values)
    assert squeezed(4.0) < 2.0


def test_how_much_faster_it_is_does_not_make_it_doubtful_that_it_is_faster():
    gains = {0: 0.5, 1: 2.0, 2: 0.6, 3: 1.8, 4: 0.5, 5: 2.2}
    mean, deviation = Regression(observed(gains)).predict((2.5,))
    assert mean - deviation > 0.1
