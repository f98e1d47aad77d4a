"""Where an engine alone goes wrong."""

from __future__ import annotations

import pytest
from oracle import call, draw, implementations, worst_ratio

from suite.problem import Problem

ENTRIES = {entry.name: entry for entry in implementations()}
PROBLEMS = {
    "1×1": Problem.of_call((1, 34, 7, 9), (26, 17, 1, 1), groups=2),
    "3×3": Problem.of_call((2, 9, 5, 5), (18, 3, 3, 3), groups=3),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_ncnn_takes_groups_apart_where_planes_are_no_whole_16_bytes(problem):
    entry = ENTRIES["ncnn"]
    if reason := entry.why_unavailable():
        pytest.skip(reason)
    input, weight, bias = draw(problem)
    output = call(entry, problem, input, weight, bias)
    assert worst_ratio(entry, problem, output, input, weight, bias) <= 1
