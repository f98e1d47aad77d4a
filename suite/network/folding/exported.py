"""A module that computes a graph of torch.export: for inputs of the example's shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from suite.errors import UsageError
from suite.network.folding.traced import Traced


class Exported(Traced):
    """Computes a graph that says nothing of other shapes, and refuses those.

    Args:
        root: whose parts the graph names.
        modules: parts that are to stand in place of the root's.
        inputs: name of each argument → a tensor like those that it may be.
    """

    def __init__(
        self,
        root: nn.Module,
        graph: fx.Graph,
        modules: Mapping[str, nn.Module],
        inputs: Mapping[str, torch.Tensor],
    ) -> None:
        super().__init__(root, graph, modules)
        self.shapes = {name: tuple(tensor.shape) for name, tensor in inputs.items()}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(self.shapes, args, strict=False)) | kwargs
        is_whole = len(args) + len(kwargs) == len(given) and given.keys() == self.shapes.keys()
        if not is_whole or any(
            not isinstance(value, torch.Tensor) or tuple(value.shape) != self.shapes[name]
            for name, value in given.items()
        ):
            raise UsageError(self._refusal(given))
        return super().forward(**given)

    def _refusal(self, given: Mapping[str, Any]) -> str:
        wanted = ", ".join(f"{name} {_words(shape)}" for name, shape in self.shapes.items())
        found = ", ".join(
            f"{name} {_words(value.shape) if isinstance(value, torch.Tensor) else type(value)}"
            for name, value in given.items()
        )
        return (
            f"this copy of {self.plain_name} was folded by torch.export, for {wanted} alone; it "
            f"was called with {found or 'nothing'}. Call the original model, which fold=True left "
            "as it was, or fold that again with these"
        )


def _words(shape: Any) -> str:
    return "×".join(map(str, shape)) or "()"
