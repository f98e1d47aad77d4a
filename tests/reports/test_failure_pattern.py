"""What shapes that failed have in common: found where it is simple, and otherwise not claimed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from reports.failure_pattern import pattern
from reports.shape_text import shape_words
from suite.conditions import Scenario
from suite.problem import Problem
from suite.scenario import load_files

EDGES = list(load_files(["edge_shapes"])[0].scenarios)


def told(fails: Callable[[Problem], bool]) -> str:
    """Return the pattern where the shipped shapes fail of which this holds."""
    failed = [shape for shape in EDGES if fails(shape.problem)]
    return pattern(failed, [shape for shape in EDGES if shape not in failed])


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (lambda p: p.groups > 1, "only groups > 1"),
        (lambda p: p.groups == 1, "only one group"),
        (lambda p: p.bias, "only bias"),
        (
            lambda p: p.groups > 1 and p.dilation_h != p.dilation_w,
            "only groups > 1 with unequal dilation",
        ),
        (lambda p: p.bias and p.is_asymmetric, "only bias with padding that differs by side"),
        (
            lambda p: p.groups > 1 and p.dilation_h != p.dilation_w and p.kernel_w > 1,
            "only groups > 1 with unequal dilation and kernels of several columns",
        ),
        (
            lambda p: p.is_depthwise or p.is_asymmetric,
            "padding that differs by side, and depthwise",
        ),
        (lambda p: p.out_w % 8 != 0, "only output width no multiple of 8"),
        (lambda p: p.reduction_length > 700, "only products a sum ≥"),
    ],
)
def test_a_simple_pattern_is_found(fails, words):
    assert words in told(fails)


def test_one_that_came_out_right_by_chance_is_no_obstacle_and_is_counted():
    failed = [s for s in EDGES if s.problem.groups > 1 and s.problem.dilation_h > 1]
    lucky = failed.pop(1)
    passed = [s for s in EDGES if s not in failed]

    assert lucky in passed
    assert pattern(failed, passed) == (
        "all with groups > 1 and dilation > 1 along the height, as 1 that passed"
    )


def test_where_chance_picks_the_shapes_nothing_is_claimed():
    draw = random.Random(3)
    for count in (2, 3, 5, 9, 20):
        failed = draw.sample(EDGES, count)
        assert pattern(failed, [s for s in EDGES if s not in failed]) == ""


def test_without_shapes_to_hold_against_nothing_is_claimed():
    assert pattern(EDGES, []) == pattern([], EDGES) == ""


def test_a_shape_in_words_names_what_is_not_as_usual(problem):
    plain = Problem(
        batch_size=1, in_channels=3, height=8, width=9, out_channels=4, kernel_h=3, kernel_w=1
    )

    assert shape_words(Scenario(id="a", problem=plain)) == "input 1×3×8×9, weight 4×3×3×1"
    odd = Scenario(
        id="b", problem=problem, memory_format="channels_last", dtype="float64", direction="forward"
    )
    assert shape_words(odd) == (
        "input 2×4×9×8, weight 6×2×3×2, groups 2, padding 1×0, bias, float64, channels_last"
    )
