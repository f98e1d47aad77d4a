"""How far a command has come and how long it still takes, where somebody watches.

Nothing is shown in the first two seconds, and nothing at all where standard output is no terminal.
The time left comes from what each step weighs: equal weights stand for steps of equal length.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from reports.terminal import clock
from reports.terminal import console as usual_console
from suite.printable import printable

SHOWN_AFTER_S = 2.0
LEAST_SHARE = 0.15
"""Done of all before a time left is told: from less nothing follows."""

Item = TypeVar("Item")


class Pace:
    """Tells the time left from the weights of what is done and what is to do.

    Args:
        total: weight of all steps.
        most_s: after which it ends, whatever is left.
    """

    def __init__(self, total: float, most_s: float = math.inf) -> None:
        self._total = total
        self._most_s = most_s
        self._done = 0.0
        self._began = time.monotonic()
        self._advanced_at = self._began

    @property
    def share(self) -> float:
        return min(1.0, self._done / self._total) if self._total > 0 else 0.0

    def advance(self, weight: float) -> None:
        self._done += weight
        self._advanced_at = time.monotonic()

    def leave_out(self, weight: float) -> None:
        """Tell that something need not be done."""
        self._total -= weight

    def left_s(self) -> float | None:
        """Return the seconds that the rest takes, None as long as nothing is known."""
        now = time.monotonic()
        left_s = self._most_s - (now - self._began)
        if self.share >= LEAST_SHARE:
            at_last_step_s = (self._advanced_at - self._began) * (1 / self.share - 1)
            left_s = min(left_s, at_last_step_s - (now - self._advanced_at))
        return None if math.isinf(left_s) else max(0.0, left_s)


class Bar:
    """One line that says what is done; `advance` moves it on.

    Args:
        total: weight of all steps; None where nobody knows how long it takes.
        by_itself: let a thread move it between steps: never while anything is timed.
        most_s: after which it ends, whatever is left.
    """

    def __init__(
        self,
        console: Console,
        words: str,
        total: float | None,
        *,
        by_itself: bool = True,
        most_s: float = math.inf,
    ) -> None:
        self.pace = Pace(total or 0.0, most_s)
        self._began = time.monotonic()
        self._is_seen = console.is_terminal
        self._by_itself = by_itself
        self._lock = threading.Lock()
        self._has_ended = False
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        measure = [BarColumn(bar_width=20)] if total is not None else []
        self._progress = Progress(
            *columns,
            *measure,
            _Remaining(self.pace, known=total is not None),
            console=console,
            transient=True,
            auto_refresh=by_itself,
        )
        self._task = self._progress.add_task(printable(words), total=total)
        self._timer = threading.Timer(SHOWN_AFTER_S, self._start)
        self._timer.daemon = True

    def __enter__(self) -> Bar:
        if self._is_seen and self._by_itself:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._has_ended = True
        if self._progress.live.is_started:  # else it would leave an empty line in a log
            self._progress.stop()

    def advance(self, weight: float = 1.0, words: str | None = None) -> None:
        """Tell that a step is done.

        Args:
            words: what comes next.
        """
        self.pace.advance(weight)
        self._progress.advance(self._task, weight)
        if words is not None:
            self._progress.update(self._task, description=printable(words))
        is_due = time.monotonic() - self._began >= SHOWN_AFTER_S
        if self._is_seen and is_due and not self._by_itself:
            self._start()
            self._progress.refresh()

    def leave_out(self, weight: float) -> None:
        """Tell that a step need not be taken."""
        self.pace.leave_out(weight)
        left = self._progress.tasks[self._task].total or 0.0
        self._progress.update(self._task, total=max(0.0, left - weight))

    def _start(self) -> None:
        with self._lock:
            if not self._has_ended:
                self._progress.start()


class _Remaining(ProgressColumn):
    """The time left, or the time that has passed where nobody knows the rest."""

    def __init__(self, pace: Pace, *, known: bool) -> None:
        super().__init__()
        self._pace = pace
        self._known = known

    def render(self, task: Task) -> Text:
        if not self._known:
            return Text(clock(task.elapsed or 0.0))
        left_s = self._pace.left_s()
        return Text("" if left_s is None else f"about {clock(left_s)} left")


@contextmanager
def waiting(words: str, console: Console | None = None) -> Iterator[None]:
    """Show that something of unknown length is at work, and for how long."""
    with Bar(console or usual_console(), words, None):
        yield


def tracked(
    items: Iterable[Item],
    words: str,
    *,
    weights: Sequence[float] = (),
    console: Console | None = None,
) -> Iterator[Item]:
    """Yield the items, and show how many of them are done.

    Args:
        weights: how long each takes, in any unit; all alike where there are none.
    """
    items = list(items)
    weights = list(weights) or [1.0] * len(items)
    with Bar(console or usual_console(), words, sum(weights)) as bar:
        for item, weight in zip(items, weights, strict=True):
            yield item
            bar.advance(weight)
