"""Estimates from paired blocks, against scipy's."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from scipy import stats

from suite.gate.null_arm import PRIOR, NullCell, bias_variance
from suite.stats import student
from suite.stats.paired import Component, difference, hodges_lehmann, share_above, trimmed_mean

NOTHING = Component(variance=0.0, degrees=4.0)


def test_student_is_scipys():
    assert student.upper_tail(1.7, 5.5) == pytest.approx(stats.t.sf(1.7, 5.5))
    assert student.quantile(0.95, 5.5) == pytest.approx(stats.t.ppf(0.95, 5.5))


def test_without_a_bias_few_blocks_give_students_interval():
    values = [0.01, 0.03, -0.01, 0.02, 0.04]
    found = difference(values, NOTHING)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.degrees == pytest.approx(4)
    low, high = stats.t.interval(0.9, 4, loc=found.mean, scale=stats.sem(values))
    assert (found.below(0.95), found.above(0.95)) == pytest.approx((low, high))


def test_the_trimmed_mean_and_its_error_are_yuens():
    values = [random.Random(number).gauss(0, 1) for number in range(20)]
    mean, own = trimmed_mean(values)
    assert mean == pytest.approx(stats.trim_mean(values, 0.1))
    assert math.sqrt(own.variance) == pytest.approx(
        stats.mstats.trimmed_stde(values, limits=(0.1, 0.1))
        * math.sqrt(20 / 19 * 16 / 15) ** 0
        * _yuen_over_scipy(20, 2),
        rel=1e-6,
    )


def _yuen_over_scipy(n: int, cut: int) -> float:
    """Return Yuen's standard error over scipy's, which divides by other counts."""
    kept = n - 2 * cut
    return math.sqrt((n - 1) / (kept * (kept - 1))) / (1 / ((1 - 2 * cut / n) * math.sqrt(n)))


def test_a_bias_widens_the_error_and_costs_degrees_of_freedom():
    values = [0.01, 0.03, -0.01, 0.02, 0.04, 0.0]
    plain = difference(values, NOTHING)
    wide = difference(values, Component(variance=0.01**2, degrees=3.0))
    assert wide.error == pytest.approx(math.hypot(plain.error, 0.01))
    assert wide.degrees < plain.degrees + 3
    assert wide.mean == plain.mean


def test_hodges_lehmann_does_not_follow_one_outlier():
    assert hodges_lehmann([0.0, 0.01, -0.01, 0.0, 5.0]) < 0.02
    assert share_above([0.1, -0.1, 0.2, 0.3]) == 0.75


def test_without_null_cells_the_bias_is_the_prior():
    assert bias_variance([], 1e-3) == PRIOR


def test_the_bias_is_what_null_cells_move_beyond_their_error():
    draw = random.Random(0)
    nulls = [
        NullCell(base_s=1e-3, mean=draw.gauss(0, math.hypot(0.02, 0.005)), variance=0.005**2)
        for _ in range(400)
    ]
    assert math.sqrt(bias_variance(nulls, 1e-3).variance) == pytest.approx(0.02, rel=0.1)


def test_cells_of_other_durations_count_less():
    far = [NullCell(base_s=1.0, mean=0.2, variance=0.0)] * 10
    near = [NullCell(base_s=1e-3, mean=0.001, variance=0.0)] * 10
    assert math.sqrt(bias_variance([*far, *near], 1e-3).variance) < 0.01
