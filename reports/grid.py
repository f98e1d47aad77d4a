"""The table of a run in a terminal: scenario × row, as wide as the terminal and no wider.

Speed-ups over the reference, whose own times stand first; rows that the user named show times as
well. It may be printed in the middle of a run: what is not known yet is blank, and each mark is
explained below the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.console import Console
from rich.text import Text

from reports.fitted_names import without_shared_folder
from reports.text_frame import DIM, MOST_LINES, Figure, Frame, wrapped
from reports.units import short_seconds, short_times
from suite.printable import printable
from suite.results.cell import CellResult, Status
from suite.results.standing import standing
from suite.results.summary import Summary, summarise
from suite.stats.intervals import LEAST_BLOCKS

FASTEST, LEVEL, NO_INTERVAL, DISTURBED, UNSUPPORTED = "*", "≈", "~", "!", "·"
LEGEND = {
    FASTEST: "fastest, beyond its interval",
    LEVEL: "level with the fastest: undecided",
    NO_INTERVAL: f"fewer than {LEAST_BLOCKS} blocks: no interval yet",
    DISTURBED: "disturbed: others took the cores",
    UNSUPPORTED: "unsupported",
}
BLANK = "not measured yet"
STYLES = {FASTEST: "bold green", DISTURBED: "yellow", UNSUPPORTED: DIM}
FAILED, FASTER, SLOW = "bold red", "green", DIM
FAR_BEHIND = 0.5
FAILURES = {
    Status.INCORRECT: "wrong",
    Status.IMPLAUSIBLE: "implaus",
    Status.ERROR: "error",
    Status.TIMEOUT: "timeout",
    Status.OUT_OF_MEMORY: "memory",
    Status.CRASHED: "crashed",
    Status.LOST: "lost",
}


@dataclass(frozen=True)
class _Series:
    """One row's speed-ups, or its times."""

    name: str
    cells: Mapping[str, Figure]
    """By scenario."""


def print_grid(
    console: Console,
    results: Sequence[CellResult],
    *,
    own: Collection[str] = (),
    order: Sequence[str] = (),
) -> None:
    """Print what is known of every cell, one line a scenario where that fits the width.

    Args:
        results: as far as they are known; a later one of a cell takes an earlier one's place.
        own: rows of the user's, whose times are shown besides.
        order: of the rows; others follow as they come.
    """
    for line in grid_lines(results, console.width, own=own, order=order):
        console.print(line, soft_wrap=True)


def grid_lines(
    results: Sequence[CellResult],
    width: int,
    *,
    own: Collection[str] = (),
    order: Sequence[str] = (),
) -> list[Text]:
    """Return the lines that `print_grid` prints."""
    scenarios = list(dict.fromkeys(result.scenario.id for result in results))
    shown = set(scenarios[:MOST_LINES])
    known = _Known([result for result in results if result.scenario.id in shown], own, order)
    if not known.series:
        return []
    lines = _table(known, width)
    if more := len(scenarios) - len(shown):
        lines += wrapped(f"and {more:,} more scenarios in the report", width)
    return [*lines, *_legend(known, width)]


class _Known:
    """What is known of a run: per row a series or two, and who is fastest."""

    def __init__(
        self, results: Sequence[CellResult], own: Collection[str], order: Sequence[str]
    ) -> None:
        self._cells = {(result.scenario.id, result.implementation): result for result in results}
        self.scenarios = list(dict.fromkeys(scenario for scenario, _ in self._cells))
        references = [result.reference for result in results]
        measured = dict.fromkeys(implementation for _, implementation in self._cells)
        ordered = [name for name in dict.fromkeys([*order, *measured]) if name in measured]
        first = [*references, *(name for name in ordered if name in own)]
        self.rows = [name for name in dict.fromkeys([*first, *ordered]) if name in measured]
        self.own = own
        self._references = set(references)
        self._summaries = {key: summarise(result) for key, result in self._cells.items()}
        self._marks = self._marks_of_all()

    @cached_property
    def series(self) -> list[_Series]:
        """Return a column for each row with anything but reasons why it is not covered."""
        series = []
        for name in self.rows:
            results = [result for (_, other), result in self._cells.items() if other == name]
            if name not in self.own and all(r.status is Status.UNSUPPORTED for r in results):
                continue
            is_reference = name in self._references
            if is_reference or name in self.own:
                cells = {r.scenario.id: self._shown(r, in_time=True) for r in results}
                series.append(_Series(f"{name} (time)", cells))
            if not is_reference:
                cells = {r.scenario.id: self._shown(r, in_time=False) for r in results}
                series.append(_Series(name, cells))
        return series

    def has_blanks(self) -> bool:
        return any(len(each.cells) < len(self.scenarios) for each in self.series)

    @property
    def marks(self) -> set[str]:
        """Return the marks in the table."""
        cells = [cell for each in self.series for cell in each.cells.values()]
        dots = {cell.text for cell in cells} & {UNSUPPORTED}
        return dots | {mark for cell in cells for mark in cell.marks}

    def has_speedups(self) -> bool:
        return any(summary and summary.speedup for summary in self._summaries.values())

    @property
    def references(self) -> str:
        return ", ".join(sorted(self._references))

    def _marks_of_all(self) -> dict[tuple[str, str], str]:
        """Return by scenario and row who is fastest or level, and which times say less."""
        by_scenario: dict[str, list[CellResult]] = {}
        for result in self._cells.values():
            by_scenario.setdefault(result.scenario.id, []).append(result)
        marks = {}
        for scenario, results in by_scenario.items():
            outcome = standing(results)
            level = {result.implementation for result in outcome.level}
            for result in results:
                key = scenario, result.implementation
                summary = self._summaries[key]
                if summary is None:
                    continue
                of_cell = DISTURBED if summary.disturbed else ""
                if summary.time_s.half_width is None:
                    of_cell += NO_INTERVAL
                elif result.implementation in level:
                    of_cell += FASTEST if outcome.winner else LEVEL
                marks[key] = of_cell
        return marks

    def _shown(self, result: CellResult, *, in_time: bool) -> Figure:
        key = result.scenario.id, result.implementation
        summary = self._summaries[key]
        if summary is None:
            if result.status is Status.UNSUPPORTED:
                return Figure(UNSUPPORTED, style=STYLES[UNSUPPORTED])
            return Figure(FAILURES[result.status], style=FAILED)
        marks = self._marks[key]
        if in_time or summary.speedup is None:
            return Figure(short_seconds(summary.time_s.value), marks, _style(marks, None))
        text = short_times(summary.speedup.value)
        return Figure(text, marks, _style(marks, summary))


def _style(marks: str, summary: Summary | None) -> str:
    for mark in (DISTURBED, FASTEST):
        if mark in marks:
            return STYLES[mark]
    if summary is None or summary.speedup is None:
        return ""
    if summary.speedup.low is not None and summary.speedup.low > 1:
        return FASTER
    return SLOW if summary.speedup.value < FAR_BEHIND else ""


def _table(known: _Known, width: int) -> list[Text]:
    columns = [
        [each.cells.get(scenario, Figure()) for scenario in known.scenarios]
        for each in known.series
    ]
    frame = Frame(
        labels=without_shared_folder([printable(scenario) for scenario in known.scenarios]),
        heads=[printable(each.name) for each in known.series],
        columns=columns,
    )
    return frame.lines(width)


def _legend(known: _Known, width: int) -> list[Text]:
    parts = [f"speed-up over {known.references}"] if known.has_speedups() else []
    marks = known.marks
    parts += [f"{mark} {meaning}" for mark, meaning in LEGEND.items() if mark in marks]
    if known.has_blanks():
        parts.append(f"blank: {BLANK}")
    return wrapped("; ".join(parts), width)
