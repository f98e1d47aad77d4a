"""A cell loaded into this process, as the function without arguments that is timed."""

from __future__ import annotations

from typing import Any

import torch

from suite.conditions import Scenario
from suite.measuring.arm import Arm
from suite.operands.gate_inputs import operands_as_asked
from suite.operands.tensors import Operands, in_format
from suite.registry import registering, sources
from suite.worker.binding import bind

SEED = 0


class TimedConvolution:
    """Calls one implementation on one scenario's data; as a context, with its threads.

    `scenario` and `implementation` tell what it is.
    """

    def __init__(self, scenario: Scenario, arm: Arm, threads: int) -> None:
        self.scenario = scenario
        self.implementation = arm.name
        self._threads = scenario.threads or threads
        self._before = torch.get_num_threads()
        sources.load(arm.source)
        operands = _operands(scenario)
        with torch.inference_mode(operands.grad is None):
            self._call = bind(registering.get(arm.name), scenario, operands).call
        self._varying = operands.varying

    def __enter__(self) -> TimedConvolution:
        torch.set_num_threads(self._threads)
        self._grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_grad_enabled(self._grad)
        torch.set_num_threads(self._before)

    def __call__(self) -> Any:
        return self._call(self._varying)


def _operands(scenario: Scenario) -> Operands:
    """Return operands, the same in every session: what is compared must be the same work."""
    drawn = operands_as_asked(scenario, torch.Generator().manual_seed(SEED))
    return drawn.each(lambda tensor: in_format(tensor, scenario.memory_format).to(scenario.device))
