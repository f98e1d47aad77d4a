"""What is found out about one cell besides its time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from suite.conditions import Scenario
from suite.declaration import Declaration
from suite.measuring.arm import Arm
from suite.measuring.energy import EnergyUsed
from suite.measuring.two_clocks import Unexplained
from suite.messages.judge import Allowance
from suite.messages.worker import Opened, OperatorsRan
from suite.results.cell import Block, Ceiling, CellResult, Residuals, Status, worst_of
from suite.results.kernels import is_fallback, served_by
from suite.results.network_parts import NetworkParts


@dataclass
class Evidence:
    """Everything but status and samples; grows while a cell is gated and measured."""

    declared: Declaration
    """By the catalogue. A worker tells nothing that widens what its errors may be."""
    opened: Opened | None = None
    """What its formulas give in this scenario; None until it was opened."""
    residuals_by_kind: dict[str, Residuals] = field(default_factory=dict)
    peaks_bytes: list[int] = field(default_factory=list)
    """The high-water mark of a call in every block."""
    energy: EnergyUsed | None = None
    """None where nobody asked for it, or not yet."""
    deterministic: bool | None = None
    """Whether two calls on the same operands agreed bit for bit; None where not tried."""
    operators: OperatorsRan | None = None
    """What one call ran; None where not looked at."""
    unexplained: list[Unexplained] = field(default_factory=list)
    """Of every block: what the parent's clock saw of its samples and nothing accounts for."""
    parts: NetworkParts | None = None
    """Of a network, where a pass goes; None where nothing can be told apart."""
    notes: list[str] = field(default_factory=list)

    def note(self, text: str | None) -> None:
        """Keep a sentence for the report, once."""
        if text and text not in self.notes:
            self.notes.append(text)

    def take_operators(
        self, operators: OperatorsRan | None, scenario: Scenario, family: str
    ) -> None:
        """Keep which operators a call ran, and note whose convolution that was."""
        if operators is None:
            return
        self.operators = operators
        if operators.ran and scenario.on_cuda and family == "vendor":
            self.note(operators.ran.sentence)
        if operators.vendor and family not in ("vendor", "engine", "reference"):
            self.note(f"computes through torch's own {operators.vendor}")
        elif scenario.is_sixteen_bit_on_cpu:
            self._note_kernel(operators, scenario.dtype)

    def _note_kernel(self, operators: OperatorsRan, dtype: str) -> None:
        """Note what computed a 16-bit type: by that its speed differs a hundredfold."""
        kernel = served_by(operators.vendor, operators.ran, operators.names)
        if kernel is None:
            return
        slow = f", the slow way: none computes {dtype} here directly"
        self.note(f"ran {kernel}{slow if is_fallback(kernel) else ''}")

    def take_energy(self, energy: EnergyUsed | None) -> None:
        """Keep what a call's energy is, or note why it is not known."""
        if energy is None:
            return
        self.energy = energy
        if energy.reason:
            self.note(f"energy: {energy.reason}")

    @property
    def residuals(self) -> Residuals | None:
        return worst_of(self.residuals_by_kind)

    @property
    def precision(self) -> str | None:
        return self.declared.precision if self.opened else None

    @property
    def error_factor(self) -> float | None:
        return self.declared.error_factor if self.opened else None

    @property
    def allowance(self) -> Allowance:
        """What the judge needs to know of the implementation."""
        return Allowance(
            family=self.declared.family,
            error_factor=self.declared.error_factor,
            precision=self.declared.precision,
            nan_policy=self.declared.nan_policy,
        )

    def measured_workspace_bytes(self, scenario: Scenario) -> int | None:
        """Return extra memory of a call beyond its output, where the peak is an allocator's own."""
        if not scenario.on_cuda or not self.peaks_bytes:
            return None
        return max(0, max(self.peaks_bytes) - math.prod(scenario.result_shape) * scenario.itemsize)

    def result(
        self,
        scenario: Scenario,
        arm: Arm,
        *,
        status: Status,
        reason: str,
        reference: str,
        blocks: Sequence[Block],
        set_aside: Sequence[Block] = (),
        threads: int | None,
        measured_workspace_bytes: int | None = None,
        ceiling: Ceiling | None = None,
    ) -> CellResult:
        """Return the cell as a run's folder stores it."""
        operators, opened = self.operators, self.opened
        return CellResult(
            scenario=scenario,
            implementation=arm.name,
            family=arm.family,
            status=status,
            reason=reason,
            reference=reference,
            blocks=tuple(blocks),
            set_aside=tuple(set_aside),
            residuals=self.residuals,
            threads=threads,
            precision=self.precision,
            error_factor=self.error_factor,
            peak_bytes=max(self.peaks_bytes, default=None),
            workspace_bytes=opened.workspace_bytes if opened else None,
            executed_flops=opened.executed_flops if opened else None,
            measured_workspace_bytes=measured_workspace_bytes,
            joules_per_call=self.energy.joules_per_call if self.energy else None,
            ran=operators.ran if operators else None,
            deterministic=self.deterministic,
            operators=operators.names if operators else None,
            vendor=operators.vendor if operators else None,
            ceiling=ceiling,
            parts=self.parts,
            notes=tuple(self.notes),
        )
