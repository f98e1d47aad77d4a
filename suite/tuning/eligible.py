"""Which rows may stand in for torch, and which of them are measured where nobody named any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from suite.declaration import Declaration

if TYPE_CHECKING:
    from suite.registry.catalogue import Entry

REFERENCE = "torch"
CHOOSER = "auto"
MOST_ERROR_FACTOR = 4
"""Rows that may err more, Winograd's F(6×6, 3×3) among them, are never chosen."""
LEFT_TO_REQUESTS = ("engine", "reference")
TEXTBOOK = ("loops", "loops_unrolled")
"""Families, and loops in Python, that are measured only where somebody names them."""


def is_eligible(declared: Declaration) -> bool:
    """Return whether what a row declares lets it stand in for torch on a CPU."""
    return (
        declared.name not in (CHOOSER, REFERENCE)
        and declared.error_factor <= MOST_ERROR_FACTOR
        and declared.precision is None
        and "cpu" in declared.devices
    )


def usual_rows(entries: Iterable[Entry]) -> list[Entry]:
    """Return the rows that are measured where nobody named any."""
    return [
        entry
        for entry in entries
        if not (
            entry.family in LEFT_TO_REQUESTS or entry.name in TEXTBOOK or entry.declared.on_request
        )
    ]
