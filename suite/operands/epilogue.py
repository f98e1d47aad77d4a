"""Epilogues as torch computes them, in place: after a row that does not fuse them, and in float64.

Sources: torch's own definitions; GELU is the exact one, 0.5·z·(1 + erf(z/√2)).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from suite.epilogues import activation_of

_IN_PLACE: dict[str, Callable[[torch.Tensor], object]] = {
    "": lambda z: z,
    "relu": torch.relu_,
    "relu6": lambda z: F.hardtanh_(z, 0.0, 6.0),
    "silu": lambda z: F.silu(z, inplace=True),
    "hardswish": lambda z: F.hardswish(z, inplace=True),
    "gelu": torch.ops.aten.gelu_,
    "sigmoid": torch.sigmoid_,
}


def finish_(z: torch.Tensor, epilogue: str, residual: torch.Tensor | None = None) -> torch.Tensor:
    """Add a residual, apply the activation, both in place; return the same tensor.

    Shapes: `z` and `residual` alike, of any floating-point type.
    """
    if residual is not None:
        z.add_(residual)
    return activate_(z, epilogue)


def activate_(z: torch.Tensor, epilogue: str) -> torch.Tensor:
    """Apply an epilogue's activation in place, if it has one; return the same tensor."""
    _IN_PLACE[activation_of(epilogue)](z)
    return z
