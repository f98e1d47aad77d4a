"""Which clock a scenario is timed by: its device's, with caches in the state it asks for."""

from __future__ import annotations

import torch

from suite.conditions import Scenario
from suite.processes import cache_filler
from suite.worker.cpu_clock import ColdTimer, HotTimer, Timer
from suite.worker.cuda_clock import CudaTimer


def timer_for(scenario: Scenario, filler: torch.Tensor | None = None) -> Timer:
    """Return the timer of a scenario.

    Args:
        filler: other data to empty a CPU's caches with; made here if it is None.

    Raises:
        Unsupported: there is no room for it.
    """
    is_cold = scenario.cache_state == "cold"
    if scenario.on_cuda:
        return CudaTimer(cold=is_cold)
    if not is_cold:
        return HotTimer()
    return ColdTimer(_own_filler(scenario) if filler is None else filler)


def _own_filler(scenario: Scenario) -> torch.Tensor:
    """Return data that does not fit into this machine's caches; its pages are in place."""
    cache_filler.require_room(scenario)
    return torch.ones(cache_filler.filler_bytes(scenario) // 4)
