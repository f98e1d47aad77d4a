"""The exit code of a run, from what became of its cells."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from suite.errors import EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_WRONG
from suite.results.cell import CellResult, Status

WRONG = (Status.INCORRECT, Status.IMPLAUSIBLE)
BROKEN = (Status.ERROR, Status.CRASHED)
"""An implementation that raises or crashes wherever it was asked is no better than a wrong one."""


def exit_code(
    results: Iterable[CellResult], asked: Collection[str], *, left_out: Collection[str] = ()
) -> int:
    """Return the exit code of a run that was not interrupted.

    Args:
        asked: names of the implementations that were asked for; not a reference that came along.
        left_out: cells that the budget left no time for.

    A cell that is wrong or implausible is "wrong results". So is it when nothing that was asked
    passed and something raised or crashed. Where time or memory ended everything, or the budget
    came before the first cell, the run is inconclusive.
    """
    results = list(results)
    if any(result.status in WRONG for result in results):
        return EXIT_WRONG
    tried = [
        result.status
        for result in results
        if result.implementation in asked and result.status is not Status.UNSUPPORTED
    ]
    if Status.PASSED in tried or (results and not tried and not left_out):
        return EXIT_GOOD
    return EXIT_WRONG if any(status in BROKEN for status in tried) else EXIT_INCONCLUSIVE
