"""Where one NaN or infinity of the input must be found in an output, where it may, and as what.

A sum of one infinity times a weight and of finite numbers is that infinity with the product's sign,
in whatever order it is summed; infinity times zero, and infinities of both signs, make NaN, as NaN
itself does. So much is held against every implementation that sums directly.

A transform (FFT, Winograd) adds an infinity to itself and subtracts it, which makes NaN, and an
approximated weight does so too. Where bounds are norm-wise for that reason (`Tolerance`: families
fft, winograd and auto, an `error_factor` above 1, precision "approximate") whatever is not finite
counts. So it does on CUDA for vendors' libraries and engines that declare a `nan_policy` wider than
the receptive field: they choose an algorithm call by call, and do not say which.

An epilogue's activation is applied to that: ReLU of -infinity is 0, of NaN it is NaN. Vendors'
libraries and engines may answer 0 to NaN there, as oneDNN does, whose ReLU is a maximum. SiLU,
Hardswish and GELU of -infinity are 0 by their limits and NaN by their formulas: whatever comes out
will do. GELU of infinity is infinity or, as torch computes it with AVX-512, NaN.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F

from suite.conditions import Scenario
from suite.epilogues import EXACT, activation_of
from suite.judge.form import with_three_axes
from suite.judge.reference import result
from suite.judge.tolerance import Tolerance
from suite.operands.epilogue import activate_
from suite.operands.tensors import Operands
from suite.problem import Problem

_WIDER_POLICIES = {"receptive_field": '"tile" or "plane"', "tile": '"plane"'}
TILE_REACH = 8
"""Output rows and columns around a receptive field that share a Winograd tile with it, at most."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """What non-finite values of the operands make of a result. Shapes: all the result's."""

    must: torch.Tensor
    """Whether the sum contains one."""
    may: torch.Tensor
    """Whether a method that keeps to the receptive field may spoil it all the same."""
    value: torch.Tensor
    """What the sum is where it must, in float64: infinity, its negative or NaN."""
    nan_will_do: bool = False
    """Whether NaN may stand in infinity's place."""


def spread_of(scenario: Scenario, operands: Operands) -> Spread:
    """Return where the operands' non-finite values get to, and as what.

    In the weight's gradient the whole output channel may be spoilt: every tap meets every gradient,
    some of them with padding only (a gradient far out in the padding meets nothing else), and a
    product with padding is NaN where padding is materialised and nothing where it is skipped.
    """
    marked = operands.each(lambda tensor: ~torch.isfinite(tensor))
    every = operands.each(lambda tensor: torch.ones((), dtype=torch.bool).expand(tensor.shape))
    signs = operands.each(lambda tensor: torch.where(tensor.isinf(), tensor.sign(), 0))
    if scenario.direction == "forward":
        ones = dataclasses.replace(every, input=marked.input)
        products = dataclasses.replace(operands.each(torch.sign), input=signs.input)
        ones, products = (
            dataclasses.replace(fields, bias=of.bias, residual=of.residual)
            for fields, of in ((ones, marked), (products, signs))
        )
    else:
        ones = dataclasses.replace(every, grad=marked.grad)
        products = dataclasses.replace(operands.each(torch.sign), grad=signs.grad)
    contained = result(scenario, ones)
    balance = result(scenario, products)
    value = torch.where(balance.abs() == contained, balance * math.inf, math.nan)
    must = contained > 0
    may = must
    if scenario.direction == "backward_weight":
        assert marked.grad is not None
        may = _channels_alike(scenario.problem, marked.grad, must)
    return Spread(must, may, value)


def _channels_alike(problem: Problem, marked: torch.Tensor, must: torch.Tensor) -> torch.Tensor:
    """Return what of the weight's gradient belongs to the channels of a marked output's gradient.

    A transposed weight's output channels stand second, those of a group alone.
    """
    spoilt = marked.movedim(1, 0).flatten(1).any(dim=1)
    if problem.is_transposed:
        by_group = spoilt.view(problem.groups, 1, -1)
        alike = by_group.expand(-1, problem.in_channels // problem.groups, -1).flatten(0, 1)
    else:
        alike = spoilt.view(-1, 1)
    return alike.view(*alike.shape, *(1 for _ in range(problem.axes))).expand_as(must)


def spread_fault(
    kind: str, limits: Tolerance, policy: str, output: torch.Tensor, spread: Spread
) -> str | None:
    """Return how a NaN or infinity of the input spread otherwise than declared, if it did.

    Args:
        limits: what the implementation is held to.
        policy: "receptive_field": to the sums that contain it and no other; "tile": also to
            their neighbours; "plane": to the whole of the same channels' planes, or samples.
        output: of the spread's shape.
    """
    spoilt = ~torch.isfinite(output)
    spread = _activated(spread, limits)
    must = spread.must
    if lost := int((must & ~spoilt & ~torch.isfinite(spread.value)).sum()):
        return f"{kind} inputs: {lost} of {int(must.sum())} sums that contain it came out finite"
    is_due = kind == "nan" or _sums_directly(limits, policy)
    if is_due and (fault := _value_fault(kind, output, spread)):
        return fault
    if beyond := int((spoilt & ~_allowed(policy, spread.may)).sum()):
        return (
            f"{kind} inputs: it spoilt {beyond} results beyond its {policy.replace('_', ' ')}; "
            f"declare nan_policy={_WIDER_POLICIES[policy]} if the algorithm has to"
        )
    return None


def _activated(spread: Spread, limits: Tolerance) -> Spread:
    """Return what an activation makes of it, less what it leaves open."""
    epilogue = limits.scenario.problem.epilogue
    activation = activation_of(epilogue)
    if not activation:
        return spread
    must = spread.must
    if activation not in EXACT:  # their formulas have ∞·0 there, or ∞/∞
        must = must & ~(spread.value == -math.inf)
    if activation in EXACT and limits.family in ("vendor", "engine"):
        must = must & ~spread.value.isnan()
    value = activate_(spread.value.clone(), epilogue)
    return Spread(must, spread.may, value, nan_will_do=activation == "gelu")


def _sums_directly(limits: Tolerance, policy: str) -> bool:
    """Return whether the implementation claims to sum products as they are."""
    chosen_unseen = limits.scenario.on_cuda and limits.family in ("vendor", "engine")
    return not limits.is_norm_wise and not (chosen_unseen and policy != "receptive_field")


def _value_fault(kind: str, output: torch.Tensor, spread: Spread) -> str | None:
    got = output.double()
    right = (got == spread.value) | (got.isnan() & (spread.value.isnan() | spread.nan_will_do))
    wrong = (spread.must & ~right).nonzero()
    if not len(wrong):
        return None
    index = tuple(wrong[0].tolist())
    return (
        f"{kind} inputs: {len(wrong)} of {int(spread.must.sum())} sums that contain it came out as "
        f"another value; [{', '.join(map(str, index))}] is {float(got[index])}, expected "
        f"{float(spread.value[index])}"
    )


def _allowed(policy: str, may: torch.Tensor) -> torch.Tensor:
    if policy == "plane":
        return torch.ones_like(may)
    if policy == "receptive_field" or not may.numel():
        return may
    near = with_three_axes(may).float()
    for axis in range(3):
        if near.shape[2 + axis] > 1:
            reach = [TILE_REACH if other == axis else 0 for other in range(3)]
            near = F.max_pool3d(near, [2 * size + 1 for size in reach], 1, reach)
    return (near > 0).any(dim=1, keepdim=True).expand_as(near).view(may.shape)
