"""How a run measures: every knob with its default and why it has that value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Knobs of one run. The defaults suit a shared machine with two cores."""

    threads: int
    log: Path
    """Where the processes' own output goes."""
    blocks: int = 8
    """Most blocks a cell gets, each in another process."""
    least_blocks: int = 4
    target_half_width: float = 0.02
    """A cell stops when its speed-up is known to ±2 % (95 %), if it may be the fastest."""
    lost_half_width: float = 0.10
    """The same of one that has surely lost: enough to say so, with a number."""
    least_when_lost: int = 3
    most_when_lost: int = 5
    """Noise may keep a row that is a tenth as fast from being known to ±10 %; nobody waits."""
    all_precise: bool = False
    """Whether those that have lost are to be known as well as the others."""
    block_s: float = 0.22
    """Timed calls of one cell in one block: long against a scheduler's tick of 4 ms."""
    warm_s: float = 0.005
    """Untimed calls before a block; untimed ones lead each of its turns besides."""
    first_block_s: float = 0.06
    """The same in a scenario's first block: a whole table is to stand soon."""
    behind_block_s: float = 0.03
    """The same of cells that seem to have lost."""
    rounds: int = 4
    """Turns of each arm in a block; what disturbs one turn disturbs its neighbours alike. On a
    shared machine turns of one process differ as much as those of several, so that many short ones
    say more than few long ones: `python -m tests.studies.turns`."""
    block_samples: int = 16
    """Most of a block, all its turns together. With 36 the ratio of two rows varies as much from
    block to block: `python -m tests.studies.turns`."""
    turn_calls: int = 2
    """Timed calls of a turn at least, as an untimed one leads each; long ones take fewer turns."""
    short_rounds: int = 3
    """Turns in a block as short as the first, or as that of a row that seems to have lost."""
    cell_budget_s: float = 2.5
    """A cell whose blocks took this long ends after `least_over_budget`. Gates do not count: what
    is compiled there is compiled once."""
    lost_budget_s: float = 1.0
    """The same of one that has surely lost: calls of a tenth of a second narrow nothing cheaply.
    Where it is far behind it ends then, without an interval."""
    least_over_budget: int = 3
    """Fewer blocks have no interval."""
    timeout_s: float = 60.0
    """One request to a worker, a call of up to about 10 s included."""
    memory_limit_bytes: int | None = None
    peak_memory: bool = True
    """Measure the memory that a call takes. It takes one more, and waits for the second block."""
    energy: bool = False
    """Measure joules per call, which takes some four seconds a cell."""
    reference: str = "torch"
    verify: bool = True
    """Judge the outputs of timed calls. Off only to measure what it costs."""
