"""A copy of a network, folded as a whole if it has a graph, and else the parts that have one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import nn

from suite.network.folding.calls import Calls
from suite.network.folding.exported import Exported
from suite.network.folding.exporting import exported_graph
from suite.network.folding.fusing import fuse
from suite.network.folding.refusal import FoldedNetwork, as_folded
from suite.network.folding.traced import Traced
from suite.network.folding.tracing import NoGraph, graph_of
from suite.network.twin import CannotCopy, Inputs, twin_of


@dataclass
class Folded:
    """A folded network."""

    model: nn.Module
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Path of a convolution → what became part of it."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Path of a part that has no graph → why."""
    by_export: str = ""
    """Why torch.fx has no graph, where that of torch.export was taken; empty otherwise."""

    @property
    def limits(self) -> tuple[str, ...]:
        """What the folded network is not good for, a sentence each."""
        if not self.by_export:
            return ()
        return ("this copy is for inputs of the example's shapes alone, and refuses others",)

    def count(self, what: str) -> int:
        return sum(what in parts for parts in self.parts.values())


def fold(twin: nn.Module, inputs: Inputs) -> Folded:
    """Fold a copy of a network, in evaluation mode; the copy is used up.

    By torch.fx, which sees what is done with values of whatever shape. Where it cannot see the
    whole, torch.export may, for inputs of these shapes alone: its graph is taken if more is folded
    in it than in the parts that torch.fx does see.
    """
    calls, keys = Calls(twin, inputs), set(twin.state_dict())
    plain = None if _has_graph(twin, calls) else _another(twin)
    result = Folded(twin)
    result.model = _fold(twin, "", calls, result, {})
    if plain is not None:
        result = _better(result, plain, inputs)
    if result.parts:
        for parameter in result.model.parameters():
            parameter.requires_grad_(False)
        whole = as_folded(result.model)
        assert isinstance(whole, FoldedNetwork)
        whole.gone = frozenset(keys - set(whole.state_dict()))
    return result


def _has_graph(module: nn.Module, calls: Calls) -> bool:
    try:
        graph_of(module, calls)
    except NoGraph:
        return False
    return True


def _another(twin: nn.Module) -> nn.Module | None:
    try:
        return twin_of(twin)
    except CannotCopy:
        return None


def _better(of_parts: Folded, plain: nn.Module, inputs: Inputs) -> Folded:
    """Return what was folded in parts, or the whole by torch.export if that folds more.

    Args:
        plain: the network unfolded; it is used up.
    """
    try:
        graph, names = exported_graph(plain, inputs)
        fused = fuse(plain, graph)
        made = dict(fused.modules)
        whole = Exported(plain, graph, made, dict(zip(names, inputs, strict=True)))
    except NoGraph as reason:
        of_parts.reasons[""] += f"; torch.export: {reason}"
        return of_parts
    if sum(map(len, fused.folded.values())) <= sum(map(len, of_parts.parts.values())):
        return of_parts
    return Folded(whole, dict(fused.folded), by_export=of_parts.reasons[""])


def _fold(
    module: nn.Module,
    path: str,
    calls: Calls,
    result: Folded,
    done: dict[int, nn.Module],
) -> nn.Module:
    """Return what is to stand in a module's place: a folded one, or the same with folded parts."""
    if id(module) in done:
        return done[id(module)]
    done[id(module)] = module
    if not any(isinstance(part, nn.Conv2d) for part in module.modules()):
        return module
    if isinstance(module, nn.Conv2d):
        return module
    parts: dict[str, nn.Module] = {}
    try:
        if not isinstance(module, nn.ModuleList | nn.ModuleDict):
            graph = graph_of(module, calls)
            fused = fuse(module, graph)
            parts = dict(fused.modules)
            traced = Traced(module, graph, parts)
            for name, part in _opaque(traced):  # with hooks of others: their insides
                new = _fold(part, _joined(path, name), calls, result, done)
                if new is not part:
                    traced.set_submodule(name, new)
            if not parts:
                return module
            result.parts |= {_joined(path, k): v for k, v in fused.folded.items()}
            done[id(module)] = traced
            return traced
    except NoGraph as reason:
        result.reasons[path] = str(reason)
    for name, part in list(module.named_children()):
        new = _fold(part, _joined(path, name), calls, result, done)
        if new is not part:
            setattr(module, name, new)
    return module


def _opaque(traced: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the parts of a graph that it does not look into and that hold convolutions."""
    for name, part in list(traced.named_modules()):
        is_a_container = type(part) is nn.Module or isinstance(part, nn.Conv2d)
        if name and not is_a_container and any(isinstance(p, nn.Conv2d) for p in part.modules()):
            yield name, part


def _joined(path: str, name: str) -> str:
    return ".".join(filter(None, (path, name)))
