"""How large each element of a result usually is, over many varying operands.

A tap's product is the same wherever it meets a value of the varying operand, so that only where it
does is left to be summed: along each axis apart, and as places at equal distances, so that a
difference of two running sums does it however long a kernel is. Inside of a plane all places meet
the same taps: one of them stands for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from suite.conditions import Scenario
from suite.judge.form import Form, form_of, sides_of
from suite.judge.maps import Change
from suite.judge.meeting import Places, places_met
from suite.operands.tensors import Operands


@dataclass(frozen=True)
class Usual:
    """How large a result's elements usually are: one of all places that are alike.

    Shapes: `expected` and `size` (N', K, …) with the places that differ along each axis, N' = 1
    where all samples are alike.
    """

    expected: torch.Tensor
    """Root mean square."""
    size: torch.Tensor
    """S, no less than its root mean square."""
    alike: tuple[torch.Tensor, ...]
    """For each axis of the result: which of the places here each of its places is like."""

    @property
    def places(self) -> torch.Tensor:
        """How many places each one stands for: shape (1, 1, …)."""
        counts = torch.ones(1, 1, dtype=torch.float64)
        for of in self.alike:
            counts = counts.unsqueeze(-1) * torch.bincount(of)
        return counts

    def whole(self, values: torch.Tensor) -> torch.Tensor:
        """Return values of these places for all places of the result."""
        for axis, of in enumerate(self.alike):
            values = values.index_select(2 + axis, of)
        return values

    def at(self, values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Return values of these places for single elements. Shape: `index` (m, 2 + axes)."""
        sample, channel, *places = index.T
        if values.shape[0] == 1:
            sample = torch.zeros_like(sample)
        kept = (of[place] for of, place in zip(self.alike, places, strict=True))
        return values[(sample, channel, *kept)]


def usual_elements(scenario: Scenario, operands: Operands, varying_rms: float) -> Usual:
    """Return how large each element of the result is over many varying operands, and its S.

    Both are root mean squares, of S no less than that, for independent values of zero mean and of
    root mean square `varying_rms`; exactly 0 where an element sums nothing but padding.
    """
    form = form_of(scenario)
    fixed = sides_of(scenario, operands)[form.fixed]
    met = [_distinct(places_met(form, axis, form.gives, form.fixed)) for axis in range(3)]
    size = _sums_over_ones(form, fixed, torch.Tensor.abs, met) * varying_rms
    square = _sums_over_ones(form, fixed, torch.Tensor.square, met) * varying_rms**2
    if scenario.direction == "forward" and operands.bias is not None:
        bias = operands.bias.double().view(1, -1, 1, 1, 1)
        size, square = size + bias.abs(), square + bias.square()
    axes = scenario.problem.axes
    shape = (*size.shape[:2], *size.shape[5 - axes :])
    alike = tuple(each.alike for each in met[3 - axes :])
    usual = Usual(square.reshape(shape), size.reshape(shape), alike)
    if operands.residual is None:
        return dataclasses.replace(usual, expected=usual.expected.sqrt())
    residual = operands.residual.double()
    return Usual(
        expected=(usual.whole(usual.expected) + residual.square()).sqrt(),
        size=usual.whole(usual.size) + residual.abs(),
        alike=tuple(torch.arange(size) for size in residual.shape[2:]),
    )


@dataclass(frozen=True)
class _Met:
    """What the places along one axis meet, those once that meet the same."""

    places: Places
    alike: torch.Tensor
    """Which of them each place is like."""


def _distinct(places: Places) -> _Met:
    first, last, step = places
    both = torch.stack([first, torch.where(last < first, first - 1, last)], dim=1)
    kept, alike = torch.unique(both, dim=0, return_inverse=True)
    return _Met((kept[:, 0], kept[:, 1], step), alike)


def _sums_over_ones(
    form: Form, fixed: torch.Tensor, change: Change, met: Sequence[_Met]
) -> torch.Tensor:
    """Return A 1: the result without bias for a varying operand of ones and this other, changed.

    Shape: with three axes, places that are alike once; one sample.
    """
    if form.gives == "kernel":
        sums = torch.zeros(fixed.shape[1:], dtype=torch.float64)
        for sample in fixed:
            sums += change(sample.double())
        summed: torch.Tensor = (
            _summed(sums.unsqueeze(0), met).squeeze(0).unflatten(0, (form.groups, -1))
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
    return _summed(kernels.unsqueeze(0), met)


def _summed(sums: torch.Tensor, met: Sequence[_Met]) -> torch.Tensor:
    """Sum (1, C, …) along each axis where there is something to meet: one sum for each target."""
    for axis, each in enumerate(met):
        sums = _progressions(sums, 2 + axis, *each.places)
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
