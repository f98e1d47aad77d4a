"""A module's forward as a graph of torch.fx, or why there is none."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import fx, nn

from suite.network.folding.calls import Calls, Uneven
from suite.network.folding.matching import IN_PLACE, has_hooks
from suite.network.twin import first_line

_CONSTANT = "_tensor_constant"
"""What torch.fx calls a tensor that the code makes of nothing."""


class NoGraph(Exception):
    """A forward that cannot be traced; the text says why."""


class _Proxy(fx.Proxy):
    """A value that is not there yet. torch.fx's own takes `x += y` for `x = x + y`.

    Whoever else holds x would then not see the sum.
    """


def _writing(name: str) -> Callable[[_Proxy, Any], fx.Proxy]:
    target = getattr(operator, f"i{name}")

    def write(self: _Proxy, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", target, (self, other), {})

    return write


for _name in IN_PLACE:
    setattr(_Proxy, f"__i{_name}__", _writing(_name))


class _Tracer(fx.Tracer):
    """Looks into every module but torch's own and those with somebody else's hooks."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        if isinstance(module, torch.jit.ScriptModule) or has_hooks(module):
            return True
        return super().is_leaf_module(module, qualified_name)


def graph_of(module: nn.Module, calls: Calls) -> fx.Graph:
    """Return the graph of a module as it is called.

    Raises:
        NoGraph: its code depends on values, or on more than its arguments.
    """
    try:
        fixed = calls.fixed(module)
        graph = _Tracer().trace(module, concrete_args=fixed)
    except Uneven as error:
        raise NoGraph(str(error)) from error
    except Exception as error:  # whatever the module's own code makes of values that are not there
        raise NoGraph(f"{type(error).__name__}: {first_line(error)}") from error
    if constants := [node for node in graph.nodes if _is_constant(node)]:
        raise NoGraph(f"its forward makes tensors of its own, {len(constants)} of them")
    return graph


def _is_constant(node: fx.Node) -> bool:
    return node.op == "get_attr" and str(node.target).rpartition(".")[2].startswith(_CONSTANT)


def targets(graph: fx.Graph, ops: Iterable[str]) -> list[str]:
    """Return what nodes of some kinds name, each once."""
    kinds = tuple(ops)
    return list(dict.fromkeys(str(node.target) for node in graph.nodes if node.op in kinds))
