"""What else uses the cores while a block is timed, and whether the block says anything then.

Two witnesses, both from outside: the cores' whole time less that of this run's own processes is
what others used, and the worker's threads waited where they were ready and had no core. A row
that starts more threads than there are cores waits for itself, and a neighbour on a core that
nobody needs disturbs nobody; so a block is disturbed where both are seen. Where the system counts
no waiting, others disturb as far as they took more than the cores that were to spare.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from suite.machine import cpu_time, placement
from suite.measuring.cell import Cell
from suite.measuring.judge_client import JudgeClient
from suite.results.contention import Contention, Probe

MOST_SHARE = 0.2
"""Of one core: what others may take, and what a cell's threads may wait, undisturbed. On a quiet
machine others take 0.05 and threads wait for each other 0.12 at most."""
MOST_STOLEN_SHARE = 0.3
"""Of one core, by a virtual machine's host; counted in steps of 10 ms, so that less is chance."""
MOST_SLOWDOWN = 3.0
"""Of the probe: quiet cores do its work with all threads sooner than with one."""
LEAST_WATCHED_S = 0.2
"""In a shorter span the machine's counters, in steps of 10 ms a core, say too little."""


class OthersWatch:
    """Measures what others take from now on.

    Args:
        pids: of this run's processes at work besides this one; those that are gone at the end do
            not count.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._own = {pid: cpu_time.process_s(pid) for pid in {os.getpid(), *pids}}
        self._machine = cpu_time.machine_time()
        self._began = time.monotonic()

    def so_far(self) -> Others:
        machine = cpu_time.machine_time()
        own_s = sum(
            now_s - before_s
            for pid, before_s in self._own.items()
            if before_s is not None and (now_s := cpu_time.process_s(pid)) is not None
        )
        return Others(
            used_s=machine.busy_s - self._machine.busy_s - own_s,
            stolen_s=machine.stolen_s - self._machine.stolen_s,
            watched_s=time.monotonic() - self._began,
        )


@dataclass(frozen=True, slots=True)
class Others:
    """What others took over the spans that were watched."""

    used_s: float = 0.0
    """By processes other than ours, summed over cores."""
    stolen_s: float = 0.0
    """By other guests of the same host."""
    watched_s: float = 0.0

    def __add__(self, more: Others) -> Others:
        return Others(
            used_s=self.used_s + more.used_s,
            stolen_s=self.stolen_s + more.stolen_s,
            watched_s=self.watched_s + more.watched_s,
        )

    @property
    def used_share(self) -> float:
        """Return the cores that others used: 1.0 is a whole core all the time."""
        return max(0.0, self.used_s / self.watched_s) if self.watched_s else 0.0

    @property
    def stolen_share(self) -> float:
        return max(0.0, self.stolen_s / self.watched_s) if self.watched_s else 0.0


@dataclass
class CellWatch:
    """What happened to one cell while its process worked: in its warm-up and in its turns."""

    waited_s: float = 0.0
    others: Others = Others()
    waiting_is_told: bool = True
    """Whether the system tells that at all."""

    @contextlib.contextmanager
    def watching(self, pid: int | None) -> Iterator[None]:
        """Add what is seen while the body runs."""
        if pid is None:
            yield
            return
        before_s, others = cpu_time.waited_s(pid), OthersWatch([pid])
        yield
        self.others += others.so_far()
        after_s = cpu_time.waited_s(pid)
        if before_s is None or after_s is None:
            self.waiting_is_told = False
        else:
            self.waited_s += max(0.0, after_s - before_s)

    @property
    def waited_share(self) -> float | None:
        """Return the time waited over the time watched: 1.0 is one thread all the time."""
        if not self.waiting_is_told or not self.others.watched_s:
            return None
        return self.waited_s / self.others.watched_s

    def others_within(self, block: Others) -> Others:
        """Return what others took of this cell's own spans; of the block where they are short."""
        return self.others if self.others.watched_s >= LEAST_WATCHED_S else block


class BlockWatch:
    """Looks at one block, of which all arms are compared with each other.

    Args:
        pids: of this run's processes at work.
        threads: the most that any arm uses.
    """

    def __init__(self, pids: Iterable[int], probe: Probe | None, threads: int) -> None:
        self._probe = probe
        self._threads = threads
        self._others = OthersWatch(pids)

    def ended(self, cells: Iterable[CellWatch]) -> BlockContention:
        """Return what was seen; to be called after the last turn and before any process goes."""
        block = self._others.so_far()
        disturbed = any(
            is_disturbed(cell.others_within(block), cell.waited_share, self._probe, self._threads)
            for cell in cells
        )
        return BlockContention(others=block, probe=self._probe, disturbed=disturbed)


def watch_block(cells: Iterable[Cell], judge: JudgeClient) -> BlockWatch:
    """Compare one thread with all of them, and look at the cores from now on."""
    cells = list(cells)
    threads = max(cell.threads for cell in cells)
    probe = judge.compare_threads(threads)
    pids = [pid for cell in cells if (pid := cell.worker.pid) is not None]
    return BlockWatch([*pids, judge.pid], probe, threads)


@dataclass(frozen=True)
class BlockContention:
    """What was seen in one block."""

    others: Others
    probe: Probe | None
    disturbed: bool

    def of(self, cell: CellWatch) -> Contention:
        """Return the record of one cell."""
        others, waited = cell.others_within(self.others), cell.waited_share
        return Contention(
            others_share=round(others.used_share + others.stolen_share, 3),
            waited_share=None if waited is None else round(waited, 3),
            probe=self.probe,
            disturbed=self.disturbed,
        )


def is_disturbed(others: Others, waited: float | None, probe: Probe | None, threads: int) -> bool:
    """Return whether others took so much that a cell's times say little of the code.

    Args:
        waited: share of one core that its threads waited; None where the system does not tell.
        threads: the most that an arm uses.
    """
    if others.stolen_share > MOST_STOLEN_SHARE:
        return True
    if waited is None:
        return others.used_share > max(0, placement.usable_cores() - threads) + MOST_SHARE
    is_slowed = probe is not None and probe.slowdown > MOST_SLOWDOWN
    return waited > MOST_SHARE and (others.used_share > MOST_SHARE or is_slowed)
