"""A convolution as one trilinear form, which all kinds and directions are maps of.

A stride has a large side and a small one: a convolution's input and output, a transposed one's
output and input. With `small` and `large` the two sides and w the weight, all kinds are

    Σ small[n, k, s] · large[n, c, s·stride + t·dilation - pad] · w[k, c, t]

over samples n, channels k and c of one group, places s and taps t, one number for each axis, where
the large side is 0 outside of itself. What is computed is the derivative in one of the three:

    gives       is                                  from
    "small"     conv forward, conv_transpose        large, w
                gradient of the input
    "large"     conv_transpose forward, conv        small, w
                gradient of the input
    "kernel"    gradient of the weight              small, large

The judge knows nothing of kinds beyond this: a form always has three axes, of size 1 where a
problem has fewer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch

from suite.conditions import Scenario
from suite.operands.tensors import Operands
from suite.problem import Problem

LONG_KERNEL = 128
"""Along one axis: from here on an FFT is the faster, many times with few channels a group."""

Triple = tuple[int, int, int]
Side = Literal["small", "large", "kernel"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """Sizes along depth, height and width, and what is computed."""

    batch_size: int
    groups: int
    small_channels: int
    large_channels: int
    small: Triple
    large: Triple
    kernel: Triple
    stride: Triple
    dilation: Triple
    pad: Triple
    """Zeros before the large side; those behind follow from the sizes."""
    gives: Side
    varies: Side
    """Which of the others differs from call to call."""
    fixed: Side
    """The third, which stays."""
    transforms: bool = False
    """Whether it is computed by FFT: the kernel is long, and nobody is held to float64."""

    @property
    def covered(self) -> Triple:
        """What the dilated kernel covers."""
        return _triple(
            (size - 1) * step + 1 for size, step in zip(self.kernel, self.dilation, strict=True)
        )

    @property
    def small_per_group(self) -> int:
        return self.small_channels // self.groups

    @property
    def large_per_group(self) -> int:
        return self.large_channels // self.groups

    def shape(self, side: Side) -> tuple[int, int, int, int, int]:
        """Return the shape of a tensor with all three axes."""
        if side == "small":
            return self.batch_size, self.small_channels, *self.small
        if side == "large":
            return self.batch_size, self.large_channels, *self.large
        return self.small_channels, self.large_per_group, *self.kernel


def form_of(scenario: Scenario) -> Form:
    """Return a scenario's form."""
    problem = scenario.problem
    of_input, of_output = _sides(problem)
    maps: dict[str, tuple[Side, Side, Side]] = {
        "forward": (of_output, of_input, "kernel"),
        "backward_data": (of_input, of_output, "kernel"),
        "backward_weight": ("kernel", of_output, of_input),
    }
    gives, varies, fixed = maps[scenario.direction]
    sizes = {of_input: problem.input_size, of_output: problem.output_size}
    channels = {of_input: problem.in_channels, of_output: problem.out_channels}
    return Form(
        batch_size=problem.batch_size,
        groups=problem.groups,
        small_channels=channels["small"],
        large_channels=channels["large"],
        small=_triple(sizes["small"]),
        large=_triple(sizes["large"]),
        kernel=_triple(problem.kernel),
        stride=_triple(problem.stride),
        dilation=_triple(problem.dilation),
        pad=_triple((before for before, _ in problem.pads), absent=0),
        gives=gives,
        varies=varies,
        fixed=fixed,
        transforms=max(problem.kernel) >= LONG_KERNEL and scenario.dtype != "float64",
    )


def sides_of(scenario: Scenario, operands: Operands) -> dict[Side, torch.Tensor]:
    """Return the operands by their side of the form, as views with three axes.

    Forward has two of them, small or large and the kernel; backward has all three.
    """
    of_input, of_output = _sides(scenario.problem)
    sides: dict[Side, torch.Tensor] = {
        of_input: with_three_axes(operands.input),
        "kernel": with_three_axes(operands.weight),
    }
    if operands.grad is not None:
        sides[of_output] = with_three_axes(operands.grad)
    return sides


def with_three_axes(tensor: torch.Tensor) -> torch.Tensor:
    """Return (N, C, …) as (N, C, D, H, W), with axes of size 1 in front of the others."""
    while tensor.dim() < 5:
        tensor = tensor.unsqueeze(2)
    return tensor


def _sides(problem: Problem) -> tuple[Side, Side]:
    """Return the sides of the input and of the output."""
    return ("small", "large") if problem.is_transposed else ("large", "small")


def _triple(sizes: Iterable[int], absent: int = 1) -> Triple:
    """Return a number for each of three axes, where there may be fewer."""
    last = tuple(sizes)
    depth, height, width = (absent,) * (3 - len(last)) + last
    return depth, height, width
