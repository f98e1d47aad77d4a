"""What these tests compare with: float64, and the suite's own gates."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from suite.conditions import Scenario
from suite.judge import reference
from suite.judge.gates import judge_output
from suite.judge.tolerance import Tolerance
from suite.operands.tensors import Operands
from suite.problem import Problem
from suite.registry import registering, sources

DTYPES = {"float32": torch.float32, "float64": torch.float64}
SLOW_IN_FLOAT64 = (
    "depthwise",
    "grouped",
    "loops_blocked",
    "direct_packed",
    "winograd_tile4",
    "winograd_tile6",
    "winograd_tile8",
)
"""Numba takes half a minute of a core for each kernel of theirs, and as long again for float64."""
TREE = Path(__file__).resolve().parents[2]


def implementations() -> list[registering.Implementation]:
    """Return everything that the modules of impls/ register for conv2d."""
    return [entry for entry in all_implementations() if "conv2d" in entry.kinds]


def all_implementations() -> list[registering.Implementation]:
    """Return everything that the modules of impls/ register, for whatever kind."""
    for source in sources.builtin_sources(TREE):
        sources.load(source)
    return [
        entry for entry in registering.registered() if Path(entry.source).parent.name == "impls"
    ]


def draw(problem: Problem, dtype: torch.dtype = torch.float32, seed: int = 0):
    """Return (input, weight, bias or None) with the problem's shapes."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    bias = normal(problem.out_channels) if problem.bias else None
    return normal(*problem.input_shape), normal(*problem.weight_shape), bias


def call(entry, problem: Problem, input, weight, bias) -> torch.Tensor:
    """Return what an implementation answers, its weight prepared where it asks for that."""
    if entry.prepare:
        weight = entry.prepare(weight, problem)
    return entry.function(
        input, weight, bias, problem.stride, problem.padding, problem.dilation, problem.groups
    )


def exact(problem: Problem, input, weight, bias) -> torch.Tensor:
    return F.conv2d(
        input.double(),
        weight.double(),
        None if bias is None else bias.double(),
        problem.stride,
        problem.padding,
        problem.dilation,
        problem.groups,
    )


def magnitude(scenario: Scenario, tolerance: Tolerance, operands: Operands) -> torch.Tensor:
    if tolerance.is_norm_wise and reference.shows_too_little(scenario.problem):
        return reference.reach(scenario, operands)
    return reference.magnitude(scenario, operands)


def worst_ratio(entry, problem: Problem, output, input, weight, bias) -> float:
    """Return the largest error over what the suite's gates allow an implementation of that family.

    Elements and norm alike: the larger of the two shares.
    """
    expected = exact(problem, input, weight, bias)
    assert output.shape == expected.shape
    assert output.dtype == input.dtype
    scenario = Scenario(id="test", problem=problem, dtype=str(output.dtype).removeprefix("torch."))
    tolerance = Tolerance(scenario, entry.family, entry.error_factor, entry.precision)
    size = magnitude(scenario, tolerance, Operands(input, weight, bias))
    judgement = judge_output("normal", tolerance, output, expected, size)
    share = judgement.residuals.worst_error_ratio
    if judgement.fault and share <= 1:  # by the norm, then
        share = judgement.residuals.rel_l2_error / tolerance.rel_l2_limit
    return share
