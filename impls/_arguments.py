"""What every implementation does with conv2d's arguments before its own idea starts."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch

from suite import Problem
from suite.errors import UsageError

Pair = tuple[int, int]


def pair(value: int | Sequence[int]) -> Pair:
    """Return (rows, columns) of an argument that conv2d takes as one number or two."""
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second


def problem_of(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
) -> Problem:
    """Return the problem that a call with these arguments solves.

    Raises:
        UsageError: the shapes do not fit together.
    """
    pairs = pair(stride), pair(padding), pair(dilation)
    bias_shape = None if bias is None else tuple(bias.shape)
    return _problem(tuple(input.shape), tuple(weight.shape), bias_shape, *pairs, groups)


# Checking the sizes takes longer than the smallest convolutions do.
@functools.lru_cache(maxsize=1024)
def _problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Problem:
    wanted = weight_shape[:1]
    if bias_shape not in (None, wanted):
        # One number would be broadcast, and compiled code reads past the end of fewer.
        raise UsageError(
            f"the bias has shape {bias_shape}; {weight_shape[0]} output channels need {wanted}"
        )
    return Problem.of_call(
        input_shape,
        weight_shape,
        bias=bias_shape is not None,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def add_bias(output: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return `output` (N, K, P, Q) plus `bias` (K), in place where autograd need not know."""
    if bias is None:
        return output
    column = bias.view(1, -1, 1, 1)
    if torch.is_grad_enabled() and (output.requires_grad or bias.requires_grad):
        return output + column
    return output.add_(column)
