"""Changes of level against series whose levels are known."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from suite.stats.level_changes import (
    Telling,
    erratic_variance,
    level_changes,
    typical_step,
)

LEVEL = 0.01
BEFORE_US, AFTER_US = (887, 943, 921, 905), (1059, 1126, 1101, 1078)


def noisy(*levels: tuple[float, int], seed: int = 0, spread: float = 0.03) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(level, spread) for level, count in levels for _ in range(count)]


def telling(values: Sequence[float], error: float | None = None) -> Telling:
    return Telling(values=values, variances=[error and error**2] * len(values))


def changes(values: Sequence[float], level: float = LEVEL) -> list[int]:
    return [change.index for change in level_changes([telling(values)], level).changes]


@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_found_where_it_is(seed):
    (change,) = level_changes([telling(noisy((0.0, 20), (0.15, 12), seed=seed))], LEVEL).changes
    assert abs(change.index - 20) <= 1
    assert change.p <= LEVEL


def test_a_step_up_and_back_down_are_two_changes():
    found = changes(noisy((0.0, 20), (0.2, 20), (0.0, 15), seed=1))
    assert [round(index, -1) for index in found] == [20, 40]


def test_a_clean_step_in_eight_runs_is_found_among_thirty_cells():
    values = [math.log(time_us) for time_us in BEFORE_US + AFTER_US]
    assert changes(values, 0.05 / 30) == [4]
    mixed = [value for pair in zip(values[:4], values[4:], strict=True) for value in pair]
    assert changes(mixed, 0.05 / 30) == []


@pytest.mark.parametrize("swing", [0.0, 0.9])
def test_the_steadier_way_to_tell_a_series_is_the_one_that_counts(swing):
    draw = random.Random(3)
    days = [draw.gauss(0, 0.4) for _ in range(10)]
    reference = [day + swing * draw.gauss(0, 1) for day in days]
    own = [draw.gauss(level, 0.02) for level in [0.0] * 5 + [0.14] * 5]
    slow_days = [value + day for value, day in zip(own, days, strict=True)]
    time = own if swing else slow_days
    over_reference = [value - base for value, base in zip(time, reference, strict=True)]
    found = level_changes([telling(time), telling(over_reference)], LEVEL)
    assert found.telling == (0 if swing else 1)
    assert [change.index for change in found.changes] == [5]


def test_of_two_equally_steady_tellings_the_first_counts():
    values = noisy((0.0, 12))
    assert level_changes([telling(values), telling(values)], LEVEL).telling == 0


@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_steady_series_show_changes_as_rarely_as_the_level_says(spread):
    series = [noisy((0.0, 12), seed=seed, spread=spread) for seed in range(300)]
    assert sum(bool(changes(values, 0.05)) for values in series) <= 22


def test_choosing_between_two_tellings_brings_no_more_false_changes():
    false = 0
    for seed in range(300):
        draw = random.Random(seed)
        own = [draw.gauss(0, 0.02) for _ in range(12)]
        over_reference = [value - draw.gauss(0, 0.02) for value in own]
        found = level_changes([telling(own), telling(over_reference)], 0.05)
        false += bool(found.changes)
    assert false <= 22


def test_wild_values_in_a_row_by_chance_are_no_change_of_level():
    """Normal scatter would never bring three such values; any order of these brings them."""
    draw = random.Random(5)
    false = 0
    for _ in range(100):
        values = [draw.gauss(0, 0.02) + (draw.random() < 0.15) * 0.5 for _ in range(40)]
        false += bool(changes(values, 0.02))
    assert false <= 6


def test_one_wild_value_is_no_change():
    values = noisy((0.0, 30))
    values[12] += 2.0
    assert changes(values) == []


def test_one_wild_value_hides_no_change():
    values = noisy((0.0, 15), (0.15, 15))
    values[4] += 2.0
    assert changes(values) == [15]


def test_what_its_blocks_do_not_tell_apart_is_no_change():
    values = [0.0, 0.001, 0.002, 0.001, 0.051, 0.052, 0.05, 0.051]
    assert changes(values) == [4]
    assert level_changes([telling(values, error=0.05)], LEVEL).changes == ()


def test_the_same_series_has_the_same_changes():
    values = noisy((0.0, 15), (0.05, 15))
    assert changes(values) == changes(values)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0, 1.0, 1.0, 1.0], [0.5] * 20])
def test_too_short_or_constant_series_have_none(values):
    assert changes(values) == []


def test_a_step_to_the_last_bit_is_a_change():
    assert changes([0.0] * 10 + [0.1] * 10) == [10]


def test_a_change_of_level_hardly_counts_as_unsteadiness():
    assert typical_step([0.0, 0.1, 0.0, 0.1, 5.0, 5.1, 5.0]) == pytest.approx(0.1)


def test_highs_and_lows_in_a_row_are_no_change_where_others_of_the_kind_jump():
    low, high = [0.0, 0.02, 0.01, 0.03], [3.0, 3.02, 2.98, 3.01]
    in_a_row = [*low, *high]
    jumping = [value for pair in zip(low, high, strict=True) for value in pair]
    assert changes(in_a_row) == [4]
    least = erratic_variance([in_a_row, jumping, jumping[::-1]])
    told = Telling(values=in_a_row, variances=[None] * 8, least_variance=least)
    assert level_changes([told], LEVEL).changes == ()


def test_series_that_step_once_or_scatter_are_not_erratic():
    stepping = [[0.0, 0.02, 0.01, 3.0, 3.02, 2.98, 3.01, 3.0]] * 3
    assert erratic_variance(stepping) == 0.0
    assert erratic_variance([noisy((0.0, 12), seed=seed) for seed in range(4)]) == 0.0
    assert erratic_variance([[], [1.0]]) == 0.0
