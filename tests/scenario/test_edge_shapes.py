"""The edge shapes have every pair of properties, and every size around a block of elements."""

from __future__ import annotations

import pytest

from suite.conditions import DIRECTIONS, MEMORY_FORMATS
from suite.scenario.files import find_file, load_file
from tests.scenario.pairwise import completing, scenario_of
from tests.scenario.properties import FACTORS, LEVELS, SIZES, demands, levels, missing, steps

EDGES = load_file(find_file("edge_shapes")).scenarios
MOST_SHAPES = 100
MOST_STEPS_IN_ALL = 365_000
"""Of the textbook's Python loops, N·K·P·Q·C/g: what `check` of that row took before there were
pairs, some 30 s."""


def test_forward_shapes_in_float32_have_every_pair_of_levels_and_every_size():
    assert missing(EDGES) == set()
    assert len(demands()) > 800


def test_a_pair_that_no_shape_has_any_more_is_missed():
    """Not every shape is the only one with some pair, and those made for pairs are."""
    lone = [s for s in EDGES[::4] if missing([other for other in EDGES if other is not s])]
    assert len(lone) >= 8


def test_layers_that_are_looked_for_have_what_was_missing():
    known = [s for s in EDGES if s.problem.bias]
    lacked = missing(known)
    first = scenario_of(next(completing(known, seed=1)))
    assert len(missing([*known, first])) < len(lacked)


@pytest.mark.parametrize("factor", FACTORS)
def test_every_level_is_one_that_is_asked_for(factor):
    forward = [s for s in EDGES if s.problem.batch_size]
    assert {levels(s)[factor] for s in forward} <= set(LEVELS[factor])


def test_gradients_and_float64_have_each_way_of_a_convolution_at_least_once():
    for direction in DIRECTIONS[1:]:
        ours = [levels(s) for s in EDGES if s.direction == direction]
        assert {of["stride"] for of in ours} > {"1"}
        assert {of["dilation"] for of in ours} > {"1"}
        assert {of["groups"] for of in ours} > {"none"}
        assert {of["padding"] for of in ours} > {"0"}
        assert {of["format"] for of in ours} == set(MEMORY_FORMATS)
    double = [levels(s) for s in EDGES if s.dtype == "float64" and s.direction == "forward"]
    for factor in ("stride", "dilation", "groups", "padding", "bias"):
        assert len({of[factor] for of in double}) > 1, factor


def test_they_stay_few_and_cheap_for_the_slowest_row():
    assert len(EDGES) <= MOST_SHAPES
    assert sum(steps(s.problem) for s in EDGES) <= MOST_STEPS_IN_ALL
    assert all(s.problem.direct_flops < 1e6 for s in EDGES)


def test_sizes_lie_around_the_blocks_that_kernels_are_written_for():
    assert {block + off for block in (8, 16, 32, 64) for off in (-1, 0, 1)} | {257} == set(SIZES)
