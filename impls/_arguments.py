"""What every implementation does with torch's arguments before its own idea starts."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch

from suite import Problem
from suite.errors import UsageError
from suite.kinds import Sizes, each_axis

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
    output_padding: int | Sequence[int] | None = None,
) -> Problem:
    """Return the problem that a call with these arguments solves.

    Args:
        output_padding: of a transposed convolution; None where it is none.

    Raises:
        UsageError: the shapes do not fit together.
    """
    axes = input.dim() - 2
    settings = each_axis(stride, axes), each_axis(padding, axes), each_axis(dilation, axes)
    longer = None if output_padding is None else each_axis(output_padding, axes)
    bias_shape = None if bias is None else tuple(bias.shape)
    shapes = tuple(input.shape), tuple(weight.shape), bias_shape
    return _problem(*shapes, *settings, groups, longer)


# Checking the sizes takes longer than the smallest convolutions do.
@functools.lru_cache(maxsize=1024)
def _problem(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    bias_shape: tuple[int, ...] | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    output_padding: Sizes | None,
) -> Problem:
    channels = weight_shape[0] if output_padding is None else weight_shape[1] * groups
    wanted = (channels,)
    if bias_shape not in (None, wanted):
        # One number would be broadcast, and compiled code reads past the end of fewer.
        raise UsageError(
            f"the bias has shape {bias_shape}; {channels} output channels need {wanted}"
        )
    return Problem.of_call(
        input_shape,
        weight_shape,
        bias=bias_shape is not None,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        transposed=output_padding is not None,
        output_padding=output_padding or 0,
    )


def per_channel(values: torch.Tensor, axes: int) -> torch.Tensor:
    """Return one value a channel (K) as (1, K, 1, …), to be used with a tensor of so many axes."""
    return values.view(1, -1, *(1 for _ in range(axes)))


def add_bias(output: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return `output` (N, K, …) plus `bias` (K), in place where autograd need not know."""
    if bias is None:
        return output
    column = per_channel(bias, output.dim() - 2)
    if torch.is_grad_enabled() and (output.requires_grad or bias.requires_grad):
        return output + column
    return output.add_(column)
