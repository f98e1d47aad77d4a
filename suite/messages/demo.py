"""The demo and the process that filters a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from suite.messages.answer import Answer
from suite.processes.channel import Request
from suite.ranges import Within


@dataclass(frozen=True, kw_only=True, slots=True)
class FilteredPlanes:
    shapes: str
    """Of what went in and came out, filter by filter."""
    largest_error: Annotated[float, Within(0, finite=False)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter(Request[Answer[FilteredPlanes]]):
    """Filter the plane in one .npy file into an .npz file."""

    source: str
    target: str
