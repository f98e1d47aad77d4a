"""From trials to a choice: faster rows win where they are surely faster, and nowhere else."""

from __future__ import annotations

import math

import pytest
from building import layer, trial

from suite.problem import Problem
from suite.tuning.features import KINDS, kind_of, point_of
from suite.tuning.learning import gained_here, left_out_choices, outlook, shapes_of
from suite.tuning.selector import Selector, best_first

CHANNELS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384)


def names(selector: Selector, problem: Problem) -> list[str]:
    return [prediction.row.name for prediction in best_first(selector.predictions(problem))]


def test_the_fastest_row_comes_first_on_a_problem_that_was_never_measured():
    selector = Selector([trial(layer(c), {"quick": 1.4, "quicker": 1.9}) for c in CHANNELS])
    assert names(selector, layer(80)) == ["quicker", "quick"]


def test_a_row_that_is_slower_is_never_named():
    selector = Selector([trial(layer(c), {"slow": 0.9}) for c in CHANNELS])
    assert names(selector, layer(80)) == []


def test_a_row_that_wins_here_and_loses_there_is_named_where_it_wins():
    trials = [trial(layer(c), {"deep": 2.0 if c >= 96 else 0.5}) for c in CHANNELS]
    selector = Selector(trials)
    assert names(selector, layer(320)) == ["deep"]
    assert names(selector, layer(20)) == []


def test_far_from_what_was_measured_torch_stays():
    selector = Selector([trial(layer(c), {"quick": 1.5}) for c in CHANNELS])
    assert names(selector, layer(4096, 4096, size=2)) == []


def test_a_kind_that_was_not_measured_gets_nothing():
    selector = Selector([trial(layer(c), {"quick": 1.5}) for c in CHANNELS])
    assert names(selector, layer(64, 64, groups=64)) == []


def test_a_row_measured_twice_is_not_yet_known():
    selector = Selector([trial(layer(c), {"quick": 3.0}) for c in CHANNELS[:2]])
    assert names(selector, layer(CHANNELS[0])) == []


def test_contradicting_measurements_of_one_problem_choose_nothing():
    trials = [trial(layer(64), {"moody": value}) for value in (0.4, 2.4, 0.5, 2.0, 0.45, 2.2)]
    assert names(Selector(trials), layer(64)) == []


def test_kept_shapes_give_the_same_predictions_as_fitting_anew():
    trials = [trial(layer(c), {"quick": 1 + c / 400}) for c in CHANNELS]
    again = Selector(trials, shapes_of(trials))
    (first,), (second,) = (s.predictions(layer(80)) for s in (Selector(trials), again))
    assert first == second


KIND_EXAMPLES = {
    "one_pixel": layer(8, 8, size=1, kernel=1),
    "pointwise": layer(8, 8, size=7, kernel=1),
    "patches": Problem(
        batch_size=1, in_channels=3, height=8, width=8, out_channels=4,
        kernel_h=4, kernel_w=4, stride_h=4, stride_w=4,
    ),
    "depthwise": layer(8, 8, groups=8),
    "grouped": layer(8, 8, groups=2),
    "dense": layer(8, 8),
    "wide": layer(8, 8, kernel=11),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_problems(kind):
    assert kind_of(KIND_EXAMPLES[kind]) == kind


def test_coordinates_are_octaves():
    small, large = point_of(layer(16)), point_of(layer(64))
    assert sum(abs(a - b) for a, b in zip(small, large, strict=True)) == pytest.approx(2.0)
    assert math.isfinite(sum(point_of(Problem(
        batch_size=0, in_channels=1, height=1, width=1, out_channels=1, kernel_h=1, kernel_w=1
    ))))  # fmt: skip


def test_the_outlook_is_what_choosing_for_left_out_problems_gains():
    trials = [trial(layer(c), {"quick": 1.5, "slow": 0.5}) for c in CHANNELS]
    expected = outlook(trials, [layer(64)])["all"]
    assert expected.speedup == pytest.approx(1.5, rel=0.05)
    assert expected.best_speedup == pytest.approx(1.5)
    assert expected.slower_share == 0
    assert expected.chosen["quick"] >= 8


def test_the_outlook_owns_up_to_wrong_choices():
    # Alike in all features, apart by bias alone: one in ten is a bad surprise.
    speedups = dict.fromkeys(CHANNELS, 1.8) | {96: 0.6}
    trials = [trial(layer(c), {"quick": value}) for c, value in speedups.items()]
    choices = left_out_choices(trials, "dense")
    surprised = dict(zip(CHANNELS, choices, strict=True))[96]
    expected = outlook(trials, [layer(64)])["dense"]
    assert (surprised[0] == "torch") or expected.slower_share == pytest.approx(0.1)
    assert expected.speedup < expected.best_speedup


def test_what_is_gained_on_given_layers_is_what_was_measured_there():
    """Layers so unlike each other that left out none is chosen for, though all were measured."""
    speedups = {c: 3.0 if number % 2 else 1.2 for number, c in enumerate(CHANNELS)}
    trials = [trial(layer(c), {"quick": value, "slow": 0.9}) for c, value in speedups.items()]
    here = gained_here(trials, [layer(c) for c in CHANNELS])

    assert here is not None
    assert here.problems == len(CHANNELS)
    assert here.best_speedup == pytest.approx(math.sqrt(3.0 * 1.2))
    assert outlook(trials, [layer(c) for c in CHANNELS])["all"].speedup < here.speedup
    assert 1.2 < here.speedup <= here.best_speedup
    assert sum(here.chosen.values()) == len(CHANNELS)


def test_layers_that_nobody_gave_do_not_count_and_none_says_nothing():
    trials = [trial(layer(c), {"quick": 1.5}) for c in CHANNELS]

    few = gained_here(trials, [layer(CHANNELS[0]), layer(7, size=99)])
    assert few is not None
    assert few.problems == 1
    assert gained_here(trials, [layer(7, size=99)]) is None


def test_kinds_weigh_as_they_occur_where_they_are_asked_for():
    dense = [trial(layer(c), {"quick": 2.0}) for c in CHANNELS]
    pointwise = [trial(layer(c, kernel=1), {"slow": 0.5}) for c in CHANNELS]
    problems = [layer(64)] + [layer(64, kernel=1)] * 3
    expected = outlook([*dense, *pointwise], problems)
    assert expected["all"].speedup == pytest.approx(expected["dense"].speedup ** 0.25, rel=1e-6)
