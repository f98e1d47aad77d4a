"""What sources register and which scenarios each of it covers, told by a process of its own.

Importing runs code that nobody checked: it may crash, and does so alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from multiprocessing.connection import Connection

from suite.conditions import Scenario
from suite.errors import UsageError
from suite.processes.channel import handlers, serve
from suite.registry import sources
from suite.registry.description import Describe, Described, Description, Descriptions
from suite.registry.implementation import Implementation


def describe(connection: Connection, *these: sources.Source) -> None:
    """Import some sources, then tell what each registered as often as asked."""

    def answer(request: Describe) -> Descriptions:
        # All before any is asked: what a row covers may depend on others, which it then imports.
        loaded = [_loaded(source) for source in these]
        return Descriptions(
            of_sources=tuple(
                Description(implementations=(), failure=entries)
                if isinstance(entries, str)
                else Description(
                    implementations=tuple(described(e, request.scenarios) for e in entries),
                    failure=None,
                )
                for entries in loaded
            )
        )

    serve(connection, handlers(Describe.handled_by(answer)))


def _loaded(source: sources.Source) -> list[Implementation] | str:
    """Return what a source registered, or why it does not import."""
    try:
        return sources.load(source)
    except UsageError as error:
        return str(error)


def described(entry: Implementation, scenarios: Sequence[Scenario]) -> Described:
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
