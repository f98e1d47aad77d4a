"""What a source registers and which scenarios each of it covers, told by a process of its own.

Importing runs code that nobody checked: it may crash, and does so alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from suite.errors import UsageError
from suite.problem import Scenario
from suite.processes.channel import Message, serve
from suite.registry import registering, sources


def describe(connection: Connection, source: sources.Source) -> None:
    """Import one source, then tell what it registered as often as asked."""

    def describe_source(scenarios: Sequence[dict[str, Any]]) -> Message:
        try:
            entries = sources.load(source)
        except UsageError as error:
            return {"failure": str(error)}
        questions = [Scenario.from_dict(scenario) for scenario in scenarios]
        return {"entries": [_describe_entry(entry, questions) for entry in entries]}

    serve(connection, {"describe": describe_source})


def _describe_entry(entry: registering.Implementation, scenarios: Sequence[Scenario]) -> Message:
    unsupported = {}
    for scenario in scenarios:
        # What fails here fails in the cell's own worker too, which reports it.
        with contextlib.suppress(Exception):
            if reason := entry.why_unsupported(scenario):
                unsupported[scenario.id] = reason
    return {
        "name": entry.name,
        "family": entry.family,
        "source": entry.source,
        "summary": entry.summary,
        "devices": entry.devices,
        "dtypes": entry.dtypes,
        "precision": entry.precision,
        "error_factor": entry.error_factor,
        "packs": entry.prepare is not None,
        "on_request": entry.on_request,
        "unavailable": entry.why_unavailable(),
        "unsupported": unsupported,
    }
