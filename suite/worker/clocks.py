"""Which clock a scenario is timed by: its device's, with caches in the state it asks for."""

from __future__ import annotations

import torch

from suite.machine import host
from suite.problem import Scenario
from suite.worker.cpu_clock import ColdTimer, HotTimer, Timer
from suite.worker.cuda_clock import CudaTimer

FILL = 8
"""Bytes read to empty a cache, in multiples of its size. Twice is not enough: replacement policies
guard against scans, and virtual machines see less of the cache than they use."""
LEAST_FILLER_BYTES = 256 * 2**20
MOST_FILLER_BYTES = 2 * 2**30


def timer_for(scenario: Scenario) -> Timer:
    cold = scenario.cache_state == "cold"
    if scenario.on_cuda:
        return CudaTimer(cold=cold)
    return ColdTimer(cache_filler()) if cold else HotTimer()


def cache_filler() -> torch.Tensor:
    """Return data that does not fit into this machine's caches; its pages are in place."""
    wanted = FILL * host.last_level_cache_bytes()
    size_bytes = min(max(wanted, LEAST_FILLER_BYTES), MOST_FILLER_BYTES)
    return torch.ones(size_bytes // 4)
