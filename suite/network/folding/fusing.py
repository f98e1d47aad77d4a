"""The rewriting of a graph: batch norms into weights, sums and activations into convolutions.

A node goes into the convolution before it where that is the only one that gives to it and it the
only one that takes: what else reads the value between them keeps both as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import fx, nn

from suite.epilogues import epilogue_of
from suite.modules.fused import fused_from
from suite.modules.refusals import why_not
from suite.network.folding.matching import (
    activation_in,
    between,
    changes_in_place,
    is_fact,
    is_without_effect,
    module_of,
    summands,
)

BATCH_NORM = "bn"


@dataclass
class Fusion:
    """A convolution of the graph, and what became part of it."""

    node: fx.Node
    conv: nn.Conv2d
    weight: torch.Tensor
    bias: torch.Tensor | None
    folded: list[str] = field(default_factory=list)
    """Batch norm, sum, activation, in that order."""
    residual: fx.Node | None = None
    activation: str = ""

    @property
    def epilogue(self) -> str:
        return epilogue_of(adds=self.residual is not None, activation=self.activation)


@dataclass(frozen=True)
class Fused:
    """What is left of a graph."""

    modules: Mapping[str, nn.Module]
    """Target of a node → the module to call there."""
    folded: Mapping[str, tuple[str, ...]]
    """Target of a convolution → what became part of it."""


def fuse(root: nn.Module, graph: fx.Graph) -> Fused:
    """Change a graph in place."""
    modules = dict(root.named_modules(remove_duplicate=False))
    _remove_idle(modules, graph)
    fusions = [
        fusion for node in list(graph.nodes) if (fusion := _fusion_at(modules, node)) is not None
    ]
    for fusion in fusions:
        _take_batch_norm(modules, root, graph, fusion)
    for fusion in reversed(fusions):  # of two that are added, the later one takes the sum
        _take_sum(modules, graph, fusion)
        _take_activation(modules, graph, fusion)
    made: dict[str, nn.Module] = {}
    folded: dict[str, tuple[str, ...]] = {}
    changed = {fusion.node for fusion in fusions if fusion.folded}
    kept = {node.target for node in graph.nodes if node.op == "call_module"} & {
        node.target for node in graph.nodes if node not in changed
    }
    for fusion in fusions:
        if not fusion.folded:
            continue
        target = _free(str(fusion.node.target), {*made, *kept}, modules)
        made[target] = fused_from(fusion.conv, fusion.weight, fusion.bias, fusion.epilogue)
        folded[target] = tuple(fusion.folded)
        fusion.node.target = target
    graph.lint()
    return Fused(made, folded)


def _free(target: str, taken: set[str], modules: Mapping[str, nn.Module]) -> str:
    """Return a target that no other node has: a module that is called twice becomes two."""
    number, free = 1, target
    while free in taken or (number > 1 and free in modules):
        number += 1
        free = f"{target}__{number}"
    return free


def _remove_idle(modules: dict[str, nn.Module], graph: fx.Graph) -> None:
    """Take out identities, dropout, and assertions on the shapes of convolutions' outputs."""
    for node in list(graph.nodes):
        if is_fact(node) and not node.users:
            graph.erase_node(node)
    for node in list(graph.nodes):
        if is_without_effect(modules, node) and isinstance(node.args[0], fx.Node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.op == "call_function" and node.target is torch._assert and not node.users:
            condition = node.args[0]
            if isinstance(condition, fx.Node) and _is_of_a_convolution(modules, condition):
                graph.erase_node(node)
                _erase_unused(graph, condition)


def _is_of_a_convolution(modules: dict[str, nn.Module], condition: fx.Node) -> bool:
    """Return whether a condition is about the number of dimensions behind a convolution."""
    facts = condition.all_input_nodes
    return (
        bool(facts)
        and len(condition.users) == 1
        and all(is_fact(fact) and len(fact.users) == 1 for fact in facts)
        and all(isinstance(module_of(modules, f.all_input_nodes[0]), nn.Conv2d) for f in facts)
    )


def _erase_unused(graph: fx.Graph, node: fx.Node) -> None:
    givers = node.all_input_nodes
    graph.erase_node(node)
    for giver in givers:
        if not giver.users and is_fact(giver):
            graph.erase_node(giver)


def _fusion_at(modules: dict[str, nn.Module], node: fx.Node) -> Fusion | None:
    conv = module_of(modules, node)
    if type(conv) is not nn.Conv2d or why_not(conv) or len(node.args) != 1 or node.kwargs:
        return None
    bias = None if conv.bias is None else conv.bias.detach()
    return Fusion(node, conv, conv.weight.detach(), bias)


def _only_taker(node: fx.Node) -> fx.Node | None:
    """Return the only node that reads a node's value, None where there are none or several."""
    takers = [taker for taker in node.users if not is_fact(taker)]
    return takers[0] if len(takers) == len(node.users) == 1 else None


# -- batch norm ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Norm:
    """A batch norm in evaluation mode."""

    mean: torch.Tensor
    variance: torch.Tensor
    weight: torch.Tensor | None
    bias: torch.Tensor | None
    eps: float


def _take_batch_norm(
    modules: dict[str, nn.Module], root: nn.Module, graph: fx.Graph, fusion: Fusion
) -> None:
    taker = _only_taker(fusion.node)
    if taker is None or taker.args[:1] != (fusion.node,):
        return
    norm = _norm_of(modules, root, taker)
    if norm is None or (folded := _folded(fusion, norm)) is None:
        return
    fusion.weight, fusion.bias = folded
    fusion.folded.append(BATCH_NORM)
    _replace(graph, taker, fusion.node)


def _norm_of(modules: dict[str, nn.Module], root: nn.Module, node: fx.Node) -> _Norm | None:
    """Return the batch norm that a node is, None where it is none, or not by kept statistics."""
    module = module_of(modules, node)
    if isinstance(module, nn.BatchNorm2d):
        if type(module) is not nn.BatchNorm2d or module.training or module.running_mean is None:
            return None
        assert module.running_var is not None  # torch keeps both or none
        return _Norm(
            module.running_mean, module.running_var, module.weight, module.bias, module.eps
        )
    if node.op != "call_function" or node.target is not F.batch_norm:
        return None
    names = ("input", "mean", "variance", "weight", "bias", "training", "momentum", "eps")
    given = dict(zip(names, node.args, strict=False)) | {
        {"running_mean": "mean", "running_var": "variance"}.get(name, name): value
        for name, value in node.kwargs.items()
    }
    values = {
        name: _constant(root, given.get(name)) for name in ("mean", "variance", "weight", "bias")
    }
    mean, variance, eps = values["mean"], values["variance"], given.get("eps", 1e-5)
    is_kept = given.get("training", False) is False
    if not is_kept or not isinstance(eps, float) or mean is None or variance is None:
        return None
    if any(given.get(name) is not None and values[name] is None for name in ("weight", "bias")):
        return None
    return _Norm(mean, variance, values["weight"], values["bias"], eps)


def _constant(root: nn.Module, value: object) -> torch.Tensor | None:
    """Return the parameter or buffer that a node stands for."""
    if not isinstance(value, fx.Node) or value.op != "get_attr":
        return None
    path, _, name = str(value.target).rpartition(".")
    found = getattr(root.get_submodule(path), name, None)
    return found if isinstance(found, torch.Tensor) else None


def _folded(fusion: Fusion, norm: _Norm) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return weight and bias of convolution and batch norm together, computed in float64.

    None where they cannot be said in the weight's type: infinite, or not a number.
    """
    dtype = fusion.weight.dtype
    scale = torch.rsqrt(norm.variance.detach().double() + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    shift = -norm.mean.detach().double() * scale
    if norm.bias is not None:
        shift = shift + norm.bias.detach().double()
    if fusion.bias is not None:
        shift = shift + fusion.bias.double() * scale
    weight = fusion.weight.double() * scale.view(-1, 1, 1, 1)
    layout = torch.channels_last if _is_channels_last(fusion.weight) else torch.contiguous_format
    weight = weight.to(dtype).contiguous(memory_format=layout)
    bias = shift.to(dtype)
    if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        return None
    return weight, bias


def _is_channels_last(weight: torch.Tensor) -> bool:
    return not weight.is_contiguous() and weight.is_contiguous(memory_format=torch.channels_last)


# -- sum and activation --------------------------------------------------------------------------


def _take_sum(modules: dict[str, nn.Module], graph: fx.Graph, fusion: Fusion) -> None:
    """Take a sum with a value that is computed before: the convolution moves to where that is."""
    node = fusion.node
    taker = _only_taker(node)
    pair = None if taker is None else summands(taker)
    if taker is None or pair is None:
        return
    first, second = pair
    if first is not node and changes_in_place(modules, taker):
        return  # it writes into the other one, which others may read
    residual = second if first is node else first
    if any(changes_in_place(modules, other) for other in between(node, taker)):
        return  # it may write into what the convolution reads, or into the residual
    taker.prepend(node)
    node.args = (*node.args, residual)
    fusion.residual = residual
    fusion.folded.append("add")
    _replace(graph, taker, node)


def _take_activation(modules: dict[str, nn.Module], graph: fx.Graph, fusion: Fusion) -> None:
    taker = _only_taker(fusion.node)
    if taker is None or taker.args[:1] != (fusion.node,):
        return
    if activation := activation_in(modules, taker):
        fusion.activation = activation
        fusion.folded.append(activation)
        _replace(graph, taker, fusion.node)


def _replace(graph: fx.Graph, node: fx.Node, by: fx.Node) -> None:
    """Put one node in another's place, at its own."""
    node.replace_all_uses_with(by)
    graph.erase_node(node)
