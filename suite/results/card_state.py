"""A GPU at one moment: clocks, heat, power, and what holds its clocks down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from suite.ranges import Within

Reading = Annotated[int, Within(-(2**31), 2**31)]

THROTTLED = (
    "hardware slowdown",
    "hardware thermal slowdown",
    "hardware power brake",
    "software thermal slowdown",
)
"""Reasons for which a block does not count. The power cap is none of them: under dense tensor-core
work it is where a card runs at all times, so nothing would ever be measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardState:
    """A card at one moment; what it does not tell is None."""

    sm_clock_mhz: Reading | None = None
    memory_clock_mhz: Reading | None = None
    temperature_c: Reading | None = None
    power_w: Annotated[float, Within(0, 1e9)] | None = None
    reasons: tuple[str, ...] = ()
    """Why its clocks are below what they could be."""

    @property
    def throttled(self) -> tuple[str, ...]:
        return tuple(reason for reason in self.reasons if reason in THROTTLED)
