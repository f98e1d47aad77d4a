"""How large each element of a result usually is, over many varying operands.

A tap's product is the same wherever it meets a value of the varying operand, so that only where it
does is left to be summed: along each axis apart, and as places at equal distances, so that a
difference of two running sums does it however long a kernel is.
"""

from __future__ import annotations

import torch

from suite.conditions import Scenario
from suite.judge.form import Form, form_of, sides_of
from suite.judge.maps import Change
from suite.judge.meeting import places_met
from suite.operands.tensors import Operands


def usual_elements(
    scenario: Scenario, operands: Operands, varying_rms: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how large each element of the result is over many varying operands, and its S.

    Both are root mean squares, of S no less than that, for independent values of zero mean and of
    root mean square `varying_rms`; exactly 0 where an element sums nothing but padding. Shapes: the
    result's, or with a single sample where all are alike.
    """
    form = form_of(scenario)
    fixed = sides_of(scenario, operands)[form.fixed]
    size = _sums_over_ones(form, fixed, torch.Tensor.abs) * varying_rms
    square = _sums_over_ones(form, fixed, torch.Tensor.square) * varying_rms**2
    if scenario.direction == "forward" and operands.bias is not None:
        bias = operands.bias.double().view(1, -1, 1, 1, 1)
        size, square = size + bias.abs(), square + bias.square()
    shape = (size.shape[0], *scenario.result_shape[1:])
    square, size = square.reshape(shape), size.reshape(shape)
    if operands.residual is not None:
        residual = operands.residual.double()
        size, square = size + residual.abs(), square + residual.square()
    return square.sqrt(), size


def _sums_over_ones(form: Form, fixed: torch.Tensor, change: Change) -> torch.Tensor:
    """Return A 1: the result without bias for a varying operand of ones and this other, changed.

    Shape: with three axes; one sample.
    """
    if form.gives == "kernel":
        sums = torch.zeros(fixed.shape[1:], dtype=torch.float64)
        for sample in fixed:
            sums += change(sample.double())
        summed: torch.Tensor = (
            _met(form, sums.unsqueeze(0)).squeeze(0).unflatten(0, (form.groups, -1))
        )
        if form.fixed == "large":  # alike for all small channels of a group, or all large ones
            return summed.repeat_interleave(form.small_per_group, dim=0)
        spread: torch.Tensor = summed.flatten(0, 1).unsqueeze(1)
        return spread.expand(-1, form.large_per_group, -1, -1, -1)
    kernels = change(fixed.double())
    if form.gives == "small":
        kernels = kernels.sum(dim=1)
    else:
        kernels = kernels.unflatten(0, (form.groups, -1)).sum(dim=1).flatten(0, 1)
    return _met(form, kernels.unsqueeze(0))


def _met(form: Form, sums: torch.Tensor) -> torch.Tensor:
    """Sum (1, C, …) along each axis where there is something to meet: one sum for each target."""
    for axis in range(3):
        first, last, step = places_met(form, axis, form.gives, form.fixed)
        sums = _progressions(sums, 2 + axis, first, last, step)
    return sums


def _progressions(
    values: torch.Tensor, axis: int, first: torch.Tensor, last: torch.Tensor, step: int
) -> torch.Tensor:
    """Return for each target the sum of values at first, first + step, … last along an axis.

    No value is negative, so that no difference of running sums is, and sums of nothing are 0.
    """
    length = values.shape[axis]
    rows = -(-max(length, 1) // step)
    padded = values.movedim(axis, -1)
    padded = torch.nn.functional.pad(padded, (0, rows * step - length))
    running = padded.unflatten(-1, (rows, step)).cumsum(dim=-2).flatten(-2)
    running = torch.nn.functional.pad(running, (step, 0))
    there = last >= first
    upper = running[..., torch.where(there, last + step, 0)]
    lower = running[..., torch.where(there, first, 0)]
    return (torch.where(there, upper - lower, 0.0)).movedim(-1, axis)
