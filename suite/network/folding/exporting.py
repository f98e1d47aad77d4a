"""A network's graph by torch.export, where its code depends on the shapes of what it is given.

Its code runs for once, with tensors that have shapes and no values: what it decides by shapes is
decided then, so that the graph is one for these shapes. What it calls comes out as operators; those
of modules whose weights they read are put back to calls of these modules.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree

from suite.network.folding.matching import has_hooks
from suite.network.folding.tracing import NoGraph
from suite.network.twin import Inputs, copied, first_line

aten = torch.ops.aten

_FUNCTIONS: dict[Any, tuple[Callable[..., Any], dict[str, Any]]] = {
    aten.add.Tensor: (operator.add, {}),
    aten.add_.Tensor: (operator.iadd, {}),
    aten.relu.default: (F.relu, {}),
    aten.relu_.default: (torch.relu_, {}),
    aten.relu6.default: (F.relu6, {}),
    aten.relu6_.default: (F.relu6, {"inplace": True}),
    aten.silu.default: (F.silu, {}),
    aten.silu_.default: (F.silu, {"inplace": True}),
    aten.hardswish.default: (F.hardswish, {}),
    aten.hardswish_.default: (F.hardswish, {"inplace": True}),
    aten.sigmoid.default: (torch.sigmoid, {}),
    aten.sigmoid_.default: (torch.sigmoid_, {}),
    aten.gelu.default: (F.gelu, {}),
    aten.dropout.default: (F.dropout, {}),
}
"""Operator → what a trace would call in its place, with options."""
_RELU6: dict[Any, dict[str, Any]] = {
    aten.hardtanh.default: {},
    aten.hardtanh_.default: {"inplace": True},
}
_OF_MODULES: dict[Any, type[nn.Module]] = {
    aten.conv2d.default: nn.Conv2d,
    aten.linear.default: nn.Linear,
}
"""Operator → the class whose forward it is, if the module's own weights go in."""
_ASSERTIONS = (aten._assert_tensor_metadata.default,)


def exported_graph(model: nn.Module, inputs: Inputs) -> tuple[fx.Graph, tuple[str, ...]]:
    """Return the graph of a network for inputs of these shapes, and the names of its arguments.

    Raises:
        NoGraph: it has none, or one that says more than calls of operators.
    """
    if not all(isinstance(value, torch.Tensor) for value in inputs):
        raise NoGraph("an argument is no tensor")
    if any(has_hooks(module) for module in model.modules()):
        raise NoGraph("a module has hooks, which would be part of the graph")
    names = _names_of(model, len(inputs))
    try:
        with torch.no_grad():
            program = torch.export.export(model, copied(inputs), strict=False)
    except Exception as error:  # whatever its code makes of tensors without values
        raise NoGraph(f"{type(error).__name__}: {first_line(error)}") from error
    return _Rewriting(model, program, names).graph(), names


def _names_of(model: nn.Module, count: int) -> tuple[str, ...]:
    """Return what a network's forward calls its first arguments.

    Raises:
        NoGraph: they have no names of their own.
    """
    given = list(inspect.signature(model.forward).parameters.values())[:count]
    named = [p.name for p in given if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(named) != count:
        raise NoGraph("its forward does not name its arguments")
    return tuple(named)


class _Rewriting:
    """Makes a graph of calls of modules and functions of an exported one."""

    def __init__(
        self, model: nn.Module, program: torch.export.ExportedProgram, names: tuple[str, ...]
    ) -> None:
        self._program = program
        self._modules = dict(model.named_modules())
        self._names = iter(names)
        self._graph = fx.Graph()
        self._new: dict[fx.Node, fx.Node] = {}
        """Node of the exported graph → the one here."""
        self._paths: dict[fx.Node, str] = {}
        """Node that stands for a parameter or buffer → its path."""

    def graph(self) -> fx.Graph:
        signature = self._program.graph_signature
        if any(spec.kind is not OutputKind.USER_OUTPUT for spec in signature.output_specs):
            raise NoGraph("it writes into what it keeps, or into what it is given")
        specs = iter(signature.input_specs)
        for node in self._program.graph.nodes:
            if node.op == "placeholder":
                self._take_input(node, next(specs))
            elif node.op == "output":
                self._finish(node)
            elif node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
                self._take_operator(node)
            else:
                raise NoGraph(f"its graph has {node.op} {node.target} in it")
        self._graph.lint()
        return self._graph

    def _take_input(self, node: fx.Node, spec: Any) -> None:
        if spec.kind is InputKind.USER_INPUT:
            self._new[node] = self._graph.placeholder(next(self._names))
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            self._paths[node] = spec.target
        else:
            raise NoGraph("its forward makes tensors of its own")

    def _take_operator(self, node: fx.Node) -> None:
        if node.target in _ASSERTIONS:
            return
        path = self._module_called(node)
        if path is not None:
            self._new[node] = self._graph.call_module(path, (self._mapped(node.args[0]),))
            return
        target: Any = node.target
        args, options = node.args, dict(node.kwargs)
        if target in _RELU6 and args[1:] == (0.0, 6.0):
            target, args, options = F.relu6, args[:1], {**options, **_RELU6[target]}
        elif target in _FUNCTIONS and options.get("alpha", 1) == 1:
            target, more = _FUNCTIONS[target]
            options.pop("alpha", None)
            options |= more
        self._new[node] = self._graph.call_function(
            target, self._mapped(args), self._mapped(options)
        )

    def _module_called(self, node: fx.Node) -> str | None:
        """Return the path of the module whose forward an operator is, None where it is no one's."""
        if node.target is aten.batch_norm.default:
            return self._batch_norm_called(node)
        kind = _OF_MODULES.get(node.target)
        weight, *rest = (*node.args[1:], None)
        path, module = self._owner(weight, "weight")
        if kind is None or type(module) is not kind or path is None:
            return None
        assert isinstance(module, nn.Conv2d | nn.Linear)
        if rest[0] is None:
            has_own_bias = module.bias is None
        else:
            has_own_bias = self._owner(rest[0], "bias") == (path, module)
        if not has_own_bias or node.kwargs:
            return None
        if isinstance(module, nn.Conv2d) and not _is_call_of(module, rest[1:-1]):
            return None
        return path

    def _batch_norm_called(self, node: fx.Node) -> str | None:
        roles = ("weight", "bias", "running_mean", "running_var")
        path, module = self._owner(node.args[3], "running_mean")
        if type(module) is not nn.BatchNorm2d or module.training or path is None:
            return None
        for role, tensor in zip(roles, node.args[1:5], strict=True):
            is_there = getattr(module, role) is not None
            if self._owner(tensor, role) != ((path, module) if is_there else (None, None)):
                return None
        return path if node.args[5] is False and node.args[7] == module.eps else None

    def _owner(self, node: object, role: str) -> tuple[str | None, nn.Module | None]:
        """Return path and module of which a node is the tensor of this name."""
        path = self._paths.get(node, "") if isinstance(node, fx.Node) else ""
        owner, _, name = path.rpartition(".")
        return (owner, self._modules[owner]) if owner and name == role else (None, None)

    def _finish(self, node: fx.Node) -> None:
        spec = self._program.call_spec.out_spec
        assert spec is not None
        output = _pytree.tree_unflatten(list(node.args[0]), spec)  # type: ignore[arg-type]
        try:
            self._graph.output(self._mapped(output))
        except (NotImplementedError, TypeError) as error:
            kind = type(output).__name__
            raise NoGraph(f"it returns a {kind}, which a graph cannot say") from error

    def _mapped(self, value: Any) -> Any:
        """Return arguments with this graph's nodes."""
        return fx.node.map_arg(value, self._node_for)

    def _node_for(self, node: fx.Node) -> fx.Node:
        if node not in self._new:  # a parameter or a buffer, named where it is first read
            self._new[node] = self._graph.get_attr(self._paths[node])
        return self._new[node]


def _is_call_of(conv: nn.Conv2d, given: list[Any]) -> bool:
    """Return whether stride, padding, dilation and groups are a module's own."""
    usual: list[Any] = [[1, 1], [0, 0], [1, 1], 1]
    stride, padding, dilation, groups = [*given, *usual[len(given) :]]
    return (
        conv.padding_mode == "zeros"
        and tuple(stride) == conv.stride
        and tuple(padding) == conv.padding
        and tuple(dilation) == conv.dilation
        and groups == conv.groups
    )
