"""What is said of cells that were timed while others took the cores, and how to get clean ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports import units
from suite.counted import counted
from suite.results.cell import CellResult
from suite.results.contention import largest_others_share

MOST_NAMED = 5


def remedy(threads: int | None = None) -> str:
    """Return how to get clean times, where so many threads were used: None is several."""
    fewer = "" if threads == 1 else "measure with --threads 1, "
    return (
        f"for clean times wait until the machine is free, {fewer}or keep others off the cores "
        "with taskset"
    )


def remedy_for(results: Iterable[CellResult]) -> str:
    """Return how to get clean times of what was disturbed among these."""
    return remedy(max((cell.threads or 0 for cell in disturbed(results)), default=None))


def disturbed(results: Iterable[CellResult]) -> list[CellResult]:
    return [result for result in results if result.is_disturbed]


def sentence(results: Iterable[CellResult]) -> str:
    """Return which cells were disturbed and by how much, or an empty text."""
    cells = disturbed(results)
    if not cells:
        return ""
    count = f"{counted(len(cells), 'cell')} disturbed"
    return f"{count}: {cause(cells)} in every block of {_named(cells)}; no winner follows"


def cause(cells: Sequence[CellResult]) -> str:
    """Return what took the cores while these cells were timed: "others took 0.96 of a core"."""
    share = largest_others_share([block.contention for cell in cells for block in cell.blocks])
    return "others took the cores" if share is None else f"others took up to {cores(share)}"


def cores(share: float) -> str:
    """Return a share of cores in words: "0.96 of a core", "1.5 cores"."""
    return f"{share:.2f} of a core" if share <= 1 else f"{units.digits(share)} cores"


def _named(cells: Sequence[CellResult]) -> str:
    named = ", ".join(cell.key for cell in cells[:MOST_NAMED])
    return named if len(cells) <= MOST_NAMED else f"{named}, …"
