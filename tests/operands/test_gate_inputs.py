"""Streams never repeat and never degenerate; gate inputs are what their names say."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from suite.conditions import Scenario
from suite.operands import gate_inputs
from suite.operands.shared import SharedOperands
from suite.operands.tensors import Operands
from suite.problem import Problem
from suite.processes.shared_memory import OperandLayout, ResultLayout, SharedMemory, map_shared


@pytest.fixture
def shared_operands_of():
    memories = []

    def make(scenario: Scenario) -> SharedOperands:
        memories.append(SharedMemory(OperandLayout(scenario).size_bytes))
        return SharedOperands(scenario, memories[-1].path, writable=True)

    yield make
    for shared in memories:
        shared.close()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_streams_give_finite_signed_values_between_a_quarter_and_two(
    shared_operands_of, scenario, dtype
):
    tensors = shared_operands_of(dataclasses.replace(scenario, dtype=dtype))
    tensors.stream.draw(torch.Generator().manual_seed(1))
    operand = torch.empty_like(tensors.operands.input)

    tensors.stream.fill(operand, (17, 4000))

    size = operand.abs().double()
    assert bool(torch.isfinite(size).all())
    assert float(size.min()) >= 0.25
    assert float(size.max()) < 2
    assert bool((operand > 0).any())
    assert bool((operand < 0).any())


def test_streams_have_the_root_mean_square_that_the_judge_reckons_with(
    shared_operands_of, scenario
):
    wide = dataclasses.replace(scenario.problem, height=200, width=200)
    tensors = shared_operands_of(dataclasses.replace(scenario, problem=wide))
    tensors.stream.draw(torch.Generator().manual_seed(1))
    operand = torch.empty_like(tensors.operands.input)

    tensors.stream.fill(operand, (17, 4000))

    rms = float(operand.double().square().mean().sqrt())
    assert rms == pytest.approx(tensors.stream.rms, rel=0.01)
    assert abs(float(operand.double().mean())) < 0.01


def test_different_starts_give_operands_that_share_no_value_pattern(shared_operands_of, scenario):
    tensors = shared_operands_of(scenario)
    tensors.stream.draw(torch.Generator().manual_seed(1))
    first, second, shifted = (torch.empty_like(tensors.operands.input) for _ in range(3))

    tensors.stream.fill(first, (5, 9))
    tensors.stream.fill(second, (5, 10))
    tensors.stream.fill(shifted, (6, 9))

    assert float((first == second).double().mean()) < 0.05
    assert float((first.flatten()[1:] == shifted.flatten()[:-1]).double().mean()) < 0.05


def test_the_same_start_gives_the_same_operand_in_either_memory_format(
    shared_operands_of, scenario
):
    tensors = shared_operands_of(scenario)
    tensors.stream.draw(torch.Generator().manual_seed(1))
    wide = torch.empty_like(tensors.operands.input, memory_format=torch.channels_last)
    again = torch.empty_like(wide)

    tensors.stream.fill(wide, (1, 2))
    tensors.stream.fill(again, (1, 2))

    assert torch.equal(wide, again)


def test_integer_inputs_sum_exactly_in_float16_however_long_the_sum(problem):
    long = dataclasses.replace(problem, in_channels=2048, groups=1, kernel_h=3, height=9)
    scenario = Scenario(id="s", problem=long, dtype="float16")
    operands = gate_inputs.Operands(
        torch.empty(long.input_shape, dtype=torch.float16),
        torch.empty(long.weight_shape, dtype=torch.float16),
    )
    gate_inputs.draw("integer", scenario, operands, torch.Generator().manual_seed(0))

    sums = torch.nn.functional.conv2d(operands.input.double().abs(), operands.weight.double().abs())
    assert float(sums.max()) < 2**11


def test_shared_memory_vanishes_with_its_owner():
    with SharedMemory(4096) as shared:
        memory = map_shared(shared.path, 4096, writable=True)
        memory[0] = 7
        path = shared.path
    with pytest.raises(OSError, match=r".*"):
        map_shared(path, 4096, writable=True)
    memory.close()


def test_what_is_mapped_for_reading_refuses_to_be_written():
    with SharedMemory(4096) as shared:
        memory = map_shared(shared.path, 4096, writable=False)
        with pytest.raises(TypeError, match=r"readonly|read-only"):
            memory[0] = 7
        memory.close()


@pytest.mark.parametrize("direction", ["forward", "backward_data", "backward_weight"])
def test_no_two_regions_of_a_layout_overlap(scenario, direction):
    scenario = dataclasses.replace(scenario, direction=direction)
    operands, results = OperandLayout(scenario), ResultLayout(scenario)
    for layout, regions in (
        (operands, [operands.input, operands.weight, operands.bias, operands.grad]),
        (operands, [operands.stream_a, operands.stream_b]),
        (results, [results.slot(index) for index in range(results.slots)]),
        (results, [results.input, results.weight, results.bias, results.slot(0)]),
    ):
        spans = sorted((r.start, r.start + r.size_bytes) for r in regions if r.size_bytes)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
        assert spans[-1][1] <= layout.size_bytes


@pytest.mark.parametrize("channels", [1, 257, 3000])
def test_large_sums_fit_into_float16_however_long_they_are(channels):
    problem = Problem.of_call((2, channels, 9, 9), (8, channels, 3, 3))
    scenario = Scenario(id="s", problem=problem, dtype="float16")
    operands = Operands(
        torch.empty(problem.input_shape, dtype=torch.float16),
        torch.empty(problem.weight_shape, dtype=torch.float16),
    )
    gate_inputs.draw("large", scenario, operands, torch.Generator().manual_seed(0))
    sums = torch.nn.functional.conv2d(operands.input.float(), operands.weight.float())
    assert sums.half().isfinite().all()
    assert operands.input.std() > 3
