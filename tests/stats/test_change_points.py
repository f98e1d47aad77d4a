"""Change points against series whose levels are known."""

from __future__ import annotations

import random

import pytest

from suite.stats.change_points import change_points

LEVEL = 0.01


def noisy(*levels: tuple[float, int], seed: int = 0, spread: float = 0.03) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(level, spread) for level, count in levels for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_found_where_it_is(seed):
    (point,) = change_points(noisy((0.0, 20), (0.15, 12), seed=seed), LEVEL)
    assert abs(point.index - 20) <= 1
    assert point.p <= LEVEL


def test_a_step_up_and_back_down_are_two_changes():
    found = change_points(noisy((0.0, 20), (0.2, 20), (0.0, 15), seed=1), LEVEL)
    assert [round(point.index, -1) for point in found] == [20, 40]


def test_steady_series_show_changes_as_rarely_as_the_level_says():
    series = [noisy((0.0, 30), seed=seed) for seed in range(100)]
    assert sum(bool(change_points(values, LEVEL)) for values in series) <= 4


def test_one_wild_value_is_no_change():
    values = noisy((0.0, 30))
    values[12] += 2.0
    assert change_points(values, LEVEL) == []


def test_the_same_series_has_the_same_change_points():
    values = noisy((0.0, 15), (0.05, 15))
    assert change_points(values, LEVEL) == change_points(values, LEVEL)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0, 1.0, 1.0, 1.0], [0.5] * 20])
def test_too_short_or_constant_series_have_none(values):
    assert change_points(values, LEVEL) == []
