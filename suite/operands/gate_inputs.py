"""Gate inputs: data with a purpose, each kind made to show one sort of fault."""

from __future__ import annotations

import math

import torch

from suite.input_kinds import SPECIAL_KINDS
from suite.operands.streams import BITS, PIECE_ELEMENTS
from suite.operands.tensors import Operands
from suite.problem import Scenario

STREAM_RMS = math.sqrt(49 / 48)
"""Root mean square of what a stream fills an operand with: a mantissa of mean square 7/3 times an
exponent's 1, 1/4 or 1/16. Signs are random, each value is independent of the others."""


def _transposed(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values with rows and columns exchanged in memory."""
    if tensor.dim() != 4:
        return tensor
    return tensor.transpose(2, 3).contiguous().transpose(2, 3)


def _expanded(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values as a view that overlaps itself; they were drawn to allow it."""
    return tensor[:1].expand_as(tensor) if tensor.dim() == 4 and len(tensor) else tensor


VIEWS = {"transposed": _transposed, "expanded": _expanded}
"""Kinds of gate input that are about memory, not values: how the operands are handed over."""


def draw(kind: str, scenario: Scenario, into: Operands, generator: torch.Generator) -> None:
    """Fill the shared dense tensors with gate inputs of one kind.

    integer: small integers whose sums are exact in any order, so that direct methods must be
        bit-equal; sparse where long sums would not fit.
    normal, uniform: the usual.
    large: magnitudes near the square root of the range, where transforms overflow first.
    spiked: normal with a few values 10⁴ times as large, which norm-wise bounds cannot hide.
    nan, inf: normal with one such value in the varying operand.
    transposed, expanded: normal, handed over as views; for expanded all samples are alike.
    """
    scale = 2.0**5 if scenario.dtype == "float16" else 2.0**40
    varying = into.input if into.grad is None else into.grad
    for tensor in (into.input, into.weight, into.bias, into.grad):
        if tensor is None or tensor.numel() == 0:
            continue
        if kind == "integer":
            _draw_integers(tensor, scenario, generator)
        elif kind == "uniform":
            tensor.uniform_(-1, 1, generator=generator)
        else:
            tensor.normal_(generator=generator)
            if kind == "large":
                tensor.mul_(scale)
            elif kind == "spiked" and scenario.dtype != "float16":
                indices = torch.randint(0, tensor.numel(), (3,), generator=generator)
                tensor.view(-1)[indices] *= 1e4
            elif kind == "expanded" and tensor.dim() == 4:
                tensor.copy_(tensor[:1].clone().expand_as(tensor))
            elif kind in SPECIAL_KINDS and tensor is varying:
                index = torch.randint(0, tensor.numel(), (1,), generator=generator)
                tensor.view(-1)[index] = float(kind)


def _draw_integers(tensor: torch.Tensor, scenario: Scenario, generator: torch.Generator) -> None:
    exact = 2 ** (BITS[scenario.dtype].mantissa + 1)
    density = exact / (9 * max(scenario.reduction_length, 1))
    for piece in tensor.view(-1).split(PIECE_ELEMENTS):
        piece.copy_(torch.randint(-3, 4, piece.shape, generator=generator))
        if density < 1:
            keep = torch.rand(piece.shape, generator=generator) < density
            piece.mul_(keep.to(tensor.dtype))
