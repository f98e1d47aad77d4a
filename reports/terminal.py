"""What a person sees of a run in the terminal while it goes on; `reports.run_summary` is its end.

In a terminal a run is a live table; anywhere else it is one plain line per finished cell. The
live display never refreshes by itself: a thread of ours must not run while others are timed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from reports import grid, units
from suite.printable import printable
from suite.results.cell import CellResult, Status
from suite.results.summary import Summary, summarise

__all__ = ["FAILED", "RunDisplay", "console", "table"]

LINES_BESIDES = 3
"""Of the terminal, that a live table leaves free."""
PLAIN_WIDTH = 160
COLOURS = {Status.PASSED: "green", Status.UNSUPPORTED: "bright_black"}
FAILED = "bold red"
DISTURBED = "yellow"


class PlainConsole(Console):
    """A console that shows texts as they are: no markup, no emoji, and nothing in them steers it.

    Each string and each `Text` is one line: a line end in it is somebody else's and is spelled out.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        return super().render(_one_line(renderable), options)


def _one_line(renderable: Any) -> Any:
    """Return a `Text` with what would steer the terminal spelled out, styled as it was."""
    if not isinstance(renderable, Text) or printable(renderable.plain) == renderable.plain:
        return renderable
    ends = {end for span in renderable.spans for end in (span.start, span.end)}
    pieces = []
    for piece in renderable.divide(sorted(ends)):
        styles = (renderable.style, *(span.style for span in piece.spans))
        pieces.append(Text(printable(piece.plain), Style.combine(map(_style, styles))))
    return Text.assemble(*pieces, no_wrap=renderable.no_wrap, overflow=renderable.overflow)


def _style(style: str | Style) -> Style:
    return Style.parse(style) if isinstance(style, str) else style


def console() -> Console:
    """Return a console on standard output.

    Where that is no terminal it is as wide as the variable COLUMNS says, or as a log may be.
    """
    terminal = PlainConsole()
    if terminal.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return terminal
    return PlainConsole(width=PLAIN_WIDTH)


def table(*columns: str, title: str | None = None) -> Table:
    rich_table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        name = column.removesuffix(">")
        rich_table.add_column(name, justify="right" if column.endswith(">") else "left")
    return rich_table


def clock(seconds: float) -> str:
    """Return minutes and seconds: "1:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def cell_columns(result: CellResult) -> tuple[str, str, str, str]:
    """Return time, speed-up, error and remark of a cell, as shown in progress and lists."""
    summary = summarise(result)
    if summary is None:
        return "", "", "", result.reason
    residuals = result.residuals
    time_s = summary.time_s
    return (
        f"{units.seconds(time_s.value)} {units.interval(time_s.half_width, summary.blocks)}",
        _speedup_words(summary),
        units.error(residuals.rel_l2_error) if residuals else "",
        result.precision or "",
    )


def _speedup_words(summary: Summary) -> str:
    """Return "1.31× ±2.0 %", marked where others took the cores meanwhile."""
    if summary.speedup is None:
        return ""
    text = f"{units.times(summary.speedup.value)} {units.spread(summary.speedup.half_width)}"
    return f"{text.rstrip()} disturbed" if summary.disturbed else text.rstrip()


class Progress(Protocol):
    """Where a run stands."""

    @property
    def done(self) -> int:
        """Cells that are decided."""

    @property
    def total(self) -> int: ...

    @property
    def left_s(self) -> float:
        """Seconds that the rest takes."""

    @property
    def round(self) -> int:
        """Which block of every cell is measured now, counted from 1."""


class RunDisplay:
    """Shows a run as it goes; use as a context manager.

    Args:
        own: rows of the user's, whose times are shown besides.
        order: of the rows.
        verbose: one line for each unsupported cell, too, where no terminal is.
    """

    def __init__(
        self,
        console: Console,
        *,
        own: Collection[str] = (),
        order: Sequence[str] = (),
        verbose: bool = False,
    ) -> None:
        self._console = console
        self._own, self._order = own, order
        self._verbose = verbose
        self._results: dict[str, CellResult] = {}
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> RunDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def watch(self, result: CellResult, at: Progress) -> None:
        """Show a cell that was decided."""
        if self._console.is_terminal:
            self._show([result], at)
        elif self._verbose or result.status is not Status.UNSUPPORTED:
            self._console.print(_plain_line(result, at), soft_wrap=True)

    def watch_standing(self, results: Sequence[CellResult], at: Progress) -> None:
        """Show cells as they stand, where that is no line that stays."""
        if self._console.is_terminal:
            self._show(results, at)

    def watch_round(self, results: Sequence[CellResult], at: Progress) -> None:
        """Show the first whole table; in a terminal it stands there already, and is renewed."""
        if not self._console.is_terminal and at.round == 1:
            grid.print_grid(self._console, results, own=self._own, order=self._order)
            left = clock(at.left_s)
            text = f"one block of every cell; more follow where they decide, about {left} left"
            self._console.print(text, soft_wrap=True)

    def _show(self, results: Sequence[CellResult], at: Progress) -> None:
        self._results |= {result.key: result for result in results}
        progress = (
            f"block {at.round}; {at.done} of {at.total} cells are known, "
            f"about {clock(at.left_s)} left"
        )
        lines = [*self._shown(), Text(progress, style="bold")]
        self._live.update(Group(*lines), refresh=True)

    def _shown(self) -> Sequence[Text]:
        """Return the run's table as far as it is known, or the newest cells where it is too high.

        A table that is higher than the terminal would lose its end, and take long to make.
        """
        room = self._console.height - LINES_BESIDES
        results = list(self._results.values())
        if len({result.scenario.id for result in results}) <= room:
            lines = grid.grid_lines(results, self._console.width, own=self._own, order=self._order)
            if len(lines) <= room:
                return lines
        return [self._newest(result) for result in results[-room:]]

    def _newest(self, result: CellResult) -> Text:
        style = DISTURBED if result.is_disturbed else COLOURS.get(result.status, FAILED)
        details = "  ".join(filter(None, cell_columns(result)))
        line = Text.assemble(f"{result.key}: ", (result.status_words, style), f"  {details}")
        line.truncate(self._console.width, overflow="ellipsis")
        return line


def _plain_line(result: CellResult, at: Progress) -> Text:
    time, speedup, error, remark = cell_columns(result)
    width = len(str(at.total))
    facts = [time, speedup, f"error {error}" if error else "", remark]
    details = "  ".join(fact for fact in facts if fact)
    return Text(
        f"[{at.done:{width}}/{at.total}] {result.key}: {result.status_words}"
        f"{'  ' + details if details else ''}  ({clock(at.left_s)} left)"
    )
