"""Benches on which every row takes as long as a test says: no process, no clock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from suite.messages.network import Asked, Timings
from suite.network.bench import Arm, ArmFailed
from suite.tuning.plan import Plan

TORCH = "torch"
BESIDES_S = 1e-3
"""Of a pass, for what is no convolution."""


def name_of(plan: Plan) -> str:
    return f"{plan.row.name} apart" if plan.apart else plan.row.name


@dataclass
class PretendedBenches:
    """Seconds of each layer with each row, by memory format where they differ.

    `noise` multiplies the times of the blocks, one after the other.
    """

    layers_s: Mapping[str, Mapping[str, float]]
    formats: Mapping[str | None, float] = field(default_factory=dict)
    """Memory format → what all times are multiplied by there."""
    beside_s: Mapping[str, float] = field(default_factory=dict)
    """Row → seconds that it costs the rest of the network, outside of its own layers."""
    noise: Sequence[float] = (1.0, 1.01, 0.99)
    packs: Mapping[str, int] = field(default_factory=dict)
    fails: frozenset[str] = frozenset()
    are_fresh: bool = True
    opened: int = 0
    timed: list[list[str]] = field(default_factory=list)
    """The rows of each request, torch left out."""

    @contextlib.contextmanager
    def open(self) -> Iterator[PretendedBenches]:
        self.opened += 1
        yield self

    def close(self) -> None:
        pass

    def time(self, arms: Sequence[Arm], asked: Asked) -> Timings:
        rows = [{p: name_of(plans[0]) for p, plans in a.configuration.items()} for a in arms]
        used = sorted({row for of_arm in rows for row in of_arm.values()})
        self.timed.append(used)
        if failing := self.fails.intersection(used):
            raise ArmFailed(f"{', '.join(failing)} crashed")
        noise = self.noise[self.opened % len(self.noise)]
        layers = [
            {
                path: own.get(of_arm.get(path, TORCH), own[TORCH]) * self._factor(arm)
                for path, own in self.layers_s.items()
            }
            for arm, of_arm in zip(arms, rows, strict=True)
        ]
        whole = []
        for arm, of_arm, own in zip(arms, rows, layers, strict=True):
            besides_s = BESIDES_S + sum(self.beside_s.get(row, 0.0) for row in of_arm.values())
            spread = noise if arm.configuration else 1.0
            whole.append((sum(own.values()) + besides_s * self._factor(arm)) * spread)
        return Timings(
            warm_s=0.0,
            whole_s=tuple((seconds,) * 3 for seconds in whole),
            layers_s=tuple({p: (s,) * 3 for p, s in own.items()} for own in layers),
            pack_bytes=tuple(
                {path: self.packs.get(row, 0) for path, row in of_arm.items()} for of_arm in rows
            ),
        )

    def _factor(self, arm: Arm) -> float:
        return self.formats.get(arm.memory_format, 1.0)
