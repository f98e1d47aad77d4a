"""What one side showed in one cell, gathered over all blocks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from suite.conditions import Scenario
from suite.gate.facts import Facts
from suite.measuring.arm import Arm
from suite.measuring.cell import Cell
from suite.measuring.evidence import Evidence
from suite.results.cell import Block, CellResult, Status
from suite.stats.intervals import block_time_s
from suite.workload import network_of

MOST_CLOCK_FAULTS = 3
"""On a busy machine the clocks of a few turns may differ; a clock that lies differs always."""


@dataclass
class Tally:
    """A side's status in a cell, its deterministic facts, and its blocks."""

    arm: Arm
    scenario: Scenario
    status: Status = Status.PASSED
    reason: str = ""
    evidence: Evidence = field(init=False)
    threads: int | None = None
    blocks: list[Block] = field(default_factory=list)
    disturbed: list[Block] = field(default_factory=list)
    """Blocks in which others took the cores."""
    _clock_faults: int = 0

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.arm.declared)

    @property
    def alive(self) -> bool:
        return self.status is Status.PASSED

    def take_facts(self, cell: Cell) -> None:
        """Note what a cell's gates found out."""
        peaks_bytes = [*self.evidence.peaks_bytes, *cell.evidence.peaks_bytes]
        self.evidence = dataclasses.replace(cell.evidence, peaks_bytes=peaks_bytes)
        self.threads = cell.threads
        self._take_status(cell)

    def take_block(self, cell: Cell) -> float | None:
        """Note a cell's block and return its time in seconds, None if the block is void."""
        if cell.status is Status.IMPLAUSIBLE and self._clock_faults < MOST_CLOCK_FAULTS - 1:
            self._clock_faults += 1
            return None
        self._take_status(cell)
        self.evidence.peaks_bytes += cell.evidence.peaks_bytes
        blocks = cell.blocks or cell.disturbed
        if not self.alive or not blocks:
            return None
        (self.disturbed if cell.disturbed else self.blocks).append(_rounded(blocks[-1]))
        return block_time_s(blocks[-1].samples_s)

    def fail(self, status: Status, reason: str) -> None:
        if self.alive:
            self.status, self.reason = status, reason

    def _take_status(self, cell: Cell) -> None:
        if cell.status is not Status.PASSED:
            self.fail(cell.status, cell.reason)

    def facts(self) -> Facts:
        """Return what is held against the other side."""
        network = network_of(self.scenario)
        evidence, residuals, ran = self.evidence, self.evidence.residuals, self.evidence.operators
        return Facts(
            status=self.status,
            reason=self.reason,
            rel_l2_error=residuals.rel_l2_error if residuals else None,
            worst_error_ratio=residuals.worst_error_ratio if residuals else None,
            peak_bytes=min(evidence.peaks_bytes, default=None),
            most_peak_bytes=max(evidence.peaks_bytes, default=None),
            operators=ran.names if ran else None,
            vendor=ran.vendor if ran else None,
            outputs=network.output_elements if network else None,
            sketch=network.sketch if network else None,
        )

    def result(self) -> CellResult:
        """Return the cell as a run's folder stores it, speed-ups against the base."""
        blocks = self.blocks or self.disturbed
        passed = self.alive and bool(blocks)
        reason = self.reason or ("" if passed else "not measured")
        status = self.status if passed or not self.alive else Status.TIMEOUT
        return self.evidence.result(
            self.scenario,
            self.arm,
            status=status,
            reason=reason,
            reference="base revision",
            blocks=blocks if passed else (),
            set_aside=self.disturbed if passed and self.blocks else (),
            threads=self.threads,
        )


def _rounded(block: Block) -> Block:
    """Return the block with samples of five digits: a hundredth of a percent, and half the size."""
    return dataclasses.replace(block, samples_s=tuple(float(f"{s:.5g}") for s in block.samples_s))
