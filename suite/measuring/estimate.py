"""About how long a run will take, for `validate --expand` and the time left."""

from __future__ import annotations

from suite.conditions import Scenario

# Medians over quick.yaml, vgg19.yaml and timm.yaml on two cores; right within a factor of two.
CELL_S = 1.2
"""Processes, gates and blocks of one cell that is short."""
CALLS = 30
"""Calls of one cell that is long, warm-up and gates included."""
FIRST_LOOK_S = 0.35
"""Process, gates and first block of one cell that is short."""
FIRST_CALLS = 12
"""Calls of one cell that is long, up to the end of its first block."""
CHECK_S = 0.03
"""Gates of one cell that is short, in a process that is there already."""
CHECK_CALLS = 20
"""Calls of the gates of one cell that is long."""
FLOPS_PER_S = 40e9
"""What a typical implementation reaches, direct-equivalent."""
JUDGE_FLOPS_PER_S = 8e9
"""The float64 results of the gates, in direct operations."""


def scenario_s(scenario: Scenario, implementations: int) -> float:
    """Return about how many seconds a scenario takes with so many implementations."""
    return _scenario_s(scenario, implementations, CELL_S, CALLS)


def check_s(scenario: Scenario, implementations: int) -> float:
    """Return about how many seconds it takes to check a scenario without timing it."""
    return _scenario_s(scenario, implementations, CHECK_S, CHECK_CALLS)


def first_look_s(scenario: Scenario, implementations: int) -> float:
    """Return about how many seconds the gates and the first block of a scenario take."""
    return _scenario_s(scenario, implementations, FIRST_LOOK_S, FIRST_CALLS)


def _scenario_s(scenario: Scenario, implementations: int, short_s: float, calls: int) -> float:
    flops = scenario.problem.direct_flops
    per_cell_s = short_s + calls * flops / FLOPS_PER_S
    return implementations * per_cell_s + 3 * flops / JUDGE_FLOPS_PER_S
