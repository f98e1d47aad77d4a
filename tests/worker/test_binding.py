"""How a backward pass is computed: by autograd where gradients flow, else by forward passes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from suite.conditions import Scenario
from suite.judge.reference import result
from suite.operands.tensors import Operands
from suite.problem import Problem
from suite.registry.implementation import Implementation
from suite.worker.binding import bind

CONV = torch.library.Library("convgauge_tests", "DEF")
CONV.define("without_gradient(Tensor x, Tensor w, int[2] padding) -> Tensor")


def below_autograd(x, w, padding):
    with torch._C._AutoDispatchBelowAutograd():
        return F.conv2d(x, w, None, 1, padding)


CONV.impl("without_gradient", below_autograd, "CPU")


def through_an_operator_without_gradient(input, weight, bias=None, stride=1, padding=0, *_):
    return torch.ops.convgauge_tests.without_gradient(input, weight, padding)


def through_numpy(input, weight, bias=None, stride=1, padding=0, *_):
    input.numpy(), weight.numpy()
    return F.conv2d(input, weight, bias, stride, padding)


@pytest.mark.parametrize("direction", ["backward_data", "backward_weight"])
@pytest.mark.parametrize(
    ("function", "way"),
    [
        (F.conv2d, "autograd"),
        (through_numpy, "forward convolutions"),
        (through_an_operator_without_gradient, "forward convolutions"),
    ],
)
@pytest.mark.filterwarnings("ignore:convgauge_tests")
def test_gradients_come_by_autograd_only_where_they_flow(direction, function, way):
    problem = Problem(
        batch_size=2,
        in_channels=3,
        height=6,
        width=5,
        out_channels=4,
        kernel_h=3,
        kernel_w=3,
        pad_top=1,
        pad_bottom=1,
    )
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    generator = torch.Generator().manual_seed(0)

    def normal(shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    operands = Operands(
        normal(problem.input_shape),
        normal(problem.weight_shape),
        grad=normal(problem.output_shape),
    )
    implementation = Implementation(name="f", family="direct", function=function, source="f.py")

    with torch.no_grad():
        invocation = bind(implementation, scenario, operands)
        got = invocation.call(operands.grad)

    assert way in invocation.note
    torch.testing.assert_close(got, result(scenario, dataclasses.replace(operands)))
