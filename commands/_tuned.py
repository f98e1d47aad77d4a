"""What `tune` says: a line for each problem while it goes, then what it learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from reports import units
from reports.progress import Bar
from reports.terminal import clock
from reports.text_frame import Figure, Frame, wrapped
from suite.conditions import Scenario
from suite.measuring import estimate
from suite.results.cell import CellResult
from suite.results.folder import read_results
from suite.results.summary import summarise
from suite.tuning.campaign import measured_as
from suite.tuning.learning import Here, Outlook
from suite.tuning.store import Conditions

MOST_NAMES = 4
ALL = "all"


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


class TuningProgress:
    """Prints one line for each problem that was measured, and moves a bar where a terminal is."""

    def __init__(
        self, console: Console, folder: Path, asked: Sequence[Scenario], budget_s: float
    ) -> None:
        self._console = console
        self._asked = asked
        measured = (r for r in read_results(folder) if not r.is_disturbed)
        known = {measured_as(result.scenario) for result in measured}
        missing = [scenario for scenario in asked if measured_as(scenario) not in known]
        self._done = len(asked) - len(missing)
        total = sum(map(_weight, missing))
        self.bar = Bar(console, "tuning", total, by_itself=False, most_s=budget_s)

    def __call__(self, scenario: Scenario, results: Sequence[CellResult], _: float) -> None:
        self._done += 1
        self.bar.advance(_weight(scenario))
        left_s = self.bar.pace.left_s() or 0.0
        line = progress_line(scenario, results, self._done, len(self._asked), left_s)
        self._console.print(line, soft_wrap=True)


def _weight(scenario: Scenario) -> float:
    """Return about how long a problem takes, in seconds a row."""
    return estimate.scenario_s(scenario, 1)


def learnt_lines(
    conditions: Conditions, here: Here | None, outlooks: Mapping[str, Outlook], width: int
) -> Iterator[Text]:
    """Yield what was measured on the given layers, and what is expected on others.

    Args:
        here: None where none of the given layers was measured.
    """
    yield Text(str(conditions), "bold")
    if here:
        layers = "this layer" if here.problems == 1 else f"these {here.problems} layers"
        yield from wrapped(
            f"measured: {units.times(here.speedup)} over torch on {layers}, "
            f"{units.times(here.best_speedup)} with the best row of each; auto now chooses "
            f"{_names(here.chosen)}",
            width,
            "green" if here.speedup > 1 else "",
        )
    if every := outlooks.get(ALL):
        yield from wrapped(
            f"expected on layers that were not measured: {units.times(every.speedup)} over torch, "
            f"over 3 % slower on {every.slower_share:.1%} (each of {every.problems} predicted from "
            "the others):",
            width,
            "",
        )
    yield from _table(outlooks, width)


def _table(outlooks: Mapping[str, Outlook], width: int) -> list[Text]:
    """Return a line for each kind of layer, and one for all that was asked for."""
    columns = {
        "measured": [str(each.problems) for each in outlooks.values()],
        "auto over torch": [units.times(each.speedup) for each in outlooks.values()],
        "best possible": [units.times(each.best_speedup) for each in outlooks.values()],
        "over 3 % slower": [f"{each.slower_share:.1%}" for each in outlooks.values()],
    }
    kinds = [kind.replace("_", " ") for kind in outlooks]
    figures = [list(map(Figure, column)) for column in columns.values()]
    return Frame(kinds, list(columns), figures).lines(width)


def _names(chosen: Mapping[str, int]) -> str:
    """Return "gemm_1x1 12, torch 5 and 2 more"."""
    ordered = sorted(chosen, key=lambda name: -chosen[name])
    most_chosen = ", ".join(f"{name} {chosen[name]}" for name in ordered[:MOST_NAMES])
    more = len(ordered) - MOST_NAMES
    return f"{most_chosen} and {more} more" if more > 0 else most_chosen
