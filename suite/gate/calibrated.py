"""What a calibration found. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CellCalibration:
    """How well one cell can be told."""

    cell: str
    base_s: float
    blocks: int
    spread: float
    """Standard deviation of ln(head / base) between blocks."""
    visible: float
    """The smallest slowdown that a default gate would see with a chance of 90 %; 0.03 is 3 %."""
    blocks_wished: int | None
    """Blocks that the wished slowdown takes; None: no number of blocks, for the bias is larger."""


@dataclass(frozen=True, kw_only=True)
class FalseAlarms:
    """What the gate's own decisions said of equal code."""

    runs: int
    runs_failing: int
    cells: int
    cells_flagged: int
    undecided: int

    @property
    def most_failing(self) -> float:
        """Upper 95 % bound (Clopper & Pearson, Biometrika 26, 1934), were the runs independent."""
        return _upper_bound(self.runs_failing, self.runs)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    margin: float
    most_blocks: int
    """Blocks that a gate gives a suspect at most."""
    screen_blocks: int
    cells: tuple[CellCalibration, ...]
    bias: float
    """Standard deviation of the bias that survives pairing, over all cells."""
    false_alarms: FalseAlarms
    block_s: float
    """Seconds of a block of all cells with base and head."""

    def seconds_for(self, cells: Sequence[CellCalibration]) -> float | None:
        """Return what a gate takes that screens all cells and confirms these; None: no time."""
        wished = [cell.blocks_wished for cell in cells if cell.blocks_wished is not None]
        if len(wished) < len(cells):
            return None
        one_s = self.block_s / len(self.cells)
        return self.screen_blocks * self.block_s + one_s * sum(wished)


def _upper_bound(count: int, total: int) -> float:
    """Return the share that so few would show with a chance of 5 %."""
    from scipy.special import betaincinv  # noqa: PLC0415

    return 1.0 if count >= total else float(betaincinv(count + 1, total - count, 0.95))
