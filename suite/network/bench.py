"""Passes through variants of one network, in turns: how long each takes, and each layer in it.

Runs in a process of its own where the network can be sent to one, else in the caller's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from suite.messages.network import Asked, Timings
from suite.modules.quickening import quicken
from suite.modules.sizes import pack_bytes
from suite.network.twin import Inputs, in_format, sharing, twin_of
from suite.tuning.plan import Plan

Configuration = Mapping[str, tuple[Plan, ...]]
"""Path of a layer → what it is replaced by; layers that are not in it stay torch's."""
WARM_PASSES = 2
"""The first packs and compiles, and finds memory cold."""
LAYERS_EVERY = 2
"""Beyond the least, of so many turns with whole passes one looks at the layers, too."""
LEAD_PASS_S = 0.05
"""Shorter passes are preceded by an untimed one in every turn: it finds caches as a network that
runs by itself does."""


@dataclass(frozen=True)
class Arm:
    """One variant of the network."""

    configuration: Configuration = field(default_factory=dict)
    memory_format: str | None = None
    """None: as it was given."""
    is_original: bool = False
    """The network before it was folded, as it was given."""
    is_for_layers: bool = False
    """Whether only its layers' times are wanted, and no whole pass's."""


class ArmFailed(Exception):
    """A variant raised; the text says what."""


class Bench:
    """Times variants of a network.

    Args:
        model: in evaluation mode, and nobody else's; so is `original`.
        original: what the model was before it was folded; None where it was not.
    """

    def __init__(self, model: nn.Module, inputs: Inputs, original: nn.Module | None = None) -> None:
        self._inputs = inputs
        self._original = original
        self._bases: dict[str | None, nn.Module] = {None: model}

    def time(self, arms: Sequence[Arm], asked: Asked) -> Timings:
        """Return what each arm's passes took, and each layer's share of some of them.

        Raises:
            ArmFailed: one of them raised.
        """
        networks = [self._network(arm) for arm in arms]
        paths = sorted({path for arm in arms for path in arm.configuration} | {*asked.layers})
        clocks = [
            LayerClock(network, () if arm.is_original else paths)
            for network, arm in zip(networks, arms, strict=True)
        ]
        began = time.perf_counter()
        usual_s = [self._warm(network) for network in networks]
        warm_s = time.perf_counter() - began
        whole_s: list[list[float]] = [[] for _ in arms]
        order = random.Random(asked.seed)
        in_whole = [n for n, arm in enumerate(arms) if asked.whole and not arm.is_for_layers]
        by_layer = range(len(arms)) if paths else ()
        for turn in _turns(asked):
            for number in order.sample(in_whole, len(in_whole)):
                if usual_s[number] < LEAD_PASS_S:
                    self._pass(networks[number])
                whole_s[number].append(self._pass(networks[number]))
            if in_whole and turn >= asked.least_turns and turn % LAYERS_EVERY:
                continue
            for number in order.sample(by_layer, len(by_layer)):
                with clocks[number]:
                    self._pass(networks[number])
        return Timings(
            warm_s=warm_s,
            whole_s=tuple(map(tuple, whole_s)),
            layers_s=tuple(
                {path: tuple(samples) for path, samples in clock.samples_s.items()}
                for clock in clocks
            ),
            pack_bytes=tuple(
                {path: pack_bytes(network.get_submodule(path)) for path in arm.configuration}
                for network, arm in zip(networks, arms, strict=True)
            ),
        )

    def _network(self, arm: Arm) -> nn.Module:
        """Return a variant, which shares its tensors with all in the same memory format."""
        if arm.is_original:
            assert self._original is not None
            return sharing(self._original)
        if arm.memory_format not in self._bases:
            assert arm.memory_format is not None
            other = twin_of(self._bases[None])
            self._bases[arm.memory_format] = in_format(other, arm.memory_format)
        network = sharing(self._bases[arm.memory_format])
        apply(network, arm.configuration)
        return network

    def _warm(self, network: nn.Module) -> float:
        for _ in range(WARM_PASSES):
            took_s = self._pass(network)
        return took_s

    def _pass(self, network: nn.Module) -> float:
        try:
            with torch.no_grad():
                began = time.perf_counter()
                network(*self._inputs)
                return time.perf_counter() - began
        except Exception as error:
            raise ArmFailed(f"{type(error).__name__}: {error}") from error


def _turns(asked: Asked) -> Iterator[int]:
    """Yield the numbers of turns for as long as was asked."""
    deadline = time.perf_counter() + asked.seconds
    for number in range(asked.most_turns):
        if number >= asked.least_turns and time.perf_counter() > deadline:
            return
        yield number


def apply(network: nn.Module, configuration: Configuration) -> None:
    """Have these layers computed as planned."""
    for path, plans in configuration.items():
        quicken(network.get_submodule(path), plans)


class LayerClock:
    """While it is entered, notes the seconds that each of some layers takes in a pass."""

    def __init__(self, network: nn.Module, paths: Sequence[str]) -> None:
        self._layers = {path: network.get_submodule(path) for path in paths}
        self._handles: list[Any] = []
        self.samples_s: dict[str, list[float]] = {path: [] for path in paths}
        self._began: dict[str, float] = {}
        self._took_s: dict[str, float] = {}

    def __enter__(self) -> None:
        self._took_s = dict.fromkeys(self._layers, 0.0)
        for path, layer in self._layers.items():

            def begin(_module: nn.Module, _inputs: object, path: str = path) -> None:
                self._began[path] = time.perf_counter()

            def end(_module: nn.Module, _inputs: object, _output: object, path: str = path) -> None:
                self._took_s[path] += time.perf_counter() - self._began[path]

            self._handles.append(layer.register_forward_pre_hook(begin))
            self._handles.append(layer.register_forward_hook(end, prepend=True))

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        for path, took_s in self._took_s.items():
            self.samples_s[path].append(took_s)
