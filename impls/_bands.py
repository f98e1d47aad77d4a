"""Matrix products by torch whose outputs are finished band by band, while they are in the caches.

What follows a product, a residual sum and an activation, is a pass over its output. Where that is
larger than a core's cache, the pass reads from memory what was just written to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F

from suite.epilogues import activation_of

BAND_BYTES = 2**20
"""Of outputs: about what cores have for themselves today."""
LEAST_BAND = 256
"""Rows or columns of a product that make a product of its own worth its call."""

_IN_PLACE: dict[str, Callable[[torch.Tensor], object]] = {
    "": lambda z: z,
    "relu": torch.relu_,
    "relu6": lambda z: F.hardtanh_(z, 0.0, 6.0),
    "silu": lambda z: F.silu(z, inplace=True),
    "hardswish": lambda z: F.hardswish(z, inplace=True),
    "gelu": torch.ops.aten.gelu_,
    "sigmoid": torch.sigmoid_,
}


def finish_(y: torch.Tensor, epilogue: str, residual: torch.Tensor | None) -> torch.Tensor:
    """Add a residual of the same shape, if any, and apply the activation, both in place."""
    if residual is not None:
        y.add_(residual)
    _IN_PLACE[activation_of(epilogue)](y)
    return y


def rows_product(
    y: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    bias: torch.Tensor | None,
    epilogue: str,
    residual: torch.Tensor | None,
) -> None:
    """Fill y with A·B + bias, finished, in bands of rows: its channels are columns.

    Shapes: a (M, L), b (L, K), bias (K), y and residual (M, K).
    """
    for band in _bands(y, axis=0):
        rest = None if residual is None else residual[band]
        finish_(_multiply(a[band], b, bias, y[band]), epilogue, rest)


def columns_product(
    y: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    bias: torch.Tensor | None,
    epilogue: str,
    residual: torch.Tensor | None,
) -> None:
    """Fill y with the same in bands of columns: its channels are rows.

    Shapes: a (K, L), b (L, M), bias (K), y and residual (K, M).
    """
    of_rows = None if bias is None else bias.unsqueeze(1)
    for band in _bands(y, axis=1):
        rest = None if residual is None else residual[:, band]
        finish_(_multiply(a, b[:, band], of_rows, y[:, band]), epilogue, rest)


def _multiply(
    a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor | None, y: torch.Tensor
) -> torch.Tensor:
    return torch.mm(a, b, out=y) if bias is None else torch.addmm(bias, a, b, out=y)


def _bands(y: torch.Tensor, axis: int) -> list[slice]:
    """Return the bands of an output along one of its axes, one on a GPU."""
    length = y.shape[axis]
    step_bytes = y.shape[1 - axis] * y.element_size()
    most = max(LEAST_BAND, BAND_BYTES // max(1, step_bytes))
    count = -(-length // most) if y.device.type == "cpu" else 1
    edges = [length * i // max(1, count) for i in range(max(1, count) + 1)]
    return [slice(*both) for both in itertools.pairwise(edges)]
