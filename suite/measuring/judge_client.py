"""The parent's side of the judge: typed requests, and the judge's share of the time spent."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TypeVar

from suite.errors import Defect
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.messages import judge as messages
from suite.messages.judge import Allowance, Judgement, TimedCall
from suite.problem import Scenario
from suite.processes.channel import Request
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.results.cell import Ceiling
from suite.results.contention import Probe

JUDGE_TIMEOUT_S = 600.0

Reply = TypeVar("Reply")


class JudgeClient:
    """One judge process for a run. It is started anew if a scenario is too large for it."""

    def __init__(self, settings: Settings, time_spent: TimeSpent) -> None:
        self._settings = settings
        self._time_spent = time_spent
        self._ceilings: dict[tuple[str, str, int, str | None], Ceiling] = {}
        self._peer = self._start()

    def _start(self) -> Peer:
        settings = self._settings
        return Peer("suite.judge.process:main", settings.threads, name="judge", log=settings.log)

    def _ask(self, request: Request[Reply]) -> Reply:
        with self._time_spent.judging():
            try:
                return self._peer.ask(request, timeout_s=JUDGE_TIMEOUT_S)
            except ProcessFailed as failed:
                self._peer = self._start()
                raise Defect(f"the judge failed at {request.do}: {failed.reason}") from failed

    def ceiling(
        self, scenario: Scenario, threads: int, precision: str | None = None, *, anew: bool = False
    ) -> Ceiling:
        """Return the machine's ceilings for the scenario's conditions, measured once a run.

        Args:
            precision: the lower one that an implementation declares to compute in.
            anew: measure again and keep what is higher.
        """
        key = (scenario.device, scenario.dtype, threads, precision)
        known = self._ceilings.get(key)
        if known is None or anew:
            request = messages.Ceilings(
                device=scenario.device, dtype=scenario.dtype, threads=threads, precision=precision
            )
            measured = self._ask(request)
            self._ceilings[key] = measured.raised_to(known) if known else measured
        return self._ceilings[key]

    @property
    def pid(self) -> int:
        return self._peer.pid

    def compare_threads(self, threads: int) -> Probe:
        """Have the same small work done by one thread and by all: quiet cores show a gain."""
        return self._ask(messages.Compare(threads=threads))

    def open(self, scenario: Scenario, shared: SharedMemory) -> None:
        self._ask(messages.Open(scenario=scenario, operands=shared.path))

    def draw(self, kind: str) -> None:
        """Draw gate inputs and compute their float64 result."""
        self._ask(messages.Draw(kind=kind, seed=secrets.randbits(63)))

    def judge(self, results: SharedMemory, slot: int, allowance: Allowance) -> Judgement:
        """Return the judgement of the gate output in `slot`."""
        return self._ask(messages.JudgeGate(results=results.path, slot=slot, allowance=allowance))

    def judge_spread(self, results: SharedMemory, slot: int, allowance: Allowance) -> str | None:
        """Return how a NaN or infinity spread otherwise than it may, or as what else it came."""
        request = messages.JudgeSpread(results=results.path, slot=slot, allowance=allowance)
        return self._ask(request).fault

    def same_bits(self, results: SharedMemory, first: int, second: int) -> bool:
        request = messages.SameBits(results=results.path, first=first, second=second)
        return self._ask(request).same

    def changed_operands(self, results: SharedMemory) -> tuple[str, ...]:
        """Return which operands a worker handed back changed."""
        return self._ask(messages.Untouched(results=results.path)).operands

    def draw_block(self) -> str:
        """Draw a block's operands and streams; return the seed, in hexadecimal."""
        seed = secrets.randbits(63)
        self._ask(messages.DrawBlock(seed=seed))
        return f"{seed:016x}"

    def judge_timed(
        self, results: SharedMemory, calls: Iterable[TimedCall], allowance: Allowance
    ) -> str | None:
        """Return the first fault among the outputs of timed calls."""
        request = messages.JudgeTimed(results=results.path, calls=tuple(calls), allowance=allowance)
        return self._ask(request).fault

    def forget_results(self) -> None:
        """Have the judge let go of all workers' memory before any of them is closed."""
        self._ask(messages.ForgetResults())

    def close(self) -> None:
        self._peer.close()
