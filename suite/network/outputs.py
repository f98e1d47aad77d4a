"""What a network returns: the tensors in it, and how far those are from what they should be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

MOST_DEPTH = 20
"""Of what is nested in each other; beyond it something holds itself."""


def tensors_in(output: Any, depth: int = 0) -> Iterator[torch.Tensor]:
    """Yield the tensors in an output: dicts, lists, tuples and dataclasses are looked through."""
    if isinstance(output, torch.Tensor):
        yield output
        return
    if depth > MOST_DEPTH:
        return
    inside: Any = ()
    if isinstance(output, Mapping):
        inside = output.values()
    elif isinstance(output, (list, tuple)):
        inside = output
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        inside = (getattr(output, field.name) for field in dataclasses.fields(output))
    for value in inside:
        yield from tensors_in(value, depth + 1)


def numbers_in(output: Any) -> list[torch.Tensor]:
    """Return the tensors in an output that rounding may change: those of a floating-point type."""
    return [tensor.detach() for tensor in tensors_in(output) if tensor.is_floating_point()]


def rel_l2_error(got: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Return the relative L2 error of some tensors together; infinite where shapes differ.

    Where what is expected is no finite number, the other has to be the same.
    """
    if [tensor.shape for tensor in got] != [tensor.shape for tensor in expected]:
        return math.inf
    error, size = 0.0, 0.0
    for own, right in ((a.double(), b.double()) for a, b in zip(got, expected, strict=True)):
        finite = torch.isfinite(right)
        if not torch.equal(own[~finite].nan_to_num(), right[~finite].nan_to_num()):
            return math.inf
        error += float((own[finite] - right[finite]).square().sum())
        size += float(right[finite].square().sum())
    if not math.isfinite(error):
        return math.inf
    return math.sqrt(error / size) if size else (0.0 if error == 0 else math.inf)
