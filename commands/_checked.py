"""What `check` says of implementations that failed: each kind of failure once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from reports import terminal
from reports.failure_pattern import pattern
from reports.folding import alike
from reports.shape_text import shape_words
from suite.counted import counted
from suite.measuring.check import Checked
from suite.results.cell import Status
from suite.results.request import Request

MOST_KINDS = 5
"""Of failures that one implementation may show in full."""


def has_failed(checked: Checked) -> bool:
    return checked.status not in (Status.PASSED, Status.UNSUPPORTED)


@dataclass(frozen=True)
class _Kind:
    """Failures of one implementation that differ in figures alone."""

    cells: Sequence[Checked]

    @property
    def smallest(self) -> Checked:
        """The one that is easiest to look into."""
        return min(self.cells, key=lambda cell: cell.scenario.problem.direct_flops)

    @property
    def scenarios(self) -> list[str]:
        return [cell.scenario.id for cell in self.cells]


def failure_lines(cells: Sequence[Checked], request: Request) -> Iterator[Text]:
    """Yield what failed: by implementation how often, where, the smallest case, how to see it.

    Args:
        cells: all that were checked.
        request: what was asked, for the command that checks one case again.
    """
    names = dict.fromkeys(cell.implementation for cell in cells if has_failed(cell))
    for name in names:
        yield from _of_row([cell for cell in cells if cell.implementation == name], request)


def _of_row(cells: Sequence[Checked], request: Request) -> Iterator[Text]:
    failed = [cell for cell in cells if has_failed(cell)]
    passed = [cell for cell in cells if cell.status is Status.PASSED]
    name = failed[0].implementation
    shared = _where(failed, passed)
    count = f"{len(failed)} of {len(failed) + len(passed)} shapes failed"
    yield Text.assemble((name, "bold"), f": {count}{f': {shared}' if shared else ''}")
    kinds = _kinds(failed)
    for kind in kinds[:MOST_KINDS]:
        yield from _of_kind(kind, passed, request, tells_where=not shared)
    if len(kinds) > MOST_KINDS:
        more = len(kinds) - MOST_KINDS
        yield Text(f"  and {more} more kinds of failure; -v shows every shape")


def _kinds(failed: Sequence[Checked]) -> list[_Kind]:
    """Return the kinds of failure, the most frequent first."""
    by_kind: dict[tuple[Status, str], list[Checked]] = {}
    for cell in failed:
        by_kind.setdefault((cell.status, alike(cell.reason)), []).append(cell)
    return sorted(map(_Kind, by_kind.values()), key=lambda kind: -len(kind.cells))


def _of_kind(
    kind: _Kind, passed: Sequence[Checked], request: Request, *, tells_where: bool
) -> Iterator[Text]:
    cell = kind.smallest
    count = len(kind.cells)
    shapes = counted(count, "shape")
    status = (cell.status.value, terminal.FAILED)
    yield Text.assemble("  ", status, f" in {shapes}: {cell.reason}")
    if tells_where and (where := _where(kind.cells, passed)):
        yield Text(f"    {where}")
    which = "the smallest: " if count > 1 else ""
    own = cell.scenario.id.removeprefix(f"{cell.scenario.source}/")
    yield Text(f"    {which}{own}: {shape_words(cell.scenario)}")
    again = request.of_cell(cell.scenario.id, cell.implementation).command_line()
    yield Text(f"    again: {again}")


def _where(failed: Sequence[Checked], passed: Sequence[Checked]) -> str:
    """Return what the failures have in common, or an empty text."""
    if not passed:
        return "all that it covers" if len(failed) > 1 else ""
    return pattern([cell.scenario for cell in failed], [cell.scenario for cell in passed])


def every_failure(cells: Sequence[Checked]) -> Iterator[Text]:
    """Yield a line for each shape of each implementation that failed."""
    for cell in filter(has_failed, cells):
        yield Text(
            f"{cell.scenario.id} × {cell.implementation}: {cell.status.value}: {cell.reason}"
        )
