"""What a person sees of a run in the terminal: its progress and its summary.

In a terminal a run is a live table; anywhere else it is one plain line per finished cell. The
live display never refreshes by itself: a thread of ours must not run while others are timed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from reports import contention_text, units
from suite.printable import printable
from suite.results.cell import CellResult, Status
from suite.results.standing import NONE_PASSED, UNDECIDED, standing
from suite.results.summary import Summary, summarise

__all__ = ["FAILED", "RunDisplay", "console", "print_summary", "table"]

RECENT_CELLS = 14
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
    """Return a console on standard output; as wide as it needs to be where that is no terminal."""
    terminal = PlainConsole()
    return terminal if terminal.is_terminal else PlainConsole(width=PLAIN_WIDTH)


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


class RunDisplay:
    """Shows a run as it goes; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._recent: list[CellResult] = []
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> RunDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def watch(self, result: CellResult, done: int, total: int, left_s: float) -> None:
        """Show a cell that was decided, the `done`th of `total`; the rest takes `left_s`."""
        if not self._console.is_terminal:
            line = _plain_line(result, done, total, left_s)
            self._console.print(line, soft_wrap=True)
            return
        self._recent = [*self._recent, result][-RECENT_CELLS:]
        shown = table("scenario", "implementation", "status", "time>", "speed-up>", "error>", "")
        for cell in self._recent:
            columns = (_short(column) for column in cell_columns(cell))
            style = DISTURBED if cell.is_disturbed else COLOURS.get(cell.status, FAILED)
            status = Text(cell.status_words, style=style)
            shown.add_row(cell.scenario.id, cell.implementation, status, *map(Text, columns))
        progress = f"{done} of {total} cells, about {clock(left_s)} left"
        self._live.update(Group(shown, Text(progress, style="bold")), refresh=True)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _plain_line(result: CellResult, done: int, total: int, left_s: float) -> Text:
    time, speedup, error, remark = cell_columns(result)
    width = len(str(total))
    facts = [time, speedup, f"error {error}" if error else "", remark]
    details = "  ".join(fact for fact in facts if fact)
    return Text(
        f"[{done:{width}}/{total}] {result.key}: {result.status_words}"
        f"{'  ' + details if details else ''}  ({clock(left_s)} left)"
    )


def print_summary(
    console: Console,
    results: Sequence[CellResult],
    *,
    spent: Mapping[str, Any],
    not_measured: Sequence[str],
    again: str,
    report: Path | None,
) -> None:
    """Print winners, failures, the noisiest cell, where the time went, where the report is.

    Args:
        spent: the time_spent's summary, in seconds.
        not_measured: keys of the cells that the budget left no time for.
        again: the command that measures them.
    """
    console.print(_winners(results))
    for result in _failures(results):
        console.print(
            Text.assemble((result.status.value, FAILED), f"  {result.key}: {result.reason}"),
            soft_wrap=True,
        )
    if sentence := contention_text.sentence(results):
        for line in (sentence, contention_text.remedy_for(results)):
            console.print(line, style=DISTURBED, soft_wrap=True)
    counts = {status: sum(r.status is status for r in results) for status in Status}
    disturbed = len(contention_text.disturbed(results))
    marks = {Status.PASSED: f" ({disturbed} disturbed)"} if disturbed else {}
    by_status = ", ".join(
        f"{count} {status.value}{marks.get(status, '')}"
        for status, count in counts.items()
        if count
    )
    console.print(f"{len(results)} cells: {by_status}")
    if noisiest := _noisiest(results):
        console.print(noisiest)
    if spent["inside_share"] is not None:
        console.print(
            f"{spent['inside_share']:.0%} of {spent['wall_s']:.0f} s was spent inside the "
            f"implementations' calls; verifying them took {_verified_share(spent):.0%}, starting "
            f"processes {spent['starting_s']:.0f} s"
        )
    if not_measured:
        console.print(
            f"the budget left no time for {len(not_measured)} cells, first "
            f"{not_measured[0]}; measure them with: {again}",
            style="yellow",
            soft_wrap=True,
        )
    if report is not None:
        console.print(f"report: {report}", soft_wrap=True)


def _winners(results: Sequence[CellResult]) -> Table:
    shown = table(
        "scenario", "fastest", "time>", "speed-up>", "family", title="Fastest that passed"
    )
    by_scenario: dict[str, list[CellResult]] = {}
    for result in results:
        by_scenario.setdefault(result.scenario.id, []).append(result)
    for identity, cells in by_scenario.items():
        outcome = standing(cells)
        if winner := outcome.winner:
            time, speedup, _, _ = cell_columns(winner)
            shown.add_row(Text(identity), Text(winner.implementation), time, speedup, winner.family)
        elif outcome.leader is None:
            shown.add_row(Text(identity), Text(NONE_PASSED, style=FAILED), "", "", "")
        else:
            words = Text.assemble((UNDECIDED, DISTURBED), f": {outcome.why_undecided}")
            shown.add_row(Text(identity), words, "", "", "")
    return shown


def _failures(results: Iterable[CellResult]) -> list[CellResult]:
    fine = (Status.PASSED, Status.UNSUPPORTED)
    return [result for result in results if result.status not in fine]


def _verified_share(spent: Mapping[str, Any]) -> float:
    """Return the share of wall time that drawing, judging and checking took."""
    share: float = (spent["judging_s"] + spent["checking_s"]) / spent["wall_s"]
    return share


def _noisiest(results: Iterable[CellResult]) -> str | None:
    widths = {}
    for result in results:
        summary = summarise(result)
        if summary and summary.time_s.half_width is not None:
            widths[result.key] = summary.time_s.half_width
    if not widths:
        return None
    key = max(widths, key=lambda name: widths[name])
    return f"noisiest cell: {key}, time known to {units.spread(widths[key])}"
