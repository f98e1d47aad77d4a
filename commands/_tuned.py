"""What `tune` says: a line for each problem while it goes, then what it learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from reports import units
from reports.terminal import clock, table
from suite.problem import Scenario
from suite.results.cell import CellResult
from suite.results.summary import summarise
from suite.tuning.learning import Outlook

MOST_NAMES = 4


def progress_line(
    scenario: Scenario, results: Sequence[CellResult], done: int, total: int, left_s: float
) -> Text:
    """Return "[3/40] id: 5 rows, least time gemm_1x1 1.31× (1 block: no interval); 1:20 left"."""
    summaries = {result.implementation: summarise(result) for result in results}
    speedups = {
        name: (summary.speedup, summary.blocks)
        for name, summary in summaries.items()
        if summary and summary.speedup
    }
    if any(result.is_disturbed for result in results):
        outcome = f"{len(speedups)} rows, disturbed: others took the cores"
    elif speedups:
        first = max(speedups, key=lambda name: speedups[name][0].value)
        speedup, blocks = speedups[first]
        spread = units.interval(speedup.half_width, blocks)
        outcome = f"{len(speedups)} rows, least time {first} {units.times(speedup.value)} {spread}"
    else:
        outcome = "no row passed"
    return Text(f"[{done}/{total}] {scenario.id}: {outcome}; {clock(left_s)} left")


def outlook_table(conditions: str, outlooks: Mapping[str, Outlook]) -> Table:
    """Return a table with a line for each kind of problem, and one for all that was asked for."""
    shown = table(
        "kind",
        "measured>",
        "auto over torch>",
        "best possible>",
        "over 3 % slower>",
        "choices",
        title=f"{conditions}: what auto should gain, each problem predicted from the others",
    )
    for kind, outlook in outlooks.items():
        shown.add_row(
            kind.replace("_", " "),
            str(outlook.problems),
            units.times(outlook.speedup),
            units.times(outlook.best_speedup),
            f"{outlook.slower_share:.1%}",
            _names(outlook.chosen),
        )
    return shown


def _names(chosen: Mapping[str, int]) -> str:
    """Return "gemm_1x1 12, torch 5 and 2 more"."""
    ordered = sorted(chosen, key=lambda name: -chosen[name])
    most_chosen = ", ".join(f"{name} {chosen[name]}" for name in ordered[:MOST_NAMES])
    more = len(ordered) - MOST_NAMES
    return f"{most_chosen} and {more} more" if more > 0 else most_chosen
