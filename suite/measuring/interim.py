"""What is known of a scenario while its race goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from suite.results.cell import CellResult


@dataclass(frozen=True)
class Interim:
    """A scenario's cells after one more block, those left out that are decided.

    Yielded by a race between two blocks, when none of its processes runs: another scenario's block
    may come in between.
    """

    results: tuple[CellResult, ...]
    next_block_s: float
    """About how long one more block of its undecided cells takes."""
    blocks_left: float
    """About how many more it takes until all of them are known well."""
    implementation: None = None
    """It decides no row."""


def decided(events: Iterable[CellResult | Interim]) -> Iterator[CellResult]:
    """Yield a race's results to its end, without how it stands in between."""
    for event in events:
        if isinstance(event, CellResult):
            yield event
