"""Copies of a caller's network on which everything is tried: theirs is changed at the end alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils import _pytree

from suite.operands.tensors import FORMATS

Inputs = tuple[Any, ...]
"""What a network is called with."""


class CannotCopy(Exception):
    """A network that cannot be copied; the text says why."""


def twin_of(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, with tensors of its own.

    Raises:
        CannotCopy: what the network holds cannot be copied.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                # The old weight_norm keeps what it computed, which deepcopy refuses.
                memo[id(value)] = value.detach().clone()
    try:
        return copy.deepcopy(model, memo).eval()
    except Exception as error:
        raise CannotCopy(f"{type(error).__name__}: {first_line(error)}") from error


def sharing(model: nn.Module) -> nn.Module:
    """Return a copy whose modules are its own and whose tensors are the original's."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def in_format(model: nn.Module, memory_format: str) -> nn.Module:
    """Take a network to a memory format, its inputs too, in place; its Parameter objects stay."""
    for _, tensor in planes_of(model):
        tensor.data = tensor.data.contiguous(memory_format=FORMATS[memory_format])
    model.register_forward_pre_hook(InputsInFormat(memory_format), with_kwargs=True)
    return model


def planes_of(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield name and tensor of each parameter and buffer that a memory format says something of."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if not is_lazy(tensor) and tensor.dim() == 4:
            yield name, tensor


class InputsInFormat:
    """A hook that converts what the network is called with, as far as that has four dimensions."""

    def __init__(self, memory_format: str) -> None:
        self.memory_format = memory_format

    def __call__(
        self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        memory_format = FORMATS[self.memory_format]

        def converted(value: Any) -> Any:
            if isinstance(value, torch.Tensor) and value.dim() == 4:
                return value.contiguous(memory_format=memory_format)
            return value

        both: tuple[tuple[Any, ...], dict[str, Any]] = _pytree.tree_map(converted, (args, kwargs))
        return both


def run(model: nn.Module, inputs: Inputs, seed: int = 0) -> Any:
    """Return what a network returns without gradients, its random numbers begun from a seed.

    The caller's go on as if nothing had been drawn, and what it writes into its inputs is lost.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model(*copied(inputs))


def copied(inputs: Inputs, change: Callable[[torch.Tensor], torch.Tensor] = torch.clone) -> Inputs:
    """Return inputs with tensors of their own, as `change` makes them."""

    def own(value: Any) -> Any:
        return change(value.detach()) if isinstance(value, torch.Tensor) else value

    both: Inputs = _pytree.tree_map(own, inputs)
    return both


def first_line(error: BaseException) -> str:
    """Return what an error says, as one line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")
