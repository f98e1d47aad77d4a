"""Loaded processes that wait for another scenario: an arm's is started once for many of them.

To start a process and load a row takes as long as many a block's timed calls. No process serves a
scenario twice, so that the blocks of a cell, which its interval is made of, stay independent; what
it wrote to is there for the next one. What a scenario's cell fails with ends the process that it
happened in. On a GPU, and where the row is a whole network, a process is as large as what it
serves, and ends with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

from suite.measuring.cell import Cell
from suite.measuring.deadline import OutOfTime
from suite.measuring.losses import Lost
from suite.measuring.worker_client import Channel, is_of_use
from suite.messages.worker import Close
from suite.processes.fork_server import are_files_few
from suite.processes.free_memory import available_bytes
from suite.processes.peer import ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.workload import network_of

MOST_HELD_BYTES = 512 * 2**20
"""Of one process: what it holds counts against its next scenario's limit."""
MOST_SHARE = 0.25
"""Of the memory that is available, which all of them together may hold."""


@dataclass(frozen=True)
class _Kept:
    peer: Channel
    results: SharedMemory | None
    """What it writes outputs to: pages that are there already take half the time to write. None
    where few files may be open."""
    held_bytes: int
    """By both."""


class KeptProcesses:
    """One process for each arm and number of threads, held until its arm has another scenario."""

    def __init__(self) -> None:
        self._by_arm: dict[tuple[str, int], _Kept] = {}
        self._served: WeakKeyDictionary[Channel, set[str]] = WeakKeyDictionary()
        """Scenarios by id, of each process that was kept, wherever it is now."""

    def lend(self, cell: Cell) -> bool:
        """Let a cell have the process of its arm; return whether there is one that it may have.

        If not, it has what that one wrote to.
        """
        kept = self._by_arm.get(_key(cell))
        if kept is None or not cell.alive or cell.scenario.id in cell.arm.unsupported:
            return False
        may_serve = is_of_use(kept.peer) and cell.scenario.id not in self._served[kept.peer]
        cell.worker.adopt(kept.peer)
        if not may_serve:
            cell.worker.dismiss()  # all go at once; who starts others waits for that
        if kept.results is not None:
            cell.write_to(kept.results)
        del self._by_arm[_key(cell)]  # at no moment does it belong to nobody
        return may_serve

    def take_back(self, cells: Iterable[Cell]) -> None:
        """Keep the processes of cells that are all right; the others end."""
        with contextlib.ExitStack() as at_work:
            asked = []
            for cell in cells:
                if _is_worth_keeping(cell) and self._is_asked_to_close(cell, at_work):
                    asked.append(cell)
                else:
                    cell.worker.dismiss()
            closed = [(cell, self._held_bytes(cell)) for cell in asked]
        for cell, held_bytes in closed:
            if held_bytes is None or not self._has_room(held_bytes):
                cell.worker.dismiss()
            else:
                cell.release(partial(self._keep, cell, held_bytes))

    def _keep(self, cell: Cell, held_bytes: int, peer: Channel, results: SharedMemory) -> None:
        if is_short := are_files_few():
            results.close()
        self._by_arm[_key(cell)] = _Kept(peer, None if is_short else results, held_bytes)
        self._served.setdefault(peer, set()).add(cell.scenario.id)

    def _is_asked_to_close(self, cell: Cell, at_work: contextlib.ExitStack) -> bool:
        at_work.enter_context(cell.worker.turn())
        try:
            cell.worker.send(Close())
        except (ProcessFailed, Lost):
            return False
        return True

    def _held_bytes(self, cell: Cell) -> int | None:
        """Return what its process and its results still hold; None where it is gone."""
        try:
            closed = cell.worker.reply(Close(), beside_others=True)
            return closed.held_bytes + cell.results.held_bytes
        except (ProcessFailed, Lost, OutOfTime):
            return None

    def _has_room(self, held_bytes: int) -> bool:
        others_bytes = sum(kept.held_bytes for kept in self._by_arm.values())
        most_bytes = MOST_SHARE * (available_bytes() + others_bytes) - others_bytes
        return held_bytes <= min(MOST_HELD_BYTES, most_bytes)

    def close(self) -> None:
        """End them all."""
        for kept in self._by_arm.values():
            kept.peer.dismiss()
        while self._by_arm:
            _, kept = self._by_arm.popitem()
            kept.peer.close()
            if kept.results is not None:
                kept.results.close()


def _key(cell: Cell) -> tuple[str, int]:
    return cell.arm.key, cell.threads


def _is_worth_keeping(cell: Cell) -> bool:
    return cell.alive and not cell.scenario.on_cuda and not network_of(cell.scenario)
