"""One arm in one scenario: its process, its status, and what was found out about it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from suite.conditions import Scenario
from suite.measuring.arm import Arm
from suite.measuring.deadline import OutOfTime
from suite.measuring.evidence import Evidence
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.measuring.worker_client import Channel, WorkerClient
from suite.messages.worker import Open, TimedAnswer
from suite.processes.channel import Request
from suite.processes.peer import ProcessFailed
from suite.processes.shared_memory import ResultLayout, SharedMemory
from suite.results.cell import Block, Ceiling, CellResult, Status
from suite.values import remark

Reply = TypeVar("Reply")


def at_work_last(cells: Iterable[Cell], besides: str | None) -> str | None:
    """Return the arm whose process was asked last; None if none was.

    Args:
        besides: key of an arm that is not meant.
    """
    asked = [cell for cell in cells if cell.worker.asked_at and cell.arm.key != besides]
    return max(asked, key=lambda cell: cell.worker.asked_at).arm.key if asked else None


class Cell:
    """An arm's way through one scenario. A failure ends it and is kept as status and reason.

    `suite.measuring.gates` holds its outputs against float64, `suite.measuring.timing` times it.

    Args:
        earlier: how it stood when an earlier call was interrupted; its blocks go on counting.
    """

    def __init__(
        self,
        arm: Arm,
        scenario: Scenario,
        settings: Settings,
        time_spent: TimeSpent,
        earlier: CellResult | None = None,
    ) -> None:
        self.arm = arm
        self.scenario = scenario
        self.status = Status.PASSED
        self.reason = ""
        self.blocks: list[Block] = []
        self.disturbed: list[Block] = []
        """Blocks in which others took the cores: they count only where there are no others."""
        self.finished = False
        self.left_out = False
        """Whether the budget ended before its first block did: it has no result."""
        self.call_s: float | None = None
        """About what one call takes, as the gates saw it."""
        self.threads = scenario.threads or arm.threads or settings.threads
        self.worker = WorkerClient(arm, self.threads, settings, time_spent)
        self.layout = ResultLayout(scenario)
        self._results: SharedMemory | None = None
        self.evidence = Evidence(arm.declared)
        for block in (*earlier.blocks, *earlier.set_aside) if earlier else ():
            self.add(block)

    @property
    def results(self) -> SharedMemory:
        """What its process writes outputs to, and the judge reads.

        New after each `close`, unless it was given some.
        """
        if self._results is None:
            self._results = SharedMemory(self.layout.room_bytes)
        return self._results

    @property
    def alive(self) -> bool:
        return self.status is Status.PASSED and not self.finished and not self.left_out

    @property
    def spent_s(self) -> float:
        return self.worker.spent_s

    def leave_out(self) -> None:
        """Take no more time for it: what was measured counts, and without a block it has none."""
        if self.alive:
            self.finished = bool(self.blocks or self.disturbed)
            self.left_out = not self.finished
        self.worker.dismiss()

    def fail(self, status: Status, reason: str) -> None:
        if self.status is Status.PASSED:
            self.status, self.reason = status, reason
        self.blocks.clear()
        self.disturbed.clear()

    def add(self, block: Block) -> None:
        (self.disturbed if block.is_disturbed else self.blocks).append(block)

    def start(self) -> None:
        """Start a fresh process, which begins to load; `loaded` waits for it."""
        if reason := self.arm.unsupported.get(self.scenario.id):
            self.fail(Status.UNSUPPORTED, reason)
        self._do(self.worker.start)

    def loaded(self) -> None:
        loaded = self._do(self.worker.loaded)
        if loaded and loaded.unavailable:
            self.fail(Status.UNSUPPORTED, loaded.unavailable)

    def open(self, shared: SharedMemory) -> None:
        """Have its process map the scenario's operands and its own results."""
        with self.opening(shared):
            pass

    @contextlib.contextmanager
    def opening(self, shared: SharedMemory, *, beside_others: bool = False) -> Iterator[None]:
        """Do as `open` while the body runs.

        Args:
            beside_others: whether others open theirs meanwhile.
        """
        self._do(lambda: self.worker.hand_over(shared, writable=False))
        self._do(lambda: self.worker.hand_over(self.results, writable=True))
        request = Open(scenario=self.scenario, operands=shared.path, results=self.results.path)
        with self.worker.turn():
            self._do(lambda: self.worker.send(request))
            yield
            opened = self._do(lambda: self.worker.reply(request, beside_others=beside_others))
        if opened:
            self.evidence.opened = opened
            self.evidence.note(opened.note)
            self.evidence.note(
                remark(
                    self.scenario.values,
                    self.scenario.weight_values,
                    is_stored=self.scenario.stored_values is not None,
                )
            )

    def ask(self, request: Request[TimedAnswer[Reply]]) -> Reply | None:
        """Return its process's reply, or None after a failure, which is then the cell's."""
        return self._do(lambda: self.worker.ask(request))

    def _do(self, step: Callable[[], Reply]) -> Reply | None:
        if not self.alive:
            return None
        try:
            return step()
        except ProcessFailed as failed:
            self.fail(Status(failed.status), failed.reason)
            return None
        except OutOfTime:
            self.leave_out()
            return None

    def misconducts(self) -> bool:
        """Fail the cell where its process left others behind; return whether that is so."""
        left = self.worker.conduct.detached
        if left:
            processes = "a process" if left == 1 else f"{left} processes"
            self.fail(
                Status.INCORRECT,
                f"left {processes} of another session behind, which would have outlived it; ended",
            )
        return left > 0

    def write_to(self, results: SharedMemory) -> None:
        """Have its process write to memory of the same arm's, if there is room in it."""
        if results.size_bytes < self.layout.size_bytes:
            results.close()
        else:
            self._results = results

    def release(self, take: Callable[[Channel, SharedMemory], object]) -> None:
        """Hand on its process and what that writes to, if it is still good for something."""

        def take_both(peer: Channel) -> None:
            take(peer, self.results)
            self._results = None

        self.worker.release(take_both)

    def close(self) -> None:
        """End its process and give back its memory."""
        self.worker.dismiss()
        self.worker.await_exits()
        if self._results is not None:
            self._results.close()
            self._results = None

    def result(self, reference: str, ceiling: Ceiling | None) -> CellResult:
        """Return the cell as it stands; without a block that counts, it is an error."""
        evidence = self.evidence
        if self.status is Status.PASSED and not (self.blocks or self.disturbed):
            self.fail(Status.ERROR, "no block counts: " + "; ".join(evidence.notes))
        return evidence.result(
            self.scenario,
            self.arm,
            status=self.status,
            reason=self.reason,
            reference=reference,
            blocks=self.blocks or self.disturbed,
            set_aside=self.disturbed if self.blocks else (),
            threads=self.threads,
            measured_workspace_bytes=evidence.measured_workspace_bytes(self.scenario),
            ceiling=ceiling,
        )
