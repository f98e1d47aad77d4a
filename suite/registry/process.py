"""What a source registers and which scenarios each of it covers, told by a process of its own.

Importing runs code that nobody checked: it may crash, and does so alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from multiprocessing.connection import Connection

from suite.errors import UsageError
from suite.problem import Scenario
from suite.processes.channel import handlers, serve
from suite.registry import registering, sources
from suite.registry.description import Describe, Described, Description


def describe(connection: Connection, source: sources.Source) -> None:
    """Import one source, then tell what it registered as often as asked."""

    def answer(request: Describe) -> Description:
        try:
            entries = sources.load(source)
        except UsageError as error:
            return Description(implementations=(), failure=str(error))
        descriptions = tuple(described(entry, request.scenarios) for entry in entries)
        return Description(implementations=descriptions, failure=None)

    serve(connection, handlers(Describe.handled_by(answer)))


def described(entry: registering.Implementation, scenarios: Sequence[Scenario]) -> Described:
    """Return what an implementation tells of itself and of some scenarios, whatever it raises."""
    unsupported = {}
    for scenario in scenarios:
        # What fails here fails in the cell's own worker too, which reports it.
        with contextlib.suppress(Exception):
            if reason := entry.why_unsupported(scenario):
                unsupported[scenario.id] = reason
    try:
        unavailable = entry.why_unavailable()
    except Exception as error:
        unavailable = f"its own check whether it is available failed: {type(error).__name__}"
    return Described(declared=entry.declaration, unavailable=unavailable, unsupported=unsupported)
