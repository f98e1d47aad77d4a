"""Where a run's wall time goes, and how much of it is left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from suite.measuring.deadline import Deadline


@dataclass
class TimeSpent:
    """Seconds by purpose, from the moment the first worker is up to the last cell."""

    inside_s: float = 0.0
    """In the implementations' own code: packing, gates, warm-up and timed calls."""
    judging_s: float = 0.0
    """Drawing data, float64 results, judging outputs."""
    checking_s: float = 0.0
    """In workers around timed calls: fresh operands, looking at outputs, copying them out."""
    starting_s: float = 0.0
    """Starting processes and loading implementations."""
    first_table_s: float | None = None
    """From the first worker on until every cell was decided or had a block; None before that."""
    deadline: Deadline = field(default=Deadline(), repr=False)
    """Of what is measured now."""
    started_at: float | None = field(default=None, repr=False)
    ended_at: float | None = field(default=None, repr=False)

    def begin(self) -> None:
        if self.started_at is None:
            self.started_at = time.monotonic()

    def first_table(self) -> None:
        """Note that every cell is decided or has a block."""
        self.first_table_s = self.wall_s

    def end(self) -> None:
        """Stop the wall clock: what is written afterwards is no measuring."""
        self.ended_at = time.monotonic()

    @property
    def wall_s(self) -> float:
        if self.started_at is None:
            return 0.0
        return (self.ended_at or time.monotonic()) - self.started_at

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.judging_s += time.monotonic() - start

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Count the body as starting, if the first worker was up when it began."""
        start = time.monotonic()
        try:
            yield
        finally:
            if self.started_at is not None:
                self.starting_s += time.monotonic() - start

    def summary(self) -> dict[str, float | None]:
        wall_s = self.wall_s
        return {
            "wall_s": wall_s,
            "inside_s": self.inside_s,
            "judging_s": self.judging_s,
            "checking_s": self.checking_s,
            "starting_s": self.starting_s,
            "first_table_s": self.first_table_s,
            "inside_share": self.inside_s / wall_s if wall_s else None,
        }
