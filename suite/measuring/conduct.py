"""What an arm's processes did besides their own turns, and what others did to them.

Seen from outside, by the parent. Exactly one arm works at any moment: the processes of all others
are held, so that nothing of them can disturb it. Only while the judge looks at what a round of
turns computed are they let go, and watched: a row that computes then would do so in others' time
wherever nobody holds it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from suite.processes.tree import IS_SEEN, ProcessTree

MOST_BUSY_SHARE = 0.1
"""Of a core, besides its turns: pools spin for some milliseconds after their work."""
LEAST_BUSY_S = 0.02
MOST_BUSY_BLOCKS = 1
"""One such block is void; another one speaks of the row."""
CORES_TOLERANCE = 0.35
"""Beyond the threads that it was given: the interpreter's own share, and the clocks' grain."""
LEAST_TURN_S = 0.01


@dataclass
class Conduct:
    """Of one cell. What is told by block is told by `end_block`, and begins anew."""

    away_s: float = 0.0
    """For which it was watched besides its turns, since the last block ended."""
    busy_s: float = 0.0
    """Processor time that its processes used in that time."""
    hampered: list[str] = field(default_factory=list)
    """What was done to its process in its turns, or could not be undone before them."""
    undone: list[str] = field(default_factory=list)
    """What was done to its process between its turns, and was put back."""
    detached: int = 0
    """Processes that had left its session, and were ended."""
    besides_share: float | None = None
    """Of a core, as it was in the last block; None where nothing can be seen."""
    busy_blocks: int = 0
    least_cores: float | None = None
    """In the turn of all its blocks in which it used the least."""
    _began_at: float = 0.0
    _began_cpu_s: float = 0.0

    def enter(self, tree: ProcessTree) -> None:
        """Take note when the process is about to get the token."""
        if changes := tree.changes():
            lasting = tree.changes()
            self.hampered += lasting
            self.undone += [change for change in changes if change not in lasting]
        self._begin(tree)

    def leave(self, tree: ProcessTree, *, timed: bool) -> None:
        """Hold it when it has given the token back; what it left to outlive it is ended."""
        held_s, used_s = self._since(tree)
        if timed and held_s > LEAST_TURN_S:
            cores = used_s / held_s
            self.least_cores = cores if self.least_cores is None else min(cores, self.least_cores)
        self.hampered += tree.changes()
        tree.stop()
        self.detached += tree.end_detached()

    def let_go(self, tree: ProcessTree) -> None:
        """Begin to watch what it does when nobody has asked it."""
        self._begin(tree)

    def seize(self, tree: ProcessTree) -> None:
        """End that."""
        away_s, used_s = self._since(tree)
        self.away_s += away_s
        self.busy_s += used_s

    def _begin(self, tree: ProcessTree) -> None:
        self._began_at, self._began_cpu_s = time.monotonic(), tree.cpu_s()

    def _since(self, tree: ProcessTree) -> tuple[float, float]:
        used_s = tree.cpu_s() - self._began_cpu_s
        return time.monotonic() - self._began_at, max(0.0, used_s)

    @property
    def busy_share(self) -> float:
        """Of a core, when it had nothing to do in this block."""
        return self.busy_s / self.away_s if self.away_s > 0 else 0.0

    def void(self) -> str | None:
        """Return why this block counts for nobody, if it does not."""
        if self.hampered:
            return f"something changed its process: {'; '.join(dict.fromkeys(self.hampered))}"
        if self._is_busy():
            return f"it took {self.busy_share:.0%} of a core when it was not its turn"
        return None

    def fault(self, threads: int | None) -> str | None:
        """Return what makes a row's times no times to compare with, if anything.

        Args:
            threads: how many it was given; None where that does not bound what it uses here.
        """
        if self._is_busy() and self.busy_blocks >= MOST_BUSY_BLOCKS:
            return (
                f"kept computing when it was not its turn: its processes took "
                f"{self.busy_share:.0%} of a core there, in {self.busy_blocks + 1} blocks"
            )
        if threads and self.least_cores and self.least_cores > threads + CORES_TOLERANCE:
            return (
                f"used {self.least_cores:.1f} cores in each of its turns, and was given "
                f"{threads} thread{'s' if threads > 1 else ''}"
            )
        return None

    def end_block(self) -> None:
        self.busy_blocks += self._is_busy()
        self.besides_share = round(self.busy_share, 4) if IS_SEEN and self.away_s else None
        self.away_s = self.busy_s = 0.0
        self.hampered, self.undone = [], []

    def _is_busy(self) -> bool:
        return self.busy_s > LEAST_BUSY_S and self.busy_share > MOST_BUSY_SHARE
