"""The gate's rule from what was asked."""

from __future__ import annotations

from collections.abc import Sequence

from suite.conditions import Scenario
from suite.gate.rule import MARGIN_CPU, MARGIN_GPU, Rule


def rule_for(asked_margin: float | None, blocks: int | None, scenarios: Sequence[Scenario]) -> Rule:
    on_gpu = all(scenario.device.startswith("cuda") for scenario in scenarios)
    margin = asked_margin or (MARGIN_GPU if on_gpu else MARGIN_CPU)
    if blocks is None:
        return Rule(margin=margin)
    screen = min(Rule.screen_blocks, blocks)
    return Rule(margin=margin, most_blocks=blocks, screen_blocks=screen)
