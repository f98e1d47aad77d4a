"""Epilogues as torch computes them, in place: after a row that does not fuse them, and in float64.

Sources: torch's own definitions; GELU is the exact one, 0.5·z·(1 + erf(z/√2)).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
import torch.nn.functional as F

from suite.epilogues import NONE, activation_of

_IN_PLACE: dict[str, Callable[[torch.Tensor], object]] = {
    "": lambda z: z,
    "relu": torch.relu_,
    "relu6": lambda z: F.hardtanh_(z, 0.0, 6.0),
    "silu": lambda z: F.silu(z, inplace=True),
    "hardswish": lambda z: F.hardswish(z, inplace=True),
    "gelu": torch.ops.aten.gelu_,
    "sigmoid": torch.sigmoid_,
}

_APART: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "": lambda z: z,
    "relu": torch.relu,
    "relu6": F.relu6,
    "silu": F.silu,
    "hardswish": F.hardswish,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
}


def finishing(
    function: Callable[..., Any], fuses: Collection[str], epilogue: str
) -> Callable[..., Any]:
    """Return conv2d's function of seven arguments with an epilogue: fused, or torch's after it.

    It takes a residual as its eighth argument, where one is added.
    """
    if epilogue == NONE:
        return function
    if epilogue in fuses:

        def fused(*arguments: Any) -> Any:
            residual = arguments[7] if len(arguments) > 7 else None
            return function(*arguments[:7], epilogue=epilogue, residual=residual)

        return fused

    def apart(*arguments: Any) -> Any:
        output = function(*arguments[:7])
        # What else it may return is refused by whoever looks at outputs.
        is_tensor = type(output) is torch.Tensor
        return finish_(output, epilogue, *arguments[7:]) if is_tensor else output

    return apart


def finish_(z: torch.Tensor, epilogue: str, residual: torch.Tensor | None = None) -> torch.Tensor:
    """Add a residual, apply the activation, both in place; return the same tensor.

    Shapes: `z` and `residual` alike, of any floating-point type.
    """
    if residual is not None:
        z.add_(residual)
    return activate_(z, epilogue)


def finished(z: torch.Tensor, epilogue: str, residual: torch.Tensor | None = None) -> torch.Tensor:
    """Return what `finish_` does, with gradients; a residual may be of a shape to be broadcast."""
    if residual is not None:
        z = z + residual
    return _APART[activation_of(epilogue)](z)


def activate_(z: torch.Tensor, epilogue: str) -> torch.Tensor:
    """Apply an epilogue's activation in place, if it has one; return the same tensor."""
    _IN_PLACE[activation_of(epilogue)](z)
    return z
