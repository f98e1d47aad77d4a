"""Hold implementations against float64 over many shapes and inputs, without timing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from suite.input_kinds import CHECK_KINDS
from suite.measuring.arm import Arm
from suite.measuring.cell import Lane
from suite.measuring.judge_client import Referee
from suite.measuring.settings import Settings
from suite.measuring.time_spent import Ledger
from suite.measuring.worker_client import Channel
from suite.problem import Scenario
from suite.processes.shared_memory import Arena, OperandLayout
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
    ledger = Ledger()
    referee = Referee(settings, ledger)
    peers: dict[str, Channel | None] = {}
    try:
        for scenario in scenarios:
            with Arena(OperandLayout(scenario).size_bytes) as arena:
                referee.open(scenario, arena)
                lanes = [Lane(arm, scenario, referee, settings, ledger) for arm in arms]
                _gate(lanes, peers, arena, referee, kinds)
                for lane in lanes:
                    peers[lane.arm.key] = lane.worker.release()
                    lane.close()
                    yield Checked(
                        scenario=scenario,
                        implementation=lane.arm.name,
                        status=lane.status,
                        reason=lane.reason,
                        residuals=lane.found.residuals,
                        deterministic=lane.found.deterministic,
                        error_factor=lane.found.declared.get("error_factor"),
                        precision=lane.found.declared.get("precision"),
                    )
    finally:
        for peer in peers.values():
            if peer is not None:
                peer.close()
        referee.close()


def _gate(
    lanes: Sequence[Lane],
    peers: dict[str, Channel | None],
    arena: Arena,
    referee: Referee,
    kinds: Sequence[str],
) -> None:
    for lane in lanes:
        if not lane.worker.adopt(peers.get(lane.arm.key)):
            lane.start()
            lane.loaded()
        lane.open(arena)
    for kind in kinds:
        if any(lane.alive for lane in lanes):
            referee.draw(kind)
            for lane in lanes:
                if lane.alive:
                    lane.gate(kind)
    if lanes and is_tiny(lanes[0].scenario):
        for lane in lanes:
            lane.gradcheck()


def is_tiny(scenario: Scenario) -> bool:
    """Whether finite differences over every operand take no more than a moment."""
    elements = scenario.problem.input_elements + scenario.problem.weight_elements
    small = elements <= GRADCHECK_ELEMENTS and scenario.direction == "forward"
    return small and scenario.dtype == "float64" and 0 not in scenario.problem.output_shape
