"""Why rows do not cover scenarios: a line a row, and not one a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.text import Text

from reports.folding import folded
from reports.text_frame import DIM, cut
from suite.printable import printable
from suite.results.cell import CellResult, Status

MOST_NAMED = 3
"""Rows in one line: the reason needs room, too."""


class Tried(Protocol):
    """A row on a scenario, timed or only checked."""

    @property
    def implementation(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def reason(self) -> str: ...


def unsupported_lines(results: Iterable[Tried], width: int) -> list[Text]:
    """Return "gemm_1x1: 7 of 8 unsupported: needs a 1×1 kernel" for each row, cut at the width.

    Rows with the same to say share a line.
    """
    reasons: dict[str, list[str]] = {}
    scenarios: dict[str, int] = {}
    for result in results:
        scenarios[result.implementation] = scenarios.get(result.implementation, 0) + 1
        if result.status is Status.UNSUPPORTED:
            reasons.setdefault(result.implementation, []).append(result.reason)
    names_by_text: dict[str, list[str]] = {}
    for name, given in reasons.items():
        groups = folded(given)
        counted = "; ".join(
            f"{group.text} ({group.count})" if len(groups) > 1 else group.text for group in groups
        )
        text = f"{len(given)} of {scenarios[name]} unsupported: {counted}"
        names_by_text.setdefault(text, []).append(name)
    return [cut(f"{_named(names)}: {text}", width) for text, names in names_by_text.items()]


def _named(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more"


def every_unsupported(results: Iterable[CellResult]) -> list[Text]:
    """Return a line for each such cell, with the whole reason."""
    return [
        Text(f"{result.key}: unsupported: {printable(result.reason)}", DIM)
        for result in results
        if result.status is Status.UNSUPPORTED
    ]
