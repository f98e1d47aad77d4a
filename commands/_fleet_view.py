"""What a person sees of a fleet at work: who is at what, and how long it still takes.

In a terminal a live table; anywhere else a line for each thing that happened. It is drawn when
something happened, once a second at most: a worker may be on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from reports import terminal
from suite.counted import counted
from suite.fleet.dispatch import Dispatcher
from suite.fleet.workers import AT_WORK, Doing, Worker
from suite.printable import printable

REFRESH_S = 1.0
LINES_BESIDES = 6
NEWS = 3
"""Lines below the table."""
STYLES = {
    Doing.WORKING: "green",
    Doing.WAITING: "yellow",
    Doing.SILENT: "bold red",
    Doing.GONE: "bright_black",
    Doing.SET_ASIDE: "bold red",
}


class FleetView:
    """Shows a fleet as it goes; use as a context manager, and `watch` as the dispatcher's.

    Args:
        unit: what is measured: "cells" or "checks".
        exclusive: whether one worker at a time is at work on a machine.
    """

    def __init__(self, console: Console, unit: str, *, exclusive: bool) -> None:
        self._console = console
        self._unit = unit
        self._exclusive = exclusive
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn_at = 0.0
        self._news: list[str] = []

    def __enter__(self) -> FleetView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def watch(self, fleet: Dispatcher, news: str) -> None:
        if not self._console.is_terminal:
            if news:
                done, total = _progress(fleet)
                self._console.print(f"[{done:,}/{total:,}] {news}", soft_wrap=True)
            return
        if news:
            self._news = [*self._news, news][-NEWS:]
        now = time.monotonic()
        if now - self._drawn_at >= REFRESH_S:
            self._drawn_at = now
            self._live.update(Group(*self._lines(fleet)), refresh=True)

    def _lines(self, fleet: Dispatcher) -> Iterable[Any]:
        workers = [w for w in fleet.workers.values() if w.doing is not Doing.GONE]
        room = max(3, self._console.height - LINES_BESIDES - NEWS)
        shown = terminal.table("machine", "does", "scenario", f"{self._unit}>", "left>")
        for worker in workers[:room]:
            shown.add_row(*_row(worker, fleet))
        yield shown
        if len(workers) > room:
            yield Text(f"and {len(workers) - room} more workers", style="bright_black")
        done, total = _progress(fleet)
        left_s = _left_s(fleet, exclusive=self._exclusive)
        left = f", about {terminal.clock(left_s)} left" if left_s is not None else ""
        yield Text(f"{done:,} of {total:,} {self._unit}{left}", style="bold")
        for line in self._news:
            news = Text(printable(line), style="bright_black")
            news.truncate(self._console.width, overflow="ellipsis")
            yield news


def _row(worker: Worker, fleet: Dispatcher) -> Sequence[Text | str]:
    names = worker.scenarios
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    at_work = worker.doing in AT_WORK
    left_s = worker_left_s(worker, fleet) if at_work else None
    return (
        Text(printable(worker.name)),
        Text(worker.doing.value, style=STYLES.get(worker.doing, "")),
        Text(printable(worker.why or (f"{names[0]}{more}" if names else ""))),
        f"{worker.cells:,}",
        "" if left_s is None else terminal.clock(left_s),
    )


def _progress(fleet: Dispatcher) -> tuple[int, int]:
    works = [lane.work for lane in fleet.lanes]
    return sum(work.done for work in works), sum(work.total for work in works)


def pace(fleet: Dispatcher) -> float:
    """Return seconds for each second of an estimate, by what was done so far."""
    spent_s = sum(worker.busy_s for worker in fleet.workers.values())
    guessed_s = sum(worker.estimated_s for worker in fleet.workers.values())
    return spent_s / guessed_s if guessed_s > 0 else 1.0


def worker_left_s(worker: Worker, fleet: Dispatcher) -> float:
    """About how long a worker still has to do with what it has."""
    lane = fleet.lane_of(worker)
    if lane is None or not worker.scenarios:
        return 0.0
    whole_s = pace(fleet) * lane.scenarios.estimate_s(worker.scenarios)
    return max(0.0, whole_s - (time.monotonic() - worker.began_at))


def _left_s(fleet: Dispatcher, *, exclusive: bool) -> float | None:
    """About how long the whole still takes: that of the lane that takes longest."""
    longest_s = None
    for lane in fleet.lanes:
        workers = [w for w in fleet.workers.values() if fleet.lane_of(w) is lane]
        able = [w for w in workers if w.doing in (*AT_WORK, Doing.IDLE)]
        if not able:
            continue
        at_once = len({worker.machine for worker in able} if exclusive else able)
        busy_s = [worker_left_s(worker, fleet) for worker in able]
        waiting_s = pace(fleet) * lane.scenarios.left_s
        left_s = max([*busy_s, (sum(busy_s) + waiting_s) / at_once])
        longest_s = max(longest_s or 0.0, left_s)
    return longest_s


def account(workers: Sequence[Worker], unit: str) -> list[str]:
    """Return a line a machine: how much it did, and how long it waited."""
    by_machine: dict[str, list[Worker]] = {}
    for worker in workers:
        if worker.description is None and worker.doing is Doing.GONE:
            continue
        by_machine.setdefault(worker.machine, []).append(worker)
    lines = []
    for machine, its in by_machine.items():
        facts = summary_of(its)
        died = sum(worker.doing is Doing.GONE for worker in its)
        parts = [
            f"{machine}: {facts['cells']:,} {unit}, {counted(facts['scenarios'], 'scenario')}",
            f"busy {_time(facts['busy_s'])}",
            f"waited {_time(facts['waited_s'])} for the machine",
            f"idle {_time(facts['idle_s'])}",
        ]
        parts += [f"{len(its)} workers"] if len(its) > 1 else []
        parts += [f"{died} of them gone"] if died else []
        parts += [f"{counted(facts['lost'], 'scenario')} given back"] if facts["lost"] else []
        lines.append(", ".join(parts))
        lines += [
            f"{worker.name} took no part: {worker.why}"
            for worker in its
            if worker.doing is Doing.SET_ASIDE
        ]
    return lines


def summary_of(workers: Sequence[Worker]) -> Mapping[str, Any]:
    """Return what some workers did, as a manifest keeps it."""
    return {
        "workers": len(workers),
        "cells": sum(worker.cells for worker in workers),
        "scenarios": sum(worker.done for worker in workers),
        "lost": sum(worker.lost for worker in workers),
        "busy_s": round(sum(worker.busy_s for worker in workers), 1),
        "waited_s": round(sum(worker.waited_s for worker in workers), 1),
        "idle_s": round(sum(worker.idle_s for worker in workers), 1),
    }


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{terminal.clock(seconds)} min"
