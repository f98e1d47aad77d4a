"""How a block of a gate is timed, where two sides of the same cell alternate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commands._preparing import settings_for
from suite.measuring.settings import Settings
from suite.results.request import Request

ROUNDS = 4
"""Turns of each side in a block: more than in `run`, as there are only two sides to alternate."""
BLOCK_S = 0.08
"""Timed calls of a side and cell in one block; a scheduler's tick is 4 ms."""
TURN_CALLS = 1
"""Timed calls of a turn at least: sides alternate as often as they can."""
BLOCK_SAMPLES = 100
"""Most of a block: the first decile, which is compared, rests on a tenth of them."""


def settings_of_sides(request: Request, log: Path, **others: Any) -> Settings:
    """Return settings as asked; `others` that are None as usual."""
    return settings_for(
        request,
        log,
        rounds=ROUNDS,
        block_s=BLOCK_S,
        turn_calls=TURN_CALLS,
        block_samples=BLOCK_SAMPLES,
        **others,
    )
