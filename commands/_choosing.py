"""What `optimize` makes of a model, found out before any block of a run is measured."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from rich.console import Console

from commands._networks import AnyModelRequest
from commands._preparing import Prepared
from reports.progress import waiting
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.model_runs.optimising import is_optimised, optimised
from suite.workload import NetworkScenario

OPTIMIZE_SHARE = 0.4
"""Of a budget that `optimize` gets at most."""


def ready(
    prepared: Prepared[AnyModelRequest],
    folder: Path,
    settings: Settings,
    console: Console,
    *,
    budget_s: float | None,
    own_s: float,
) -> tuple[Prepared[AnyModelRequest], float | None]:
    """Return what is measured with `optimize` done, and what is left of the budget for the rest.

    Args:
        own_s: what `optimize` may measure for, at most a share of the budget.
    """
    chosen = [arm for arm in prepared.arms if is_optimised(arm)]
    if budget_s is not None and chosen:
        share_s = OPTIMIZE_SHARE * budget_s / len(chosen) / len(prepared.scenarios)
        own_s = min(own_s, max(1.0, share_s))
    arms: list[Arm] = []
    began = time.monotonic()
    for arm in prepared.arms:
        settled = arm
        for scenario in prepared.scenarios if is_optimised(arm) else ():
            assert isinstance(scenario, NetworkScenario)
            if scenario.id in arm.unsupported:
                continue
            threads = scenario.threads or settings.threads
            with waiting(f"{_asked(arm, scenario)}: choosing rows for some {own_s:.0f} s", console):
                settled = optimised(
                    settled,
                    scenario,
                    folder,
                    budget_s=own_s,
                    threads=threads,
                    memory_limit_bytes=settings.memory_limit_bytes,
                    log=settings.log,
                )
        arms.append(settled)
    if budget_s is not None:
        budget_s = max(1.0, budget_s - (time.monotonic() - began))
    return dataclasses.replace(prepared, arms=arms), budget_s


def _asked(arm: Arm, scenario: NetworkScenario) -> str:
    return arm.name if scenario.threads is None else f"{arm.name}, {scenario.threads} threads"
