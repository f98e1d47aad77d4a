"""What the gate says about the time of one cell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    REGRESSED = "regressed"
    FINE = "fine"
    CANNOT_TELL = "cannot tell"


class Stage(StrEnum):
    SCREEN = "screen"
    CONFIRM = "confirm"


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeVerdict:
    """A cell's verdict on time, with what it rests on. Numbers are None without enough blocks."""

    verdict: Verdict
    stage: Stage
    """The stage whose blocks decided."""
    why: str = ""
    """Why it cannot be told; empty otherwise."""
    blocks: int = 0
    disturbed: int = 0
    """Blocks in which others took the cores; they count for nothing."""
    base_s: float | None = None
    head_s: float | None = None
    ratio: float | None = None
    """Head's time over base's; above 1 is slower."""
    ratio_low: float | None = None
    """Ends of the interval: each is passed with a chance of 5 % at most."""
    ratio_high: float | None = None
    margin: float | None = None
    adjusted_p: float | None = None
    """Of "not slower by more than the margin", adjusted for all suspects; None if never one."""
    smallest_visible: float | None = None
    """The smallest slowdown that this run would have seen in this cell: 0.03 is 3 %."""
    bias: float | None = None
    """Standard deviation of the bias that the null arm shows, on the logarithmic scale."""
    improved: bool = False
    """Faster by more than the margin. Shown, never a reason to fail."""


UNMEASURED = TimeVerdict(
    verdict=Verdict.CANNOT_TELL, stage=Stage.SCREEN, why="no block was measured"
)
