"""A convolution as a value that mistakes can be made in, and its result in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F

from suite.messages.lessons import Operation
from suite.problem import Problem

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Call:
    """The operands and arguments of a convolution."""

    operation: Operation
    x: torch.Tensor
    """(N, C, H, W), or the output's gradient (N, K, P, Q) in the backward direction."""
    w: torch.Tensor
    """(K, C/g, R, S)"""
    b: torch.Tensor | None
    """(K)"""
    stride: Pair
    sides: Sides
    """Padding: top, bottom, left, right."""
    dilation: Pair
    groups: int
    plane: Pair
    """Rows and columns that the result ought to have."""

    @classmethod
    def of(
        cls,
        problem: Problem,
        operation: Operation,
        x: torch.Tensor,
        w: torch.Tensor,
        b: torch.Tensor | None,
    ) -> Self:
        forward = operation == "forward"
        return cls(
            operation=operation,
            x=x.double(),
            w=w.double(),
            b=None if b is None else b.double(),
            stride=(problem.stride_h, problem.stride_w),
            sides=(problem.pad_top, problem.pad_bottom, problem.pad_left, problem.pad_right),
            dilation=(problem.dilation_h, problem.dilation_w),
            groups=problem.groups,
            plane=(problem.out_h, problem.out_w) if forward else (problem.height, problem.width),
        )

    def padded(self) -> torch.Tensor:
        top, bottom, left, right = self.sides
        return F.pad(self.x, (left, right, top, bottom))

    def result(self) -> torch.Tensor:
        """Return the result in float64.

        Raises:
            RuntimeError: the operands do not fit together, as a mistake may have left them.
        """
        if self.operation == "forward":
            arguments = self.stride, 0, self.dilation, self.groups
            return F.conv2d(self.padded(), self.w, self.b, *arguments)
        # Each element of the output's gradient is sent back to all inputs of its window.
        y = F.conv_transpose2d(self.x, self.w, None, self.stride, 0, 0, self.groups, self.dilation)
        top, _, left, _ = self.sides
        rows, columns = self.plane
        missing = max(0, top + rows - y.shape[2]), max(0, left + columns - y.shape[3])
        y = F.pad(y, (0, missing[1], 0, missing[0]))
        return y[:, :, top : top + rows, left : left + columns]
