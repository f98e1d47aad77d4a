"""How a convolution module calls `conv2d`: its padding as numbers, or applied before the call."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from suite.epilogues import NONE
from suite.geometry import Shape
from suite.kinds import Pair
from suite.modules.fused import epilogue_of
from suite.problem import Problem

Sides = tuple[int, int, int, int]
"""(left, right, top, bottom), as `F.pad` takes them."""

DTYPES = {torch.float32: "float32", torch.float64: "float64"}
"""What rows compute in; everything else stays torch's."""
NAMES = frozenset(("stride", "padding", "dilation", "groups", "padding_mode"))
"""Attributes of a module that its arguments follow from."""


class Arguments(NamedTuple):
    """What a module gives `conv2d` beside its tensors, and what it pads the input with before."""

    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int
    sides: Sides | None = None
    """None where conv2d pads."""
    mode: str = "constant"

    @property
    def of_conv2d(self) -> tuple[Pair, Pair, Pair, int]:
        """(stride, padding, dilation, groups)"""
        return self[:4]

    def padded(self, input: torch.Tensor) -> torch.Tensor:
        return input if self.sides is None else F.pad(input, self.sides, self.mode)

    def padded_shape(self, input_shape: Shape) -> Shape:
        left, right, top, bottom = self.sides or (0, 0, 0, 0)
        n, c, h, w = input_shape
        return n, c, h + top + bottom, w + left + right


def arguments_of(module: nn.Conv2d) -> Arguments:
    """Return how a module calls `conv2d`, with the meaning that torch gives its padding."""
    dilation = _pair(module.dilation)
    padding, sides, mode = (0, 0), None, "constant"
    if module.padding_mode != "zeros":
        # Even where it pads by nothing: it may still change the memory format.
        left, right, top, bottom = module._reversed_padding_repeated_twice
        sides, mode = (left, right, top, bottom), module.padding_mode
    elif module.padding == "same":
        kernel_h, kernel_w = module.kernel_size
        total_h, total_w = dilation[0] * (kernel_h - 1), dilation[1] * (kernel_w - 1)
        padding = total_h // 2, total_w // 2
        if total_h % 2 or total_w % 2:
            sides = (padding[1], total_w - padding[1], padding[0], total_h - padding[0])
            padding = (0, 0)
    elif not isinstance(module.padding, str):
        padding = _pair(module.padding)
    return Arguments(_pair(module.stride), padding, dilation, module.groups, sides, mode)


def as_called(module: nn.Conv2d, input_shape: Shape) -> Problem:
    """Return the problem that rows solve when a module gets an input of shape (N, C, H, W).

    Explicit padding is applied already, and part of its height and width.

    Raises:
        UsageError: the module cannot take such an input.
    """
    arguments = arguments_of(module)
    problem = Problem.of_call(
        arguments.padded_shape(input_shape),
        tuple(module.weight.shape),
        bias=module.bias is not None,
        stride=arguments.stride,
        padding=arguments.padding,
        dilation=arguments.dilation,
        groups=arguments.groups,
    )
    epilogue = epilogue_of(module)
    return problem if epilogue == NONE else dataclasses.replace(problem, epilogue=epilogue)


def _pair(value: int | tuple[int, ...]) -> Pair:
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second
