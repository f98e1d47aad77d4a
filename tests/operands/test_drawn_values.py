"""Operands of other values than normal ones are what their names say, and fresh in every call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.conditions import Scenario
from suite.operands import gate_inputs
from suite.operands.streams import Stream
from suite.operands.tensors import DTYPES, Operands
from suite.operands.values import BITS, Stored, stored_of
from suite.problem import Problem
from suite.processes.shared_memory import STREAM_SLACK
from suite.values import AS_ASKED, DENORMAL, NORMAL, SPARSE, TRAINED, VALUES, ZEROS

COUNT = 40_000
OTHERS = tuple(name for name in VALUES if name != NORMAL)


def stream_of(values: str, dtype: str = "float32", stored: torch.Tensor | None = None) -> Stream:
    integer = BITS[DTYPES[dtype]].integer
    a, b = (torch.empty(COUNT + STREAM_SLACK, dtype=integer) for _ in range(2))
    stream = Stream(DTYPES[dtype], a, b, values, is_stored=stored is not None)
    stream.draw(torch.Generator().manual_seed(1), stored)
    return stream


def operand_of(stream: Stream, start: tuple[int, int] = (17, 4000), dtype: str = "float32"):
    operand = torch.empty(COUNT, dtype=DTYPES[dtype])
    stream.fill(operand, start)
    assert stream.made(operand, start)
    return operand


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_denormal_operands_are_all_below_the_least_normal_number_and_none_is_zero(dtype):
    size = operand_of(stream_of(DENORMAL, dtype), dtype=dtype).double().abs()

    assert float(size.max()) < torch.finfo(DTYPES[dtype]).tiny
    assert float(size.min()) >= torch.finfo(DTYPES[dtype]).tiny / 2


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_nine_of_ten_sparse_operands_are_exactly_zero(dtype):
    operand = operand_of(stream_of(SPARSE, dtype), dtype=dtype)

    assert float((operand == 0).double().mean()) == pytest.approx(0.9, abs=0.01)
    assert float(operand.double().abs().max()) < 2
    assert float(operand[operand != 0].double().abs().min()) >= 0.25


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_heavy_tailed_operands_have_few_large_values(dtype):
    size = operand_of(stream_of(TRAINED, dtype), dtype=dtype).double().abs()

    # Student's t with 4 degrees of freedom: half are below 0.741, 1 in 26 above 3.
    assert float(size.median()) == pytest.approx(0.74, abs=0.06)
    assert 0.005 < float((size > 4).double().mean()) < 0.03
    assert 16 < float(size.max()) < 64


def test_zeros_are_zeros():
    assert not operand_of(stream_of(ZEROS)).any()


@pytest.mark.parametrize("values", [TRAINED, DENORMAL, SPARSE])
def test_another_start_gives_another_operand(values):
    stream = stream_of(values)
    first, second, third = (operand_of(stream, at) for at in ((5, 9), (5, 10), (6, 9)))

    for other in (second, third):
        assert float(((first == other) & (first != 0)).double().mean()) < 0.02
    assert not stream.made(first, (5, 10))


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_judge_reckons_with_the_right_root_mean_square(values, dtype):
    stream = stream_of(values, dtype)
    operand = operand_of(stream, dtype=dtype).double()

    rms = float(operand.square().mean().sqrt())
    assert rms == pytest.approx(stream.rms, rel=0.1 if values == TRAINED else 0.04)
    assert abs(float(operand.mean())) <= 0.02 * rms


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_stored_values_keep_zeros_signs_and_nearly_their_size_and_differ_from_call_to_call(dtype):
    stored = torch.randn(1000, generator=torch.Generator().manual_seed(2)).relu()
    stream = stream_of(TRAINED, dtype, stored.to(DTYPES[dtype]))
    first, second = (operand_of(stream, (0, at), dtype=dtype) for at in (3, 4))

    kept = stored.to(DTYPES[dtype]).repeat(COUNT // 1000)
    assert torch.equal(first == 0, kept == 0)
    ratio = (first.double() / kept.double())[kept != 0]
    assert float(ratio.max()) <= 1
    assert float(ratio.min()) > 0.87
    assert float((first != second)[kept != 0].double().mean()) > 0.6
    assert stream.rms == pytest.approx(float(kept.double().square().mean().sqrt()), rel=0.05)


PROBLEM = Problem.of_call((2, 3, 5, 4), (6, 3, 3, 3), bias=True)


def drawn(stored: Stored = gate_inputs.NOTHING, **conditions: str) -> Operands:
    scenario = Scenario(id="t/one", problem=PROBLEM, **conditions)
    operands = Operands(torch.empty(2, 3, 5, 4), torch.empty(6, 3, 3, 3), torch.empty(6))
    generator = torch.Generator().manual_seed(3)
    gate_inputs.draw(AS_ASKED, scenario, operands, generator, stored)
    return operands


def test_inputs_and_weights_are_drawn_apart_and_the_bias_goes_with_the_weight():
    operands = drawn(values=ZEROS, weight_values=DENORMAL)

    assert not operands.input.any()
    for tensor in (operands.weight, operands.bias):
        assert float(tensor.abs().max()) < torch.finfo(torch.float32).tiny
        assert bool((tensor != 0).all())


@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_what_was_stored_is_drawn_in_the_order_in_which_it_lay(tmp_path, memory_format):
    x = torch.randn(2, 3, 5, 4)
    lay = (x if memory_format == "contiguous" else x.movedim(1, -1)).reshape(-1)
    weight, bias = torch.randn(6, 3, 3, 3), torch.randn(6)
    path = tmp_path / "layer.npz"
    np.savez(path, input=lay.numpy(), weight=weight.numpy(), bias=bias.numpy())
    conditions = {"values": TRAINED, "weight_values": TRAINED, "memory_format": memory_format}
    scenario = Scenario(id="t/one", problem=PROBLEM, stored_values=str(path), **conditions)

    operands = drawn(stored_of(scenario, torch.float32), **conditions)

    assert torch.equal(operands.input, x)
    assert torch.equal(operands.weight, weight)
    assert torch.equal(operands.bias, bias)


def test_nothing_is_read_unless_trained_values_are_wanted(tmp_path):
    missing = str(tmp_path / "none.npz")
    scenario = Scenario(id="t/one", problem=PROBLEM, values=ZEROS, stored_values=missing)
    assert stored_of(scenario, torch.float32) == Stored()


def test_stored_values_that_are_no_numbers_in_the_scenarios_type_are_refused(tmp_path: Path):
    path = tmp_path / "layer.npz"
    np.savez(path, input=np.full(4, 1e30, "float32"))
    scenario = Scenario(id="t/one", problem=PROBLEM, values=TRAINED, stored_values=str(path))

    assert stored_of(scenario, torch.float32).input is not None
    with pytest.raises(ValueError, match="input holds what is no number in"):
        stored_of(scenario, torch.float16)
