"""Where the time of one pass through a network goes: its convolutions, and what is none."""

from __future__ import annotations

from dataclasses import dataclass

from suite.ranges import AtLeastOne, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerTime:
    """One convolution module."""

    layer: str
    """Its path."""
    calls: AtLeastOne
    """In one pass; times are those of all of them."""
    inside_s: Seconds
    """In its place in the network."""
    alone_s: Seconds
    """The same calls, made again and again: weights and inputs are in the caches, as far as they
    fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkParts:
    """Looked at once, in a process of the arm's own, before its blocks."""

    pass_s: Seconds
    """A whole pass, in which nothing is looked at."""
    layers: tuple[LayerTime, ...]
    others: dict[str, Seconds]
    """Kind of operator → seconds of a pass outside of convolutions, as the profiler shares them."""

    @property
    def alone_s(self) -> float:
        """What a pass would take by its convolutions, each measured alone."""
        return sum(layer.alone_s for layer in self.layers)

    @property
    def inside_s(self) -> float:
        return sum(layer.inside_s for layer in self.layers)

    @property
    def others_s(self) -> float:
        """What is no convolution."""
        return max(0.0, self.pass_s - self.inside_s)
