"""Whether a call is a plain one: nothing around it, or about its tensors, wants torch's own code.

Modes, transforms, tracing and autocast see operators of torch, and would miss what a row computes.
Many have no public way to ask for them; those used here are in torch from 2.6 on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad

from suite.modules.arguments import DTYPES

try:
    from torch._C._dynamo.guards import TensorGuards
except ImportError:  # not a public name: see `_GuardInPython`
    TensorGuards = None  # type: ignore[assignment, misc]

Guard = Callable[..., bool]
"""Takes tensors, returns whether they, and their surroundings, are as they once were."""


def wants_torch() -> bool:
    """Return whether something is active that watches, changes or forbids operators."""
    return bool(
        torch._C._len_torch_dispatch_stack()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._is_any_autocast_enabled()
        or torch._C._get_tracing_state() is not None
        or wants_torch_unguarded()
    )


def wants_torch_unguarded() -> bool:
    """Return `wants_torch`, as far as no guard sees it."""
    return bool(
        torch._C._len_torch_function_stack()
        or torch._C._get_deterministic_algorithms()
        or forward_ad._current_level >= 0
    )


def needs_gradients(*tensors: torch.Tensor | None) -> bool:
    """Return whether autograd would record a call with these tensors."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def is_plain(tensor: torch.Tensor) -> bool:
    """Return whether a tensor is its memory, strided, on the CPU, and nothing more."""
    return (
        tensor.layout is torch.strided
        and tensor.is_cpu
        and tensor.dtype in DTYPES
        and not tensor.is_neg()
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )


def guard_on(*tensors: torch.Tensor) -> Guard:
    """Return a guard on the tensors' types, dtypes, shapes, strides, kinds, and on all modes.

    `wants_torch` must not hold when it is made. Some 0.3 µs a call, where asking torch for as much
    takes 2: it is the check by which compiled graphs know their inputs.
    """
    if TensorGuards is None:
        return _GuardInPython(tensors)
    guards = TensorGuards(*tensors, dynamic_dims_sizes=None, dynamic_dims_strides=None)
    check: Guard = guards.check
    return check


class _GuardInPython:
    """What `TensorGuards` does, for a torch without it."""

    def __init__(self, tensors: tuple[torch.Tensor, ...]) -> None:
        self._facts = [_facts(tensor) for tensor in tensors]

    def __call__(self, *tensors: torch.Tensor) -> bool:
        return not wants_torch() and [_facts(tensor) for tensor in tensors] == self._facts


def _facts(tensor: torch.Tensor) -> tuple[Any, ...]:
    # Tensors that are not plain may have no strides to ask for.
    if not isinstance(tensor, torch.Tensor) or not is_plain(tensor):
        return (None,)
    kind = type(tensor), tensor.dtype, tensor.is_inference(), tensor.requires_grad
    return *kind, tensor.shape, tensor.stride()
