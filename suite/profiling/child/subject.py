"""One implementation on one problem with data of its own, ready to be called and looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.operands.gate_inputs import operands_as_asked
from suite.operands.tensors import Operands, in_format
from suite.registry.implementation import Implementation
from suite.worker import cuda_context
from suite.worker.binding import Invocation, bind
from suite.worker.clocks import timer_for

OPERANDS = 3
"""Inputs that calls take in turn, so that no call finds its predecessor's in the cache alone."""
WARM_S = 0.03
SLOW_S = 0.5
SEED = 8


class Subject:
    """An implementation bound to data in a scenario's format and place, of its values.

    Raises:
        Unsupported: the implementation does not cover the scenario.
    """

    def __init__(self, implementation: Implementation, scenario: Scenario) -> None:
        if reason := implementation.why_unsupported(scenario):
            raise Unsupported(reason)
        self.implementation = implementation
        self.scenario = scenario
        self.is_cuda = scenario.device.startswith("cuda")
        if self.is_cuda:
            cuda_context.use(scenario.device)
        self._timer = timer_for(scenario)
        self._calls = 0
        generator = torch.Generator().manual_seed(SEED)
        self.operands = self._draw(generator)
        self._varying = [self._another(number) for number in range(1, OPERANDS + 1)]
        self.invocation: Invocation = self.bind()
        self.call_s = self._warm()

    def _draw(self, generator: torch.Generator) -> Operands:
        scenario = self.scenario
        return operands_as_asked(scenario, generator).each(
            lambda tensor: in_format(tensor, scenario.memory_format).to(scenario.device)
        )

    def _another(self, number: int) -> torch.Tensor:
        """Return the same values in another order, whatever they are."""
        first = self.operands.varying
        return torch.empty_like(first).copy_(first.roll(number, dims=-1))

    def bind(self) -> Invocation:
        """Return a fresh invocation: packs the weight anew, in the present number of threads."""
        return bind(self.implementation, self.scenario, self.operands)

    def _warm(self) -> float:
        """Call twice at least; return the least seconds of a call."""
        self.timed()  # compiled code is loaded, caches and pools are filled
        best_s = self.timed()
        end = time.perf_counter() + WARM_S
        while time.perf_counter() < end and best_s < SLOW_S:
            best_s = min(best_s, self.timed())
        return best_s

    def next_operand(self) -> torch.Tensor:
        self._calls += 1
        return self._varying[self._calls % OPERANDS]

    def call(self) -> Any:
        """Call once, wait for it and return the output."""
        output = self.invocation.call(self.next_operand())
        self.synchronise()
        return output

    def timed(self, invocation: Invocation | None = None) -> float:
        """Return the seconds of one call."""
        chosen = invocation or self.invocation
        return self._timer(chosen.call, [self.next_operand()])[1]

    def synchronise(self) -> None:
        if self.is_cuda:
            torch.cuda.synchronize(self.scenario.device)

    def calls_in(self, seconds: float, least: int, most: int) -> int:
        """Return how many calls fit into `seconds`."""
        return max(least, min(most, int(seconds / max(self.call_s, 1e-9))))


def calm(values: Sequence[float]) -> list[int]:
    """Return the indices of the fastest quarter, at least three: a disturbance only adds time."""
    ranked = sorted(range(len(values)), key=values.__getitem__)
    return ranked[: max(3, len(ranked) // 4)]
