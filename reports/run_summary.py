"""What a run ends with in the terminal: who is fastest, the whole table, what failed, what next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import contention_text, fallback_text, glossary, units
from reports.choices_text import CHOOSING, choice_lines
from reports.fitted_names import distinct, width_of, without_shared_folder
from reports.folding import folded
from reports.grid import print_grid
from reports.matrix import Matrix
from reports.network_text import network_lines
from reports.terminal import DISTURBED, FAILED, cell_columns
from reports.unsupported_text import every_unsupported, unsupported_lines
from reports.value_slowdowns import value_lines
from reports.whole_networks import whole_network_lines
from suite.counted import counted
from suite.printable import printable
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from suite.results.standing import NONE_PASSED, UNDECIDED, standing
from suite.results.summary import summarise

MOST_WINNERS = 40
"""Scenarios whose fastest row is named; the report has all."""
LABEL_SHARE = 3
"""One part in so many of the width is for scenarios' names."""


def print_summary(
    console: Console,
    run: Run,
    *,
    spent: Mapping[str, Any],
    not_measured: Sequence[str],
    again: str,
    own: Collection[str] = (),
    order: Sequence[str] = (),
    verbose: bool = False,
) -> None:
    """Print winners, the table of all, totals, failures, where the time went, what comes next.

    Args:
        spent: the time_spent's summary, in seconds.
        not_measured: keys of the cells that the budget left no time for.
        again: the command that measures them.
        own: rows of the user's, whose times are shown besides.
        order: of the rows.
        verbose: say why of each unsupported cell, not of each row.
    """
    results = run.results
    _print_winners(console, results)
    console.print()
    print_grid(console, results, own=own, order=order)
    # Elsewhere than in a terminal each had its line when it was decided.
    in_full = verbose and console.is_terminal
    unsupported = (
        every_unsupported(results) if in_full else unsupported_lines(results, console.width)
    )
    matrix = Matrix.of(run)
    totals = [
        *network_lines(matrix, console.width, {*own, CHOOSING}),
        *whole_network_lines(matrix, console.width),
        *value_lines(matrix, console.width),
    ]
    choices = choice_lines(results, console.width)
    gap = [Text("")] if totals or choices else []
    for line in [*unsupported, *gap, *totals, *choices, *gap, *_failures(results)]:
        console.print(line, soft_wrap=True)
    if fallback := fallback_text.sentence(results):
        console.print(fallback, style=DISTURBED, soft_wrap=True)
    if sentence := contention_text.sentence(results):
        for text in (sentence, contention_text.remedy_for(results)):
            console.print(text, style=DISTURBED, soft_wrap=True)
    counts = {status: sum(r.status is status for r in results) for status in Status}
    disturbed = len(contention_text.disturbed(results))
    marks = {Status.PASSED: f" ({disturbed} disturbed)"} if disturbed else {}
    by_status = ", ".join(
        f"{count} {status.value}{marks.get(status, '')}"
        for status, count in counts.items()
        if count
    )
    console.print(f"{counted(len(results), 'cell')}: {by_status}")
    if noisiest := _noisiest(results):
        console.print(noisiest)
        for words in glossary.lines(noisiest.rpartition(" known to ")[2]):  # as wide as any
            console.print(words, style="dim", soft_wrap=True)
    if spent["inside_share"] is not None:
        console.print(
            f"{spent['inside_share']:.0%} of {spent['wall_s']:.0f} s was spent inside the "
            f"implementations' calls; verifying them took {_verified_share(spent):.0%}, starting "
            f"processes {spent['starting_s']:.0f} s{_first_table(spent)}"
        )
    if not_measured:
        console.print(
            f"the budget left no time for {counted(len(not_measured), 'cell')}, first "
            f"{not_measured[0]}; measure them with: {again}",
            style="yellow",
            soft_wrap=True,
        )


def _print_winners(console: Console, results: Sequence[CellResult]) -> None:
    """Print who is fastest in each scenario, with what is known of the lead."""
    by_scenario: dict[str, list[CellResult]] = {}
    for result in results:
        by_scenario.setdefault(result.scenario.id, []).append(result)
    outcomes = list(map(_outcome, islice(by_scenario.values(), MOST_WINNERS)))
    names = without_shared_folder([printable(identity) for identity in by_scenario])
    labels = distinct(names, console.width // LABEL_SHARE)[:MOST_WINNERS]
    shown = Table.grid(padding=(0, 2))
    shown.add_column(no_wrap=True, width=width_of(labels))
    shown.add_column()
    for label, outcome in zip(labels, outcomes, strict=True):
        shown.add_row(Text(label), outcome)
    console.print("Fastest that passed", style="bold")
    console.print(shown)
    if more := len(by_scenario) - len(labels):
        console.print(f"and {more:,} more scenarios in the report", style="bright_black")


def _outcome(results: Sequence[CellResult]) -> Text:
    """Return "winograd_4x4 2.24× ±2.0 %, 14.4 ms ±1.0 %" of one scenario, or why nobody wins."""
    outcome = standing(results)
    if winner := outcome.winner:
        time, speedup, _, _ = cell_columns(winner)
        is_reference = winner.implementation == winner.reference
        figures = time if is_reference or not speedup else f"{speedup}, {time}"
        return Text.assemble((winner.implementation, "green"), f" {figures}")
    if outcome.leader is None:
        return Text(NONE_PASSED, style=FAILED)
    return Text.assemble((UNDECIDED, DISTURBED), f": {outcome.why_undecided}")


def _failures(results: Iterable[CellResult]) -> list[Text]:
    """Return a line for each kind of failure of each row, with where it happened."""
    fine = (Status.PASSED, Status.UNSUPPORTED)
    failed: dict[tuple[str, Status], list[CellResult]] = {}
    for result in results:
        if result.status not in fine:
            failed.setdefault((result.implementation, result.status), []).append(result)
    lines = []
    for (name, status), cells in failed.items():
        for reason in folded(cell.reason for cell in cells):
            same = [cell for cell in cells if cell.reason in reason.given]
            where = same[0].key if len(same) == 1 else f"{name} in {_counted(same)}"
            lines.append(Text.assemble((status.value, FAILED), f"  {where}: {reason.text}"))
    return lines


def _counted(cells: Sequence[CellResult]) -> str:
    """Return "3 scenarios, first quick/1x1"."""
    return f"{counted(len(cells), 'scenario')}, first {cells[0].scenario.id}"


def _first_table(spent: Mapping[str, Any]) -> str:
    first_s = spent.get("first_table_s")
    return "" if first_s is None else f"; the first whole table stood after {first_s:.0f} s"


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
