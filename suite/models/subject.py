"""A model on its way to being measured, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from suite.errors import Unsupported
from suite.models.calling import Arguments
from suite.registry.sources import WaySource
from suite.workload import Network


@dataclass(frozen=True)
class Subject:
    """A model in the mode that it is measured in, and nobody else's: a way may change it."""

    model: nn.Module
    network: Network
    dtype: torch.dtype
    """Of the network as it is measured."""
    source: WaySource

    def arguments(self, value: float = 1.0) -> tuple[list[Any], dict[str, Any]]:
        """Return arguments to build with, every number of them the same."""
        row = torch.full((self.network.input_elements,), value, dtype=self.dtype)
        return Arguments(self.network, self.dtype).of(row)

    @property
    def modules(self) -> nn.Module:
        """The model, if its modules can be replaced.

        Raises:
            Unsupported: it is scripted.
        """
        if isinstance(self.model, torch.jit.ScriptModule):
            raise Unsupported("a ScriptModule: its code cannot be replaced")
        return self.model
