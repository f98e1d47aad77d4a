"""How long a fleet's client waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds."""

    poll_s: float = 3.0
    """For which a worker waits before it answers that nothing is new."""
    lease_s: float = 40.0
    """Without a question, after which a measuring process ends itself. Shorter than `silent_s`: it
    is gone before its successor begins."""
    silent_s: float = 60.0
    """Without an answer, after which a worker counts as lost."""
    held_s: float = 60.0
    """For which the measuring process is stopped by somebody, until it counts as lost."""
    stuck_s: float = 1800.0
    """Without a record, the wait for the machine left out. A run bounds each of its steps itself;
    this is for one that does not."""
    away_s: float = 15.0
    """Between two rounds here: this computer slept, and no worker is to blame for what it lost."""
    present_s: float = 1.0
    """Between two looks at who is there."""
    gone_s: float = 15.0
    """For which the scheduler may be out of reach."""
    alone_s: float = 300.0
    """Without any worker, after which the run ends."""
