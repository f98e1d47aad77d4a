"""The judge's own arithmetic, against autograd and against the definition."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings

from suite.conditions import DIRECTIONS, Scenario
from suite.judge import maps, projection, reference
from suite.judge.form import form_of, sides_of
from suite.judge.usual import usual_elements
from suite.operands.tensors import Operands
from suite.problem import Problem
from tests.drawn_problems import operands_of, problems


def by_autograd(problem: Problem, direction: str, operands: Operands) -> torch.Tensor:
    x = operands.input.clone().requires_grad_()
    weight = operands.weight.clone().requires_grad_()
    function = getattr(F, problem.kind)
    if problem.is_transposed:
        more = (problem.output_padding, problem.groups, problem.dilation)
        y = function(x, weight, operands.bias, problem.stride, problem.padding, *more)
    else:
        padded = F.pad(x, [size for pair in reversed(problem.pads) for size in pair])
        settings = (problem.stride, 0, problem.dilation, problem.groups)
        y = function(padded, weight, operands.bias, *settings)
    if direction == "forward":
        return y.detach()
    target = x if direction == "backward_data" else weight
    return torch.autograd.grad(y, target, operands.grad)[0]


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(problem=problems())
@settings(max_examples=20, deadline=None)
def test_the_float64_result_is_what_autograd_gives(direction, problem):
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)

    torch.testing.assert_close(
        reference.result(scenario, operands), by_autograd(problem, direction, operands)
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(problem=problems().filter(lambda p: p.batch_size > 0))
@settings(max_examples=20, deadline=None)
def test_a_projection_of_the_result_follows_from_the_varying_operand(direction, problem):
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)
    found = projection.projection(scenario, operands, torch.Generator().manual_seed(1))

    varying = operands.input if direction == "forward" else operands.grad
    projected = (found.signs * reference.result(scenario, operands)).sum()
    expected = (found.adjoint * varying).sum() + found.offset

    assert set(found.signs.unique().tolist()) <= {-1.0, 1.0}
    torch.testing.assert_close(projected, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(problem=problems().filter(lambda p: p.batch_size > 0))
@settings(max_examples=20, deadline=None)
def test_single_elements_from_the_definition_agree_with_the_whole(direction, problem):
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)
    whole = reference.result(scenario, operands)
    index = torch.stack([torch.randint(0, size, (9,)) for size in whole.shape], dim=1)

    value, size = reference.elements(scenario, operands, index)

    torch.testing.assert_close(value, whole[tuple(index.T)])
    torch.testing.assert_close(size, reference.magnitude(scenario, operands)[tuple(index.T)])


def test_a_large_batch_is_lowered_in_pieces_with_the_same_result(problem, monkeypatch):
    problem = dataclasses.replace(problem, batch_size=5)
    scenario = Scenario(id="s", problem=problem, dtype="float64")
    operands = operands_of(problem, "forward")
    whole = reference.result(scenario, operands)

    monkeypatch.setattr(maps, "COLUMN_BYTES", 1)

    torch.testing.assert_close(reference.result(scenario, operands), whole)


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(problem=problems())
@settings(max_examples=20, deadline=None)
def test_usual_elements_are_the_root_mean_squares_over_random_signs(direction, problem):
    """Of an operand of ones with random signs: every S is the same, products are orthogonal."""
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)
    varying = "input" if direction == "forward" else "grad"
    ones = torch.ones_like(getattr(operands, varying))

    usual = usual_elements(scenario, operands, 2.0)
    expected, size = usual.whole(usual.expected), usual.whole(usual.size)

    given = dataclasses.replace(operands, **{varying: 2 * ones})
    magnitude = reference.magnitude(scenario, given)
    torch.testing.assert_close(size.expand(scenario.result_shape), magnitude)
    squares = reference.magnitude(scenario, given.each(torch.square))
    torch.testing.assert_close(expected.expand(scenario.result_shape), squares.sqrt())
    assert torch.equal(size.expand(scenario.result_shape) == 0, magnitude == 0)


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(problem=problems().filter(lambda p: p.batch_size > 0))
@settings(max_examples=40, deadline=None)
def test_the_reach_of_a_transform_is_no_smaller_than_the_direct_magnitude(direction, problem):
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)

    reach = reference.reach(scenario, operands)

    assert bool((reference.magnitude(scenario, operands) <= reach * (1 + 1e-9)).all())


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(problem=problems().filter(lambda p: p.batch_size > 0))
@settings(max_examples=20, deadline=None)
def test_long_kernels_by_transforms_give_what_the_definition_does(direction, problem):
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)
    form, sides = form_of(scenario), sides_of(scenario, operands)
    by_definition = maps.given(form, sides)

    by_transforms = maps.given(dataclasses.replace(form, transforms=True), sides)
    integers = {side: tensor.mul(3).round() for side, tensor in sides.items()}
    exact = maps.given(dataclasses.replace(form, transforms=True), integers)

    torch.testing.assert_close(by_transforms, by_definition)
    assert torch.equal(by_transforms[by_definition == 0], by_definition[by_definition == 0])
    assert torch.equal(exact, maps.given(form, integers))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_projection_sees_through_transforms_of_long_kernels(direction):
    problem = Problem.of_call((2, 6, 700), (6, 1, 300), padding=150, groups=6, bias=True)
    scenario = Scenario(id="s", problem=problem, direction=direction)
    operands = operands_of(problem, direction)
    assert form_of(scenario).transforms
    found = projection.projection(scenario, operands, torch.Generator().manual_seed(1))

    projected = (found.signs * reference.result(scenario, operands)).sum()
    expected = (found.adjoint * operands.varying).sum() + found.offset

    torch.testing.assert_close(projected, expected, atol=1e-8, rtol=1e-9)
