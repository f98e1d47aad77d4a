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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from suite.machine import cpu_time, host
from suite.measuring.cell import Cell
from suite.measuring.judge_client import JudgeClient
from suite.results.contention import Contention, Probe

MOST_SHARE = 0.1
"""Of one core: what others may take, and what a cell's threads may wait, undisturbed. A machine's
own background takes a few hundredths."""
MOST_STOLEN_SHARE = 0.25
"""Of one core, by a virtual machine's host; counted in steps of 10 ms, so that less is chance."""
MOST_SLOWDOWN = 3.0
"""Of the probe: quiet cores do its work with all threads sooner than with one."""


@dataclass
class Waiting:
    """How long one process's threads had no core, over the spans that were watched."""

    waited_s: float = 0.0
    watched_s: float = 0.0
    is_told: bool = True
    """Whether the system tells it at all."""

    @contextlib.contextmanager
    def watched(self, pid: int | None) -> Iterator[None]:
        """Count what a process waits while the body runs."""
        before_s, began = self._so_far_s(pid), time.monotonic()
        yield
        after_s = self._so_far_s(pid)
        if before_s is not None and after_s is not None:
            self.waited_s += max(0.0, after_s - before_s)
            self.watched_s += time.monotonic() - began

    def _so_far_s(self, pid: int | None) -> float | None:
        so_far_s = None if pid is None else cpu_time.waited_s(pid)
        self.is_told = self.is_told and so_far_s is not None
        return so_far_s

    @property
    def share(self) -> float | None:
        """Return the time waited over the time watched: 1.0 is one thread all the time."""
        return self.waited_s / self.watched_s if self.is_told and self.watched_s else None


@dataclass(frozen=True, slots=True)
class Others:
    """What others took over a span, as shares of one core."""

    used_share: float
    """What processes other than ours used."""
    stolen_share: float


class OthersWatch:
    """Measures what others take from now on.

    Args:
        pids: of this run's processes at work; those that are gone at the end do not count.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._own = {pid: cpu_time.process_s(pid) for pid in {os.getpid(), *pids}}
        self._machine = cpu_time.machine_time()
        self._began = time.monotonic()

    def so_far(self) -> Others:
        took_s = max(time.monotonic() - self._began, 1e-3)
        machine = cpu_time.machine_time()
        own_s = sum(
            now_s - before_s
            for pid, before_s in self._own.items()
            if before_s is not None and (now_s := cpu_time.process_s(pid)) is not None
        )
        used_s = machine.busy_s - self._machine.busy_s - own_s
        return Others(
            used_share=max(0.0, used_s / took_s),
            stolen_share=max(0.0, (machine.stolen_s - self._machine.stolen_s) / took_s),
        )


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

    def ended(self, waitings: Iterable[Waiting]) -> BlockContention:
        """Return what was seen; to be called after the last turn and before any process goes."""
        others = self._others.so_far()
        waited = [waiting.share for waiting in waitings]
        return BlockContention(
            others=others,
            probe=self._probe,
            disturbed=is_disturbed(others, waited, self._probe, self._threads),
        )


def watch_block(cells: Iterable[Cell], judge: JudgeClient) -> BlockWatch:
    """Compare one thread with all of them, and look at the cores from now on."""
    cells = list(cells)
    threads = max(cell.threads for cell in cells)
    probe = judge.compare_threads(threads)
    pids = [pid for cell in cells if (pid := cell.worker.pid) is not None]
    return BlockWatch([*pids, judge.pid], probe, threads)


@dataclass(frozen=True)
class BlockContention:
    others: Others
    probe: Probe | None
    disturbed: bool

    def of(self, waiting: Waiting) -> Contention:
        """Return the record of one cell."""
        share = waiting.share
        return Contention(
            others_share=_rounded(self.others.used_share + self.others.stolen_share),
            waited_share=None if share is None else _rounded(share),
            probe=self.probe,
            disturbed=self.disturbed,
        )


def is_disturbed(
    others: Others, waited: Sequence[float | None], probe: Probe | None, threads: int
) -> bool:
    """Return whether others took so much that a block's times say little of the code.

    Args:
        waited: of each arm in the block; None where the system does not tell.
        threads: the most that an arm uses.
    """
    if others.stolen_share > MOST_STOLEN_SHARE:
        return True
    told = [share for share in waited if share is not None]
    if told:
        is_seen = others.used_share > MOST_SHARE or _is_slowed(probe)
        return is_seen and max(told) > MOST_SHARE
    spare = max(0, host.usable_cores() - threads)
    return others.used_share > spare + MOST_SHARE


def _is_slowed(probe: Probe | None) -> bool:
    return probe is not None and probe.slowdown > MOST_SLOWDOWN


def _rounded(share: float) -> float:
    return round(share, 3)
