"""What stands around a function that computes 16-bit types in float32."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.problem import Problem
from suite.registry import registering
from suite.registry.registering import register

PROBLEM = Problem.of_call((2, 3, 6, 5), (4, 3, 3, 3), padding=(1, 1))
seen: list[torch.dtype] = []


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(registering, "_registered", {})
    seen.clear()


def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve by torch what comes."""
    seen.extend(tensor.dtype for tensor in (input, weight, bias) if tensor is not None)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def registered(**declared):
    register("mine", via_float32=True, **declared)(convolve)
    return registering.get("mine")


def operands(dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = PROBLEM.input_shape, PROBLEM.weight_shape, (PROBLEM.out_channels,)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def test_one_word_adds_both_types_to_what_is_declared():
    assert registered().dtypes == ("float32", "float64", "float16", "bfloat16")
    assert registering.get("mine").why_unsupported(
        Scenario(id="s", problem=PROBLEM, dtype="bfloat16")
    ) is None  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_function_sees_float32_and_the_result_is_rounded_once(dtype):
    own = registered().of_kind("conv2d", str(dtype).removeprefix("torch."))
    x, w, b = operands(dtype)
    y = own.function(x, w, b, 1, 1)
    assert set(seen) == {torch.float32}
    assert torch.equal(y, F.conv2d(x.float(), w.float(), b.float(), padding=1).to(dtype))


def test_float32_is_called_with_nothing_in_between():
    entry = registered()
    assert entry.of_kind("conv2d", "float32") is entry
    assert entry.function is convolve


def test_the_weight_is_converted_when_it_is_packed_and_not_again():
    packed_types = []
    entry = registered(prepare=lambda weight, problem: packed_types.append(weight.dtype) or weight)
    own = entry.of_kind("conv2d", "float16")
    x, w, _ = operands(torch.float16)
    packed = own.prepare(w, PROBLEM)
    for _ in range(2):
        own.function(x, packed, None, 1, 1)
    assert packed_types == [torch.float32]


def test_operands_of_two_types_are_refused():
    own = registered(prepare=lambda weight, problem: weight).of_kind("conv2d", "float16")
    x, w, b = operands(torch.float16)
    packed = own.prepare(w, PROBLEM)
    for changed in (
        (x.bfloat16(), packed, None),
        (x, packed, b.float()),
        (x.float(), packed, None),
        (x, w.bfloat16(), None),
    ):
        with pytest.raises(Unsupported, match=r"^packed for type torch\.\w+; got a (weight|bias)"):
            own.function(*changed)


def test_the_memory_format_is_the_functions():
    own = registered().of_kind("conv2d", "bfloat16")
    x, w, _ = operands(torch.bfloat16)
    y = own.function(x.contiguous(memory_format=torch.channels_last), w, None, 1, 1)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_gradients_come_through_the_conversions():
    own = registered().of_kind("conv2d", "bfloat16")
    x, w, _ = operands(torch.bfloat16)
    own.function(x.requires_grad_(), w, None, 1, 1).float().sum().backward()
    assert x.grad.dtype is torch.bfloat16


@pytest.mark.parametrize("answer", [None, "text", torch.zeros(2, dtype=torch.float64)])
def test_what_is_no_result_in_float32_is_left_to_whoever_looks_at_outputs(answer):
    register("odd", via_float32=True)(lambda input, weight, *_, **__: answer)
    own = registering.get("odd").of_kind("conv2d", "float16")
    x, w, _ = operands(torch.float16)
    assert own.function(x, w) is answer
