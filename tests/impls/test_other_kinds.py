"""Rows of every kind of problem but the plain one, over drawn shapes, as a worker calls them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle import all_implementations, magnitude

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.judge import reference
from suite.judge.gates import judge_output
from suite.judge.tolerance import Tolerance
from suite.kinds import KINDS
from suite.operands.tensors import in_format
from suite.problem import Problem
from suite.worker.binding import bind
from tests.drawn_problems import operands_of, problems

OTHER_KINDS = tuple(kind for kind in KINDS if kind != "conv2d")
ONE_TILE_IS_ENOUGH = ("winograd_tile6", "winograd_tile8")
"""Numba takes half a minute for each in three dimensions; winograd_tile4 is the same code."""
LONG_IN_THREE = ("depthwise", "grouped", "winograd_tile4")
"""Numba takes as long for each of these; `direct_packed` and `fft` are looked at."""


def compiles_long(name: str, kind: str) -> bool:
    if name in ONE_TILE_IS_ENOUGH:
        return kind != "conv1d"
    return name in LONG_IN_THREE and kind == "conv3d"


ROWS = [
    pytest.param(
        entry,
        kind,
        marks=[pytest.mark.slow] * compiles_long(entry.name, kind),
    )
    for entry in all_implementations()
    for kind in OTHER_KINDS
    if kind in entry.declaration.kinds and "cpu" in entry.devices
]


def judged(entry, scenario: Scenario, operands):
    """Return what the judge says of a row on operands of the scenario's type, in its format."""
    given = operands.each(lambda tensor: in_format(tensor.float(), scenario.memory_format))
    output = bind(entry, scenario, given).call(given.varying)
    assert output.dtype == torch.float32
    assert output.shape == scenario.result_shape
    limits = Tolerance(scenario, entry.family, entry.error_factor, entry.precision)
    expected = reference.result(scenario, given)
    size = magnitude(scenario, limits, given)
    return judge_output("normal", limits, output.contiguous(), expected, size).fault


@pytest.mark.parametrize(("entry", "kind"), ROWS, ids=lambda it: getattr(it, "name", it))
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_row_is_right_on_drawn_problems_of_its_kind(entry, kind, data):
    if reason := entry.of_kind(kind).why_unavailable():
        pytest.skip(reason)
    # Some tiles want many channels; five loops in Python take minutes for them.
    channels = (1, 2, 3) if entry.family == "loops" else (1, 2, 3, 33)
    problem = data.draw(problems([kind], channels))
    memory_format = data.draw(st.sampled_from(["contiguous", "channels_last"]))
    scenario = Scenario(id="s", problem=problem, memory_format=memory_format)
    assume(entry.why_unsupported(scenario) is None)
    try:
        assert judged(entry, scenario, operands_of(problem, "forward")) is None
    except Unsupported:
        assume(False)


@pytest.mark.parametrize(
    "problem",
    [
        Problem.of_call((1, 8, 3, 2, 2), (24, 1, 1, 1, 1), stride=3, padding=(0, 2, 0), groups=8),
        Problem.of_call((1, 8, 9, 9), (8, 1, 1, 1), stride=8, groups=8),
        Problem.of_call((1, 8, 64), (8, 1, 2), stride=32, groups=8),
    ],
    ids=str,
)
def test_an_honest_transform_is_right_where_a_stride_skips_most_of_what_it_meets(problem):
    (entry,) = (entry for entry in all_implementations() if entry.name == "fft")
    scenario = Scenario(id="s", problem=problem)
    for seed in range(40):
        torch.manual_seed(seed)
        assert judged(entry, scenario, operands_of(problem, "forward")) is None


@pytest.mark.parametrize("name", ["torch", "loops"])
@pytest.mark.parametrize("direction", ["backward_data", "backward_weight"])
@given(problem=problems(OTHER_KINDS).filter(lambda p: p.batch_size))
@settings(max_examples=8, deadline=None)
def test_gradients_of_rows_that_autograd_follows_are_right(name, direction, problem):
    (entry,) = (entry for entry in all_implementations() if entry.name == name)
    scenario = Scenario(id="s", problem=problem, direction=direction)
    with torch.no_grad():
        try:
            assert judged(entry, scenario, operands_of(problem, direction)) is None
        except Unsupported:  # a transposed one that autograd does not follow
            assert name != "torch"
            assert problem.is_transposed
            assume(False)


@pytest.mark.parametrize("direction", ["backward_data", "backward_weight"])
@given(problem=problems(("conv1d", "conv3d")).filter(lambda p: p.batch_size))
@settings(max_examples=8, deadline=None)
def test_gradients_by_forward_convolutions_are_right(direction, problem):
    (entry,) = (entry for entry in all_implementations() if entry.name == "torch")
    own = entry.of_kind(problem.kind)

    def unseen_by_autograd(input, *arguments):
        return own.function(
            input.detach(),
            *(it.detach() if isinstance(it, torch.Tensor) else it for it in arguments),
        )

    row = dataclasses.replace(own, function=unseen_by_autograd)
    scenario = Scenario(id="s", problem=problem, direction=direction)
    with torch.no_grad():
        assert judged(row, scenario, operands_of(problem, direction)) is None
