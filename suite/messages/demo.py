"""The demo and the process that filters a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from suite.declaration import Declaration
from suite.messages.answer import Answer
from suite.processes.channel import Request
from suite.ranges import AtLeastOne, Seconds, Within


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredPlanes:
    declared: Declaration
    uncovered: str
    """The filters that it does not cover and why; empty: it covers all."""
    time_s: Seconds
    """Of one pass of the filters that it covers: the least of `calls` of them."""
    calls: AtLeastOne
    largest_error: Annotated[float, Within(0, finite=False)]
    """Against nn.Conv2d with the same weights, in grey levels from 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter(Request[Answer[FilteredPlanes]]):
    """Filter the plane in one .npy file into an .npz file."""

    source: str
    target: str
