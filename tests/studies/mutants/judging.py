"""What `check` finds wrong, in this process: the worker's calls and the judge's own code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.input_kinds import CHECK_KINDS, SPECIAL_KINDS
from suite.judge.process import Judge
from suite.messages import judge as messages
from suite.operands.shared import SharedOperands
from suite.registry.implementation import Implementation
from suite.scenario.files import find_file, load_file
from suite.worker.outputs import OutputFault, Taken, require_output, row_major
from tests.judge.in_process import allowance_of, bound, judge_here, opened
from tests.scenario.properties import LEVELS, levels


@dataclass(frozen=True)
class Refusal:
    """Where the judge first refused a row."""

    scenario: str
    kind: str
    reason: str


def refusals(
    rows: Iterable[Implementation],
    right: str | None = None,
    scenarios: Iterable[Scenario] | None = None,
) -> dict[str, Refusal]:
    """Return by name where each was refused; those that every edge shape passes are missing.

    Args:
        right: of a row that will not be; once all others were, the rest is left out.
        scenarios: what they are put through, if not the edge shapes of conv2d.
    """
    alive = {row.name: row for row in rows}
    refused: dict[str, Refusal] = {}
    # What is unusual in much, and exact integers, find most: little is left for the others.
    everywhere = list(scenarios or [])
    if not everywhere:
        everywhere = sorted(load_file(find_file("edge_shapes")).scenarios, key=_usualness)
    with judge_here() as judge:
        for kinds in (CHECK_KINDS[:1], CHECK_KINDS[1:]):
            for scenario in everywhere:
                if set(alive) <= {right}:
                    return refused
                for name, kind, fault in _faults(judge, scenario, kinds, alive):
                    refused[name] = Refusal(scenario.id, kind, fault)
                    del alive[name]
    return refused


def _usualness(scenario: Scenario) -> int:
    if scenario.direction != "forward":
        return len(LEVELS)
    return sum(level in (LEVELS[factor][0], "few") for factor, level in levels(scenario).items())


def _faults(
    judge: Judge, scenario: Scenario, kinds: Iterable[str], alive: dict[str, Implementation]
) -> Iterator[tuple[str, str, str]]:
    with opened(judge, scenario) as (given, results, path):
        for kind in kinds:
            judge.draw(messages.Draw(kind=kind, seed=1))
            for row in list(alive.values()):
                try:
                    output = _output(scenario, kind, row, given)
                except Unsupported:
                    continue
                except (OutputFault, RuntimeError, IndexError) as error:
                    yield row.name, kind, str(error)
                    continue
                results.slot(0).copy_(row_major(output))
                if fault := _judged(judge, kind, row, path):
                    yield row.name, kind, fault


def _output(
    scenario: Scenario, kind: str, row: Implementation, given: SharedOperands
) -> torch.Tensor:
    """Return what a gate call gives, on the operands that a worker hands over."""
    call, operands = bound(row, scenario, given, kind)
    return require_output(call(operands.varying), scenario, Taken(operands))


def _judged(judge: Judge, kind: str, row: Implementation, path: str) -> str | None:
    allowance = allowance_of(row)
    if kind in SPECIAL_KINDS:
        asked = messages.JudgeSpread(results=path, slot=0, allowance=allowance)
        return judge.judge_spread(asked).fault
    output = messages.JudgeGate(results=path, slot=0, allowance=allowance)
    return judge.judge_gate(output).fault
