"""How time grows: powers, fixed parts, bends and crossings that are known beforehand."""

from __future__ import annotations

import random

import pytest

from reports.growth import Fit, fit, predicted_crossing

WORKS = [1e6 * kernel**2 for kernel in (1, 3, 5, 7, 11, 15, 21, 31)]
WIDE = [1e6 * 4.0**step for step in range(9)]
CACHE = 256e6
RUNS = 60


def fitted(works: list[float], times: list[float]) -> Fit:
    found = fit(works, times)
    assert found is not None
    return found


def line(work: float, power: float = 0.8) -> float:
    return 1e-3 * (work / 1e6) ** power


def curve(work: float) -> float:
    return 2e-3 + 1e-4 * (work / 1e6) ** 1.1


def bent(work: float) -> float:
    return line(work, 0.7) * max(1.0, work / CACHE) ** 0.5


def noisy(times: list[float], draw: random.Random) -> list[float]:
    return [time * draw.lognormvariate(0, 0.03) for time in times]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.7])
def test_a_power_law_is_found_exactly_and_has_no_fixed_part(power: float) -> None:
    found = fitted(WORKS, [line(work, power) for work in WORKS])
    assert found.power == pytest.approx(power, abs=1e-9)
    assert found.fixed_s == 0
    assert found.bend is None
    for work in WORKS:
        assert found.time_s(work) == pytest.approx(line(work, power))


def test_a_fixed_part_a_factor_and_a_power_are_all_found() -> None:
    found = fitted(WORKS, [curve(work) for work in WORKS])
    assert found.power == pytest.approx(1.1, abs=0.01)
    assert found.fixed_s == pytest.approx(2e-3, rel=0.01)
    for work in WORKS:
        assert found.time_s(work) == pytest.approx(curve(work), rel=0.01)


@pytest.mark.parametrize(("time_s", "power"), [(line, 0.8), (curve, 1.1)])
def test_the_interval_holds_the_true_power_about_as_often_as_it_says(time_s, power) -> None:
    draw = random.Random(5)
    found = [fitted(WORKS, noisy([time_s(w) for w in WORKS], draw)) for _ in range(RUNS)]
    held = sum(f.low <= power <= f.high for f in found)  # type: ignore[operator]
    assert held >= 0.85 * RUNS
    assert all(f.high - f.low < 0.4 for f in found)  # type: ignore[operator]


def test_a_bend_is_found_where_it_is_with_both_slopes() -> None:
    draw = random.Random(6)
    found = [fitted(WIDE, noisy([bent(w) for w in WIDE], draw)).bend for _ in range(RUNS)]
    bends = [bend for bend in found if bend is not None]
    assert len(bends) >= 0.95 * RUNS
    for bend in bends:
        assert bend.work_flops == pytest.approx(CACHE, rel=0.75)
        assert bend.before == pytest.approx(0.7, abs=0.12)
        assert bend.after == pytest.approx(1.2, abs=0.12)


@pytest.mark.parametrize("time_s", [line, curve])
def test_noise_alone_makes_no_bend(time_s) -> None:
    draw = random.Random(7)
    found = [fitted(WIDE, noisy([time_s(w) for w in WIDE], draw)).bend for _ in range(RUNS)]
    assert sum(bend is not None for bend in found) <= 0.05 * RUNS


def test_three_points_have_a_power_and_two_have_none() -> None:
    works, times = WORKS[:3], [line(work) for work in WORKS[:3]]
    assert fitted(works, times).power == pytest.approx(0.8)
    assert fit(works[:2], times[:2]) is None


def test_work_that_does_not_grow_has_no_fit() -> None:
    assert fit([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 2.0, 3.0]) is None


def test_two_curves_cross_where_algebra_says() -> None:
    growing = fitted(WORKS, [line(work, 1.0) for work in WORKS])
    flat = fitted(WORKS, [0.05 for _ in WORKS])
    for pair in ((growing, flat), (flat, growing)):
        crossing = predicted_crossing(*pair, WORKS[0], WORKS[-1])
        assert crossing is not None
        assert crossing.work_flops == pytest.approx(50e6, rel=1e-3)
        assert 0.9 * 50e6 < crossing.low < crossing.high < 1.1 * 50e6


def test_the_interval_of_a_crossing_holds_it_about_as_often_as_it_says() -> None:
    draw = random.Random(8)
    held = told = 0
    for _ in range(RUNS):
        growing = fitted(WORKS, noisy([line(work, 1.0) for work in WORKS], draw))
        flat = fitted(WORKS, noisy([0.05 for _ in WORKS], draw))
        crossing = predicted_crossing(growing, flat, WORKS[0], WORKS[-1])
        told += crossing is not None
        held += crossing is not None and crossing.low <= 50e6 <= crossing.high
    assert told >= 0.9 * RUNS
    assert held >= 0.85 * told


@pytest.mark.parametrize("points", [3, 4])
def test_few_points_that_scatter_tell_neither_a_power_nor_a_crossing(points) -> None:
    draw = random.Random(9)
    wild = [line(work, 0.2) * draw.lognormvariate(0, 0.5) for work in WORKS[:points]]
    fit_of_few = fitted(WORKS[:points], wild)
    other = fitted(WORKS[:points], [line(work, 0.5) for work in WORKS[:points]])
    assert not fit_of_few.is_known
    assert predicted_crossing(fit_of_few, other, WORKS[0], WORKS[points - 1]) is None


def test_lines_that_run_side_by_side_do_not_cross() -> None:
    draw = random.Random(10)
    for _ in range(20):
        first = fitted(WORKS, noisy([line(work) for work in WORKS], draw))
        second = fitted(WORKS, noisy([line(work) for work in WORKS], draw))
        crossing = predicted_crossing(first, second, WORKS[0], WORKS[-1])
        assert crossing is None or crossing.high / crossing.low > 2


def test_curves_that_cross_only_far_beyond_what_was_measured_are_not_said_to() -> None:
    growing = fitted(WORKS, [line(work, 1.0) for work in WORKS])
    flat = fitted(WORKS, [1e9 for _ in WORKS])
    assert predicted_crossing(growing, flat, WORKS[0], WORKS[-1]) is None
