"""The parent's side of the judge: typed requests, and the judge's share of the time spent."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TypeVar

from suite.measuring.losses import Lost
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.messages import judge as messages
from suite.messages.answer import Answer
from suite.messages.judge import Allowance, Judgement, TimedCall
from suite.problem import Scenario
from suite.processes.channel import Request
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.results.cell import Ceiling, Status

JUDGE_TIMEOUT_S = 600.0

Reply = TypeVar("Reply")


class JudgeClient:
    """One judge process for a run; a new one after it was lost, which knows of no scenario yet.

    Every method that asks it raises `Lost` where it does not answer.
    """

    def __init__(self, settings: Settings, time_spent: TimeSpent) -> None:
        self._settings = settings
        self._time_spent = time_spent
        self._ceilings: dict[tuple[str, str, int, str | None], Ceiling] = {}
        self._peer: Peer | None = None

    def _process(self) -> Peer:
        if self._peer is None:
            settings = self._settings
            self._peer = Peer(
                "suite.judge.process:main", settings.threads, name="judge", log=settings.log
            )
        return self._peer

    def _ask(self, request: Request[Answer[Reply]]) -> Reply:
        """Return the judge's reply.

        Raises:
            Lost: it is gone, hangs, or has no room for what it was asked.
        """
        with self._time_spent.judging():
            try:
                answer = self._process().ask(request, timeout_s=JUDGE_TIMEOUT_S)
            except ProcessFailed as failed:
                self._peer = None
                status = Status(failed.status)
                raise Lost(
                    status,
                    f"the judge at {request.do}: {failed.reason}",
                    final=status is Status.TIMEOUT,
                ) from failed
        if failure := answer.failure:
            asked_beforehand = isinstance(request, messages.Open)
            if not asked_beforehand:  # what it allocated so far, or its limits, may be the cause
                self.close()
            raise Lost(failure.status, failure.reason, final=asked_beforehand)
        assert answer.reply is not None  # where there is no failure
        return answer.reply

    def ceiling(
        self, scenario: Scenario, threads: int, precision: str | None = None, *, anew: bool = False
    ) -> Ceiling | None:
        """Return the machine's ceilings for the scenario's conditions, measured once a run.

        None where the machine has too little memory to measure them.

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
            measured = self._ask(request).ceiling
            if measured is None:
                return known
            self._ceilings[key] = measured.raised_to(known) if known else measured
        return self._ceilings[key]

    def open(self, scenario: Scenario, shared: SharedMemory) -> None:
        self._ask(messages.Open(scenario=scenario, operands=shared.path))

    def draw(self, kind: str) -> None:
        """Draw gate inputs and compute their float64 result."""
        self._ask(messages.Draw(kind=kind, seed=secrets.randbits(63)))

    def judge(self, results: SharedMemory, slot: int, allowance: Allowance) -> Judgement:
        """Return the judgement of the gate output in `slot`."""
        return self._ask(messages.JudgeGate(results=results.path, slot=slot, allowance=allowance))

    def judge_spread(self, results: SharedMemory, slot: int, policy: str) -> str | None:
        """Return how a NaN or infinity spread otherwise than `policy` allows, if it did."""
        request = messages.JudgeSpread(results=results.path, slot=slot, policy=policy)
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
        if self._peer is not None:
            self._peer.close()
            self._peer = None
