"""Hold implementations against float64 over many shapes and inputs, without timing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from suite.conditions import Scenario
from suite.input_kinds import CHECK_KINDS
from suite.measuring.arm import Arm
from suite.measuring.cell import Cell, at_work_last
from suite.measuring.gates import gate, gradcheck
from suite.measuring.judge_client import JudgeClient
from suite.measuring.losses import in_spite_of_losses
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.measuring.worker_client import Channel
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import Residuals, Status
from suite.values import AS_ASKED

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
    """Yield the findings shape by shape, the arms in order within each that compute its kind.

    One process an arm serves all shapes, and is replaced when it dies.

    Args:
        kinds: of gate inputs; see `suite.measuring.settings`.
    """
    time_spent = TimeSpent()
    judge = JudgeClient(settings, time_spent)
    peers: dict[str, Channel] = {}
    try:
        for scenario in scenarios:
            of_kind = computing(arms, scenario)
            if not of_kind:
                continue

            def begin(some: Sequence[Arm], scenario: Scenario = scenario) -> _Attempt:
                cells = [Cell(arm, scenario, settings, time_spent) for arm in some]
                return _Attempt(scenario, cells, peers, judge, kinds)

            yield from in_spite_of_losses(of_kind, None, begin)
    finally:
        for peer in peers.values():
            peer.close()
        judge.close()


def computing(arms: Sequence[Arm], scenario: Scenario) -> list[Arm]:
    """Return the arms that are registered for a scenario's kind of problem."""
    return [arm for arm in arms if scenario.problem.kind in arm.declared.kinds]


class _Attempt:
    """The gates of some arms on one shape.

    Args:
        peers: the arms' processes, which serve the next shape as well.
    """

    def __init__(
        self,
        scenario: Scenario,
        cells: Sequence[Cell],
        peers: dict[str, Channel],
        judge: JudgeClient,
        kinds: Sequence[str],
    ) -> None:
        self._scenario = scenario
        self._cells = cells
        self._peers = peers
        self._judge = judge
        self._kinds = kinds

    def results(self) -> Iterator[Checked]:
        with SharedMemory(OperandLayout(self._scenario).size_bytes) as shared:
            try:
                self._judge.open(self._scenario, shared)
                self._gate(shared)
                yield from map(self._checked, self._cells)
            finally:
                for cell in self._cells:
                    cell.worker.release(partial(self._peers.__setitem__, cell.arm.key))
                    cell.close()

    def at_work_last(self, besides: str | None) -> str | None:
        return at_work_last(self._cells, besides)

    def failed(self, names: Sequence[str], status: Status, reason: str) -> Iterator[Checked]:
        for cell in self._cells:
            if cell.arm.name in names:
                cell.fail(status, reason)
                yield self._checked(cell)

    def _gate(self, shared: SharedMemory) -> None:
        cells = self._cells
        for cell in cells:
            if peer := self._peers.get(cell.arm.key):
                cell.worker.adopt(peer)
                del self._peers[cell.arm.key]
            else:
                cell.start()
                cell.loaded()
            cell.open(shared)
        asked = () if self._scenario.has_usual_values else (AS_ASKED,)
        kinds = (*self._kinds, *asked)
        for kind in kinds:
            if any(cell.alive for cell in cells):
                self._judge.draw(kind)
                alive = [cell for cell in cells if cell.alive]
                gate(alive, self._judge, kind, last=kind == kinds[-1])
        if cells and is_tiny(self._scenario):
            for cell in cells:
                gradcheck(cell)

    def _checked(self, cell: Cell) -> Checked:
        evidence = cell.evidence
        return Checked(
            scenario=self._scenario,
            implementation=cell.arm.name,
            status=cell.status,
            reason=cell.reason,
            residuals=evidence.residuals,
            deterministic=evidence.deterministic,
            error_factor=evidence.error_factor,
            precision=evidence.precision,
        )


def is_tiny(scenario: Scenario) -> bool:
    """Whether finite differences over every operand take no more than a moment."""
    elements = scenario.problem.input_elements + scenario.problem.weight_elements
    small = elements <= GRADCHECK_ELEMENTS and scenario.direction == "forward"
    return small and scenario.dtype == "float64" and 0 not in scenario.problem.output_shape
