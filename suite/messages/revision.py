"""The gate and the process of a revision, which serves a worker for every cell that is loaded.

A worker's own requests (`suite.messages.worker`) are sent `to` a cell of that name.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.messages.worker import Loaded, TimedAnswer
from suite.processes.channel import Done, Request
from suite.registry.sources import Source, WaySource


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready(Request[Done]):
    """Answer once everything is imported."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadCell(Request[TimedAnswer[Loaded]]):
    """Import a cell's source and make its worker."""

    cell: str
    source: Source | WaySource
    name: str
    threads: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgetCell(Request[Done]):
    """Let go of a cell's memory."""

    cell: str
