"""What a person sees in the terminal: progress, the summary of a run, tables of lists.

In a terminal a run is a live table; anywhere else it is one plain line per finished cell. The
live display never refreshes by itself: a thread of ours must not run while others are timed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports import units
from suite import machine, stats
from suite.catalogue import Catalogue
from suite.check import Checked
from suite.demo import Filtered
from suite.result import CellResult, Status
from suite.runner import Outcome, Progress

__all__ = [
    "RunDisplay",
    "catalogue_table",
    "checked_table",
    "console",
    "filtered_table",
    "print_doctor",
    "print_summary",
]

RECENT_CELLS = 14
PLAIN_WIDTH = 160
COLOURS = {Status.PASSED: "green", Status.UNSUPPORTED: "bright_black"}
FAILED = "bold red"


def console() -> Console:
    """Return a console on standard output; as wide as it needs to be where that is no terminal."""
    made = Console()
    return made if made.is_terminal else Console(width=PLAIN_WIDTH)


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        name = column.removesuffix(">")
        made.add_column(name, justify="right" if column.endswith(">") else "left")
    return made


def clock(seconds: float) -> str:
    """Return minutes and seconds: "1:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def cell_columns(result: CellResult) -> tuple[str, str, str, str]:
    """Return time, speed-up, error and remark of a cell, as shown in progress and lists."""
    summary = stats.summarise(result)
    if summary is None:
        return "", "", "", result.reason
    speedup = summary.speedup
    residuals = result.residuals
    return (
        f"{units.seconds(summary.time_s.value)} {units.spread(summary.time_s.half_width)}",
        f"{units.times(speedup.value)} {units.spread(speedup.half_width)}" if speedup else "",
        units.error(residuals.rel_l2_error) if residuals else "",
        result.precision or "",
    )


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

    def watch(self, result: CellResult, progress: Progress) -> None:
        if not self._console.is_terminal:
            self._console.print(_plain_line(result, progress), soft_wrap=True, highlight=False)
            return
        self._recent = [*self._recent, result][-RECENT_CELLS:]
        shown = table("scenario", "implementation", "status", "time>", "speed-up>", "error>", "")
        for cell in self._recent:
            columns = (_short(column) for column in cell_columns(cell))
            style = COLOURS.get(cell.status, FAILED)
            status = Text(cell.status.value, style=style)
            shown.add_row(cell.scenario.id, cell.implementation, status, *map(Text, columns))
        left = f"{progress.done} of {progress.total} cells, about {clock(progress.left_s)} left"
        self._live.update(Group(shown, Text(left, style="bold")), refresh=True)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _plain_line(result: CellResult, progress: Progress) -> Text:
    time, speedup, error, remark = cell_columns(result)
    width = len(str(progress.total))
    facts = [time, speedup, f"error {error}" if error else "", remark]
    told = "  ".join(fact for fact in facts if fact)
    return Text(
        f"[{progress.done:{width}}/{progress.total}] {result.key}: {result.status.value}"
        f"{'  ' + told if told else ''}  ({clock(progress.left_s)} left)"
    )


def print_summary(
    console: Console, results: Sequence[CellResult], outcome: Outcome, report: Path | None
) -> None:
    """Print winners, failures, the noisiest cell, where the time went, where the report is."""
    console.print(_winners(results))
    for result in _failures(results):
        console.print(
            Text.assemble((result.status.value, FAILED), f"  {result.key}: {result.reason}"),
            soft_wrap=True,
        )
    counts = {status: sum(r.status is status for r in results) for status in Status}
    told = ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)
    console.print(f"{len(results)} cells: {told}", highlight=False)
    if noisiest := _noisiest(results):
        console.print(noisiest, highlight=False)
    spent = outcome.ledger.summary()
    if spent["inside_share"] is not None:
        console.print(
            f"{spent['inside_share']:.0%} of {spent['wall_s']:.0f} s was spent inside the "
            f"implementations' calls; judging took {spent['judging_s']:.0f} s, starting "
            f"processes {spent['starting_s']:.0f} s",
            highlight=False,
        )
    if outcome.not_measured:
        console.print(
            f"the budget left no time for {len(outcome.not_measured)} cells, first "
            f"{escape(outcome.not_measured[0])}; --resume measures them",
            style="yellow",
            highlight=False,
        )
    if report is not None:
        console.print(f"report: {report}", highlight=False, soft_wrap=True)


def _winners(results: Sequence[CellResult]) -> Table:
    shown = table(
        "scenario", "fastest", "time>", "speed-up>", "family", title="Fastest that passed"
    )
    by_scenario: dict[str, list[tuple[float, CellResult]]] = {}
    for result in results:
        summary = stats.summarise(result)
        entries = by_scenario.setdefault(result.scenario.id, [])
        if summary is not None:
            entries.append((summary.time_s.value, result))
    for identity, entries in by_scenario.items():
        if not entries:
            shown.add_row(Text(identity), Text("none passed", style=FAILED), "", "", "")
            continue
        best = min(entries, key=lambda entry: entry[0])[1]
        time, speedup, _, _ = cell_columns(best)
        shown.add_row(Text(identity), Text(best.implementation), time, speedup, best.family)
    return shown


def _failures(results: Iterable[CellResult]) -> list[CellResult]:
    fine = (Status.PASSED, Status.UNSUPPORTED)
    return [result for result in results if result.status not in fine]


def _noisiest(results: Iterable[CellResult]) -> str | None:
    widths = {}
    for result in results:
        summary = stats.summarise(result)
        if summary and summary.time_s.half_width is not None:
            widths[result.key] = summary.time_s.half_width
    if not widths:
        return None
    key = max(widths, key=lambda name: widths[name])
    return f"noisiest cell: {key}, time known to {units.spread(widths[key])}"


def checked_table(found: Sequence[Checked], families: dict[str, str]) -> Table:
    """Return one row an implementation: how many shapes passed, and how far from the bounds."""
    shown = table(
        *("implementation", "family", "shapes passed>", "failed>", "unsupported>"),
        *("largest error / allowed>", "largest relative L2 error>", "bit-repeatable"),
    )
    for name, family in families.items():
        mine = [checked for checked in found if checked.implementation == name]
        passed = [checked for checked in mine if checked.status is Status.PASSED]
        skipped = sum(checked.status is Status.UNSUPPORTED for checked in mine)
        residuals = [checked.residuals for checked in passed if checked.residuals]
        repeats = {checked.deterministic for checked in mine} - {None}
        failed = len(mine) - len(passed) - skipped
        shown.add_row(
            Text(name),
            family,
            str(len(passed)),
            Text(str(failed), style=FAILED if failed else ""),
            str(skipped),
            units.digits(max((r.worst_error_ratio for r in residuals), default=0.0)),
            units.error(max((r.rel_l2_error for r in residuals), default=None)),
            "" if not repeats else "no" if False in repeats else "yes",
        )
    return shown


def catalogue_table(catalogue: Catalogue) -> Table:
    """Return every implementation, and why one cannot be used here."""
    shown = table("implementation", "family", "what it is")
    for entry in catalogue.entries:
        if entry.unavailable:
            about = Text(f"unavailable: {entry.unavailable}", style="bright_black")
        else:
            about = Text(entry.summary + (" Runs on request: --impl." if entry.on_request else ""))
        shown.add_row(Text(entry.name), entry.family, about)
    for failure in catalogue.failures:
        shown.add_row("", "", Text(failure, style=FAILED))
    return shown


def filtered_table(filtered: Iterable[Filtered]) -> Table:
    """Return what each implementation made of the photograph."""
    shown = table("implementation", "status", "shapes", "largest error against nn.Conv2d>")
    for result in filtered:
        shown.add_row(
            Text(result.implementation),
            result.status,
            Text(result.shapes or result.reason),
            units.error(result.largest_error) if result.shapes else "",
        )
    return shown


def print_doctor(
    console: Console, found: dict[str, Any], now: dict[str, Any], noise: float
) -> None:
    """Print the machine, its noise grade and what would make it steadier."""
    caches = ", ".join(f"{level} {size}" for level, size in found["caches"].items())
    steal = now["steal_share"]
    rows = {
        "CPU": f"{found['cpu']}{' (virtual machine)' if found['virtual'] else ''}",
        "cores": f"{found['cores']} usable; caches {caches or 'unknown'}",
        "memory": units.bytes_(found["memory_bytes"]),
        "governor": found["governor"] or "not told by this system",
        "load": f"{_or_unknown(now['load_1min'])} over 1 minute, {now['busy_share']:.0%} busy now"
        + ("" if steal is None else f", {steal:.1%} stolen by other guests since boot"),
        "system": f"{found['os']}, Python {found['python']}",
        "torch": f"{found['torch']}, {found['cpu_capability']}, "
        f"oneDNN {'yes' if found['onednn'] else 'no'}, numba {found['numba']}",
        "GPU": f"{found['gpu']}, cuDNN {found['cudnn']}"
        if found["gpu"]
        else "none that torch sees",
        "thread pools": _parallel_lines(found["torch_parallel"]),
        "noise": f"grade {machine.noise_grade(noise)}: equal work takes up to {noise:.1%} longer "
        "than its median (90th percentile)",
    }
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        shown.add_row(Text(name, style="bold"), Text(str(value)))
    console.print(shown)
    advice = machine.advice(found, now)
    for line in advice:
        console.print(f"• {line}", highlight=False)
    if not advice:
        console.print("nothing to improve was found")


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _parallel_lines(parallel_info: str) -> str:
    keep = ("at::get_num_threads", "omp_get_max_threads", "mkl_get_max_threads", "OpenMP")
    lines = (line.strip() for line in parallel_info.splitlines())
    return "; ".join(line for line in lines if line.startswith(keep))
