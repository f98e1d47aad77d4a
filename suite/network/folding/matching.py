"""What a node of a graph is: a batch norm, an activation, a sum, a thing without effect."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

_ACTIVATION_MODULES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.SiLU: "silu",
    nn.Hardswish: "hardswish",
    nn.GELU: "gelu",
    nn.Sigmoid: "sigmoid",
}
_ACTIVATIONS: dict[Any, str] = {
    F.relu: "relu",
    F.relu_: "relu",
    torch.relu: "relu",
    torch.relu_: "relu",
    F.relu6: "relu6",
    F.silu: "silu",
    F.hardswish: "hardswish",
    F.gelu: "gelu",
    F.sigmoid: "sigmoid",
    torch.sigmoid: "sigmoid",
    torch.sigmoid_: "sigmoid",
}
_METHODS: dict[Any, str] = {
    name + ending: name for name in ("relu", "sigmoid") for ending in ("", "_")
}
_SUMS = (operator.add, operator.iadd, torch.add)
_SUM_METHODS = ("add", "add_")
_FACTS = ("ndim", "shape", "dtype", "device")
"""Attributes that a convolution's output has in common with what follows it."""
IN_PLACE = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
"""Operators that have a form that writes into their first operand."""
_IN_PLACE_OPERATORS = frozenset(getattr(operator, f"i{name}") for name in IN_PLACE)


def module_of(modules: dict[str, nn.Module], node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls, None where it calls none or one with hooks."""
    if node.op != "call_module":
        return None
    module = modules.get(str(node.target))
    return None if module is None or has_hooks(module) else module


def has_hooks(module: nn.Module) -> bool:
    """Return whether somebody else's code runs when a module is called."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def activation_in(modules: dict[str, nn.Module], node: fx.Node) -> str:
    """Return the activation that a node applies to its first argument, empty if none that fuses."""
    module = module_of(modules, node)
    if module is not None:
        return _activation_of(module)
    options = {name: value for name, value in node.kwargs.items() if name != "inplace"}
    is_exact = options.pop("approximate", "none") == "none"
    others = node.args[1:]
    if not is_exact or options or not all(isinstance(value, bool) for value in others):
        return ""
    names = {"call_method": _METHODS, "call_function": _ACTIVATIONS}.get(node.op, {})
    return names.get(node.target, "")


def _activation_of(module: nn.Module) -> str:
    if isinstance(module, nn.GELU) and module.approximate != "none":
        return ""
    if type(module) is nn.Hardtanh:
        return "relu6" if (module.min_val, module.max_val) == (0.0, 6.0) else ""
    return _ACTIVATION_MODULES.get(type(module), "")


def summands(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """Return the two different nodes that a node adds, None where it does something else."""
    is_sum = (node.op == "call_function" and node.target in _SUMS) or (
        node.op == "call_method" and node.target in _SUM_METHODS
    )
    values = (*node.args, *(node.kwargs[name] for name in ("other",) if name in node.kwargs))
    if not is_sum or node.kwargs.keys() - {"other", "alpha"} or len(values) != 2:
        return None
    first, second = values
    if node.kwargs.get("alpha", 1) != 1 or first is second:
        return None
    if not isinstance(first, fx.Node) or not isinstance(second, fx.Node):
        return None
    return first, second


def changes_in_place(modules: dict[str, nn.Module], node: fx.Node) -> bool:
    """Return whether a node writes into what it is given."""
    if node.op == "call_module":
        module = modules.get(str(node.target))
        if module is None or not type(module).__module__.startswith("torch.nn"):
            return True
        return bool(getattr(module, "inplace", False)) or has_hooks(module)
    if node.op == "call_method":
        name = str(node.target)
        return (name.endswith("_") and not name.endswith("__")) or name == "__setitem__"
    if node.op != "call_function":
        return False
    if node.target in _IN_PLACE_OPERATORS or node.target is operator.setitem:
        return True
    name = getattr(node.target, "__name__", "")
    if isinstance(node.target, torch._ops.OpOverload):
        name = node.target._schema.name
    flags = (*node.args[1:], *node.kwargs.values())
    is_flagged = "out" in node.kwargs or any(flag is True for flag in flags)
    return is_flagged or (name.endswith("_") and not name.endswith("__"))


def is_fact(node: fx.Node) -> bool:
    """Return whether a node asks what all elementwise results have in common: a shape, a type."""
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] in _FACTS
    return node.op == "call_method" and node.target in ("dim", "size")


def is_without_effect(modules: dict[str, nn.Module], node: fx.Node) -> bool:
    """Return whether a node gives back its first argument: an identity, dropout in evaluation."""
    module = module_of(modules, node)
    if module is not None:
        if isinstance(module, nn.modules.dropout._DropoutNd):
            return type(module).__module__.startswith("torch.nn") and not module.training
        return type(module) is nn.Identity
    if node.op == "call_function" and node.target in (F.dropout, F.dropout2d):
        training = node.kwargs.get("training", node.args[2] if len(node.args) > 2 else True)
        return training is False
    return False


def between(first: fx.Node, last: fx.Node) -> Iterator[fx.Node]:
    """Yield the nodes after one and before another, which stands later."""
    node = first.next
    while node is not last:
        yield node
        node = node.next
