"""Gates that look at some elements and a projection of all: as sharp as those that see each."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from suite.conditions import Scenario
from suite.judge import reference, sampled
from suite.judge.tolerance import Tolerance
from suite.operands.gate_inputs import draw
from suite.operands.tensors import DTYPES, Operands
from suite.problem import Problem

PROBLEMS = {
    "plain": Problem.of_call((2, 16, 30, 31), (16, 16, 3, 3), padding=(1, 1), bias=True),
    "grouped": Problem.of_call(
        (1, 8, 20, 20), (8, 4, 3, 3), stride=(2, 2), groups=2, dilation=(2, 2)
    ),
    "kernel beyond the plane": Problem.of_call((1, 4, 3, 3), (8, 4, 5, 5), padding=(2, 2)),
    "nothing but padding": Problem.of_call((1, 2, 3, 3), (4, 2, 1, 1), padding=(4, 4)),
}
DIRECTIONS = ("forward", "backward_data", "backward_weight")


def operands_for(scenario: Scenario, kind: str) -> Operands:
    problem, dtype = scenario.problem, DTYPES[scenario.dtype]
    forward = scenario.direction == "forward"
    operands = Operands(
        torch.empty(problem.input_shape, dtype=dtype),
        torch.empty(problem.weight_shape, dtype=dtype),
        torch.empty(problem.out_channels, dtype=dtype) if problem.bias and forward else None,
        None if forward else torch.empty(problem.output_shape, dtype=dtype),
    )
    draw(kind, scenario, operands, torch.Generator().manual_seed(3))
    return operands


def scenario_of(problem: Problem, direction: str = "forward", dtype: str = "float32") -> Scenario:
    if direction != "forward":
        problem = dataclasses.replace(problem, bias=False)
    return Scenario(id="t/a", problem=problem, direction=direction, dtype=dtype)


def judged(scenario, kind, change, *, family="direct", error_factor=1.0, elements=200):
    operands = operands_for(scenario, kind)
    sample = sampled.draw(scenario, kind, operands, elements, torch.Generator().manual_seed(5))
    output = reference.result(scenario, operands).to(DTYPES[scenario.dtype])
    limits = Tolerance(scenario, family=family, error_factor=error_factor)
    return sampled.judge(sample, limits, change(output.clone()))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("kind", ["integer", "normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_what_is_right_passes(name, direction, kind, dtype):
    scenario = scenario_of(PROBLEMS[name], direction, dtype)
    verdict = judged(scenario, kind, lambda output: output)
    assert verdict.fault is None
    assert verdict.residuals.worst_error_ratio <= 1


def one_element(output):
    output.view(-1)[output.numel() // 2 + 1] += 5.0
    return output


def one_plane(output):
    output[-1, -1] = 0
    return output


def last_column(output):
    output[..., -1] = 0
    return output


def all_a_little(output):
    return output * 1.001


FAULTS = [one_element, one_plane, last_column, all_a_little, lambda output: output * float("nan")]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kind", ["integer", "normal"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_caught_though_few_elements_are_looked_at(direction, kind, fault):
    scenario = scenario_of(PROBLEMS["plain"], direction)
    verdict = judged(scenario, kind, fault, elements=64)
    assert verdict.fault is not None
    assert verdict.fault.startswith(f"{kind} inputs: ")


@pytest.mark.parametrize("family", ["fft", "winograd"])
@pytest.mark.parametrize("kind", ["integer", "normal"])
def test_a_transform_is_allowed_its_own_error_and_no_more(family, kind):
    scenario = scenario_of(PROBLEMS["plain"])
    noise = torch.randn(scenario.result_shape, generator=torch.Generator().manual_seed(1)) * 1e-6

    assert judged(scenario, kind, lambda y: y + noise, family=family, error_factor=4).fault is None
    assert judged(scenario, kind, one_plane, family=family, error_factor=4).fault is not None


def test_the_worst_element_is_named_where_it_lies():
    scenario = scenario_of(PROBLEMS["plain"])

    def shifted(output):
        output[1, 3] += 7.0
        return output

    worst = judged(scenario, "normal", shifted, elements=4096).residuals.worst
    assert worst.index[:2] == (1, 3)
    assert worst.got - worst.expected == pytest.approx(7.0, abs=1e-3)
