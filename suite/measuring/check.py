"""Hold implementations against float64 over many shapes and inputs, without timing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from suite.input_kinds import CHECK_KINDS
from suite.measuring.arm import Arm
from suite.measuring.cell import Cell
from suite.measuring.gates import gate, gradcheck
from suite.measuring.judge_client import JudgeClient
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.measuring.worker_client import Channel
from suite.problem import Scenario
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import Residuals, Status

GRADCHECK_ELEMENTS = 200


@dataclass(frozen=True)
class Checked:
    """What the gates found about one implementation on one shape."""

    scenario: Scenario
    implementation: str
    status: Status
    reason: str
    residuals: Residuals | None
    deterministic: bool | None
    error_factor: float | None
    """In units of √K·u·S; None where it did not come to judging."""
    precision: str | None


def check(
    scenarios: Sequence[Scenario],
    arms: Sequence[Arm],
    settings: Settings,
    kinds: Sequence[str] = CHECK_KINDS,
) -> Iterator[Checked]:
    """Yield the findings shape by shape, the arms in order within each.

    One process an arm serves all shapes, and is replaced when it dies.

    Args:
        kinds: of gate inputs; see `suite.measuring.settings`.
    """
    time_spent = TimeSpent()
    judge = JudgeClient(settings, time_spent)
    peers: dict[str, Channel | None] = {}
    try:
        for scenario in scenarios:
            with SharedMemory(OperandLayout(scenario).size_bytes) as shared:
                judge.open(scenario, shared)
                cells = [Cell(arm, scenario, settings, time_spent) for arm in arms]
                _gate(cells, peers, shared, judge, kinds)
                for cell in cells:
                    peers[cell.arm.key] = cell.worker.release()
                    cell.close()
                    yield Checked(
                        scenario=scenario,
                        implementation=cell.arm.name,
                        status=cell.status,
                        reason=cell.reason,
                        residuals=cell.evidence.residuals,
                        deterministic=cell.evidence.deterministic,
                        error_factor=cell.evidence.error_factor,
                        precision=cell.evidence.precision,
                    )
    finally:
        for peer in peers.values():
            if peer is not None:
                peer.close()
        judge.close()


def _gate(
    cells: Sequence[Cell],
    peers: dict[str, Channel | None],
    shared: SharedMemory,
    judge: JudgeClient,
    kinds: Sequence[str],
) -> None:
    for cell in cells:
        if not cell.worker.adopt(peers.get(cell.arm.key)):
            cell.start()
            cell.loaded()
        cell.open(shared)
    for kind in kinds:
        if any(cell.alive for cell in cells):
            judge.draw(kind)
            for cell in cells:
                if cell.alive:
                    gate(cell, judge, kind)
    if cells and is_tiny(cells[0].scenario):
        for cell in cells:
            gradcheck(cell)


def is_tiny(scenario: Scenario) -> bool:
    """Whether finite differences over every operand take no more than a moment."""
    elements = scenario.problem.input_elements + scenario.problem.weight_elements
    small = elements <= GRADCHECK_ELEMENTS and scenario.direction == "forward"
    return small and scenario.dtype == "float64" and 0 not in scenario.problem.output_shape
