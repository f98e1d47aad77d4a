"""Estimates from paired blocks, against scipy's."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from scipy import stats

from suite.stats.components import Component, total
from suite.stats.null_cells import PRIOR, NullCell, bias_variance
from suite.stats.paired import (
    difference,
    hodges_lehmann,
    share_above,
    trimmed_mean,
    unpaired_difference,
)

NOTHING = Component(variance=0.0, degrees=4.0)


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


def test_two_runs_of_other_spread_are_compared_as_welch_did():
    draw = random.Random(1)
    before = [draw.gauss(0.0, 0.01) for _ in range(6)]
    after = [draw.gauss(0.02, 0.05) for _ in range(9)]
    mean, own = unpaired_difference(before, after)
    welch = stats.ttest_ind(after, before, equal_var=False)
    assert mean / math.sqrt(own.variance) == pytest.approx(welch.statistic)
    assert own.degrees == pytest.approx(welch.df)


def test_degrees_of_a_sum_lie_between_the_least_and_the_sum_of_them():
    small, large = Component(variance=1e-9, degrees=3.0), Component(variance=1.0, degrees=5.0)
    assert total(small, large).degrees == pytest.approx(5.0)
    equal = Component(variance=1.0, degrees=4.0)
    assert total(equal, equal).degrees == pytest.approx(8.0)
    assert total(equal, equal).variance == 2.0


def test_a_sum_does_not_depend_on_what_is_added_first():
    parts = [Component(variance=v, degrees=d) for v, d in ((1.0, 3.0), (0.2, 7.0), (3.0, 4.5))]
    at_once, step_by_step = total(*parts), total(total(*parts[:2]), parts[2])
    assert step_by_step.degrees == pytest.approx(at_once.degrees)


def test_what_does_not_vary_at_all_still_has_an_error_and_degrees():
    flat = difference([0.01] * 5, Component(variance=0.0, degrees=9.0))
    assert flat.error > 0
    assert flat.degrees == 4
    assert flat.p_above(0.005) < 0.001


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
