"""Where the sides of a form meet, along one axis: for each place of one, which of another.

They are always places at equal distances: a first, a last and a step between them.
"""

from __future__ import annotations

import math

import torch

from suite.judge.form import Form, Side

Places = tuple[torch.Tensor, torch.Tensor, int]
"""First and last place of a progression for each target, and its step; none where last < first."""


def places_met(form: Form, axis: int, target: Side, of: Side) -> Places:
    """Return for each place of a target the places of another side that it meets.

    A target is small or large, of the kernel, or the kernel, of either of those.
    """
    if target == "small":
        return _taps_of_small(form, axis)
    if target == "large":
        return _taps_of_large(form, axis)
    return _large_of_tap(form, axis) if of == "large" else _small_of_tap(form, axis)


def _clamped(low: torch.Tensor, high: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return low.clamp(min=0), high.clamp(max=size - 1)


def _floor(values: torch.Tensor, divisor: int) -> torch.Tensor:
    return values.div(divisor, rounding_mode="floor")


def _taps_of_small(form: Form, axis: int) -> Places:
    """The taps by which each place of the small side meets the large one."""
    at = torch.arange(form.small[axis]) * form.stride[axis] - form.pad[axis]
    dilation = form.dilation[axis]
    low, high = -_floor(at, dilation), _floor(form.large[axis] - 1 - at, dilation)
    return *_clamped(low, high, form.kernel[axis]), 1


def _taps_of_large(form: Form, axis: int) -> Places:
    """The taps by which each place of the large side meets the small one: each stride-th or so."""
    stride, dilation = form.stride[axis], form.dilation[axis]
    at = torch.arange(form.large[axis]) + form.pad[axis]
    common = math.gcd(stride, dilation)
    step = stride // common
    # For each residue of the stride the least tap that falls upon it, -1 where none does.
    least = torch.full((stride,), -1)
    for tap in range(step):
        least[tap * dilation % stride] = tap
    residue = least[at % stride]
    low = -_floor((form.small[axis] - 1) * stride - at, dilation)
    low, high = _clamped(low, _floor(at, dilation), form.kernel[axis])
    first = residue - _floor(residue - low, step) * step
    last = residue + _floor(high - residue, step) * step
    return first, torch.where(residue < 0, -1, last), step


def _small_of_tap(form: Form, axis: int) -> Places:
    """The places of the small side that meet the large one at each tap."""
    stride = form.stride[axis]
    at = torch.arange(form.kernel[axis]) * form.dilation[axis] - form.pad[axis]
    low, high = -_floor(at, stride), _floor(form.large[axis] - 1 - at, stride)
    return *_clamped(low, high, form.small[axis]), 1


def _large_of_tap(form: Form, axis: int) -> Places:
    """The places of the large side that meet the small one at each tap."""
    first, last, _ = _small_of_tap(form, axis)
    at = torch.arange(form.kernel[axis]) * form.dilation[axis] - form.pad[axis]
    stride = form.stride[axis]
    return first * stride + at, torch.where(last < first, -1, last * stride + at), stride
