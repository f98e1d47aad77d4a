"""What one side showed in one cell, gathered over all blocks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from suite.arm import Arm
from suite.gate.facts import Facts
from suite.lane import Lane
from suite.problem import Scenario
from suite.result import Block, CellResult, Residuals, Status
from suite.stats import block_time_s

MOST_CLOCK_FAULTS = 3
"""On a busy machine the clocks of a few turns may differ; a clock that lies differs always."""


@dataclass
class Tally:
    """A side's status in a cell, its deterministic facts, and its blocks."""

    arm: Arm
    scenario: Scenario
    status: Status = Status.PASSED
    reason: str = ""
    residuals: Residuals | None = None
    declared: dict[str, Any] = field(default_factory=dict)
    deterministic: bool | None = None
    operators: tuple[str, ...] | None = None
    vendor: str | None = None
    peaks_bytes: list[int] = field(default_factory=list)
    threads: int | None = None
    blocks: list[Block] = field(default_factory=list)
    _clock_faults: int = 0

    @property
    def alive(self) -> bool:
        return self.status is Status.PASSED

    def take_facts(self, lane: Lane) -> None:
        """Note what a lane's gates found out."""
        self.residuals, self.declared = lane.residuals, lane.declared
        self.deterministic, self.threads = lane.deterministic, lane.threads
        self.operators, self.vendor = lane.operators, lane.vendor
        self._take_status(lane)
        self.peaks_bytes += lane.peaks_bytes

    def take_block(self, lane: Lane) -> float | None:
        """Note a lane's block and return its time in seconds, None if the block is void."""
        if lane.status is Status.IMPLAUSIBLE and self._clock_faults < MOST_CLOCK_FAULTS - 1:
            self._clock_faults += 1
            return None
        self._take_status(lane)
        self.peaks_bytes += lane.peaks_bytes
        if not self.alive or not lane.blocks:
            return None
        self.blocks.append(_rounded(lane.blocks[-1]))
        return block_time_s(lane.blocks[-1].samples_s)

    def _take_status(self, lane: Lane) -> None:
        if self.alive and lane.status is not Status.PASSED:
            self.status, self.reason = lane.status, lane.reason

    def facts(self) -> Facts:
        """Return what is held against the other side."""
        residuals = self.residuals
        return Facts(
            status=self.status,
            reason=self.reason,
            rel_l2_error=residuals.rel_l2_error if residuals else None,
            worst_error_ratio=residuals.worst_error_ratio if residuals else None,
            peak_bytes=min(self.peaks_bytes, default=None),
            most_peak_bytes=max(self.peaks_bytes, default=None),
            operators=self.operators,
            vendor=self.vendor,
        )

    def result(self) -> CellResult:
        """Return the cell as a run's folder stores it, speed-ups against the base."""
        passed = self.alive and bool(self.blocks)
        reason = self.reason or ("" if passed else "not measured")
        status = self.status if passed or not self.alive else Status.TIMEOUT
        return CellResult(
            scenario=self.scenario,
            implementation=self.arm.name,
            family=self.arm.family,
            status=status,
            reason=reason,
            reference="base revision",
            blocks=tuple(self.blocks) if passed else (),
            residuals=self.residuals,
            threads=self.threads,
            precision=self.declared.get("precision"),
            error_factor=self.declared.get("error_factor"),
            peak_bytes=max(self.peaks_bytes, default=None),
            workspace_bytes=self.declared.get("workspace_bytes"),
            executed_flops=self.declared.get("executed_flops"),
            deterministic=self.deterministic,
            operators=self.operators,
            vendor=self.vendor,
        )


def _rounded(block: Block) -> Block:
    """Return the block with samples of five digits: a hundredth of a percent, and half the size."""
    return dataclasses.replace(block, samples_s=tuple(float(f"{s:.5g}") for s in block.samples_s))
