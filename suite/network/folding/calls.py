"""How each module of a network is called: which of its arguments are no tensors, and what they are.

A graph is of one way of calling: arguments that steer the code (flags, None for what is left out)
are part of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from suite.network.twin import Inputs, run

PLAIN = (bool, int, float, str, type(None))
Fixed = dict[str, Any]
"""Parameter of a forward → what it is in every call; parameters that get tensors are not in it."""


class Uneven(Exception):
    """A module that is called in several ways."""


class Calls:
    """One pass through a network, seen module by module."""

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        self._ways: dict[int, list[Fixed]] = {}
        handles = [
            module.register_forward_pre_hook(self._noting(module), with_kwargs=True)
            for module in model.modules()
            if not isinstance(module, torch.jit.ScriptModule)
        ]
        try:
            run(model, inputs)
        finally:
            for handle in handles:
                handle.remove()

    def fixed(self, module: nn.Module) -> Fixed:
        """Return what of a module's arguments is the same in every call.

        Raises:
            Uneven: it is not called, or in ways that differ.
        """
        ways = self._ways.get(id(module), [])
        if not ways:
            raise Uneven("it is not called with these inputs")
        if any(way != ways[0] for way in ways):
            raise Uneven("it is called in ways that differ in more than their tensors")
        return ways[0]

    def _noting(self, module: nn.Module) -> Callable[..., None]:
        signature = inspect.signature(module.forward)

        def note(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._ways.setdefault(id(module), []).append(_fixed(signature, args, kwargs))

        return note


def _fixed(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Fixed:
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:  # the call itself will say so
        return {}
    bound.apply_defaults()
    return {name: value for name, value in bound.arguments.items() if isinstance(value, PLAIN)}
