"""The gate's rule from what the command line says."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from suite.gate.rule import MARGIN_CPU, MARGIN_GPU, Rule
from suite.problem import Scenario


def rule_for(options: argparse.Namespace, scenarios: Sequence[Scenario]) -> Rule:
    on_gpu = all(scenario.device.startswith("cuda") for scenario in scenarios)
    margin = options.margin or (MARGIN_GPU if on_gpu else MARGIN_CPU)
    if options.blocks is None:
        return Rule(margin=margin)
    screen = min(Rule.screen_blocks, options.blocks)
    return Rule(margin=margin, most_blocks=options.blocks, screen_blocks=screen)
