"""What is said of scenarios and of what a worker's command did."""

from __future__ import annotations

import time
from collections.abc import Sequence

from suite.fleet.workers import Worker
from suite.messages.fleet import Told

MOST_QUOTED = 300


def why_ended(machine: str, told: Told) -> str:
    """Return how a command ended that did not do what it was told."""
    code = told.exit_code or 0
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    said = quoted(told.said) if code > 0 else ""
    return f"its process on {machine} {how}{f': {said}' if said else ''}"


def quoted(said: str) -> str:
    """Return the last lines of what a command said, as part of a sentence."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " / ".join(lines[-3:])[-MOST_QUOTED:]


def last_line(said: str) -> str:
    """Return the last line of what a command said, cut where it is long."""
    line = next((line for line in reversed(said.splitlines()) if line.strip()), "").strip()
    return line if len(line) <= MOST_QUOTED else f"{line[: MOST_QUOTED - 1]}…"


def done_words(worker: Worker, names: Sequence[str]) -> str:
    """Return that these scenarios are done, by whom, and how long it took."""
    took_s = time.monotonic() - worker.began_at
    return f"{some(names)}: measured on {worker.name} in {took_s:.0f} s"


def some(names: Sequence[str]) -> str:
    """Return the first of the names, and how many there are besides."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"
