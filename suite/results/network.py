"""What optimising a network came to: each layer, and the whole. Plain data, absent is None."""

from __future__ import annotations

from dataclasses import dataclass, field

from suite.problem import Problem
from suite.stats.intervals import Interval

TORCH = "torch"


@dataclass(frozen=True, kw_only=True)
class LayerOutcome:
    """One convolution of the network: a module, or a call that is none."""

    layer: str
    """The module's path; "" is the network itself."""
    row: str = TORCH
    """What computes it now."""
    problems: tuple[Problem, ...] = ()
    """The shapes that it was called with."""
    before_s: float | None = None
    """Seconds of one pass in it, inside the network: with torch."""
    after_s: float | None = None
    speedup: Interval | None = None
    error: float | None = None
    """Relative L2 error against float64, on its own weights and activations."""
    torch_error: float | None = None
    pack_bytes: int = 0
    weight_bytes: int = 0
    fused: tuple[str, ...] = ()
    """What was folded into it: "bn", "add", an activation, in that order."""
    reason: str = ""
    """Why it stays torch's."""

    @property
    def is_replaced(self) -> bool:
        return self.row != TORCH


@dataclass(frozen=True, kw_only=True)
class WholePass:
    """Seconds of one pass through the whole network, before and after."""

    before_s: float
    after_s: float
    speedup: Interval
    blocks: int
    is_fresh: bool
    """Whether each block had a process of its own."""


@dataclass(frozen=True, kw_only=True)
class NetworkOutcome:
    """What `optimize` did to a network, and how that was measured."""

    layers: tuple[LayerOutcome, ...]
    whole: WholePass | None = None
    """None: it was not measured."""
    error: float | None = None
    """Relative L2 error of the outputs against those of the network in float64."""
    torch_error: float | None = None
    memory_format: str | None = None
    """What the network was taken to; None: it is as it was."""
    is_folded: bool = False
    """Whether this is a copy, and batch norms and what follows convolutions are part of them."""
    threads: int
    torch: str
    took_s: float = 0.0
    verdict: str = ""
    """Why nothing was done, where that is so."""
    remarks: tuple[str, ...] = field(default=())

    @property
    def replaced(self) -> tuple[LayerOutcome, ...]:
        return tuple(layer for layer in self.layers if layer.is_replaced)

    @property
    def pack_bytes(self) -> int:
        return sum(layer.pack_bytes for layer in self.layers)

    @property
    def replaced_bytes(self) -> int:
        """Of the weights whose packs these are."""
        return sum(layer.weight_bytes for layer in self.replaced)

    @property
    def is_changed(self) -> bool:
        return bool(self.replaced) or self.memory_format is not None or self.is_folded
