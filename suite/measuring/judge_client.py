"""The runner's side of the judge: typed requests, and the judge's share of the time spent."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from suite.errors import Defect
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.problem import Scenario
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.results.cell import Ceiling

JUDGE_TIMEOUT_S = 600.0
TimedCall = tuple[int, tuple[int, int]]
"""An output slot, and the stream start that its operand was made from."""


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

    def _ask(self, do: str, **fields: Any) -> dict[str, Any]:
        with self._time_spent.judging():
            try:
                return self._peer.ask(do, timeout_s=JUDGE_TIMEOUT_S, **fields)
            except ProcessFailed as failed:
                self._peer = self._start()
                raise Defect(f"the judge failed at {do}: {failed.reason}") from failed

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
            conditions = dict(zip(("device", "dtype", "threads", "precision"), key, strict=True))
            reply = self._ask("ceilings", **conditions)
            measured = Ceiling(**reply["ceiling"])
            self._ceilings[key] = measured.raised_to(known) if known else measured
        return self._ceilings[key]

    def open(self, scenario: Scenario, shared: SharedMemory) -> None:
        self._ask("open", scenario=scenario.to_dict(), path=shared.path)

    def draw(self, kind: str) -> None:
        """Draw gate inputs and compute their float64 result."""
        self._ask("draw", kind=kind, seed=secrets.randbits(63))

    def judge(self, results: SharedMemory, slot: int, tolerance: dict[str, Any]) -> dict[str, Any]:
        """Return the judgement of the gate output in `slot`."""
        judgement: dict[str, Any] = self._ask(
            "judge", results=results.path, slot=slot, tolerance=tolerance
        )["judgement"]
        return judgement

    def judge_spread(self, results: SharedMemory, slot: int, policy: str) -> str | None:
        """Return how a NaN or infinity spread otherwise than `policy` allows, if it did."""
        fault: str | None = self._ask(
            "judge_spread", results=results.path, slot=slot, policy=policy
        )["fault"]
        return fault

    def same_bits(self, results: SharedMemory, first: int, second: int) -> bool:
        return bool(
            self._ask("same_bits", results=results.path, first=first, second=second)["same"]
        )

    def changed_operands(self, results: SharedMemory) -> list[str]:
        """Return which operands a worker handed back changed."""
        changed: list[str] = self._ask("untouched", results=results.path)["changed"]
        return changed

    def draw_block(self) -> str:
        """Draw a block's operands and streams; return the seed, in hexadecimal."""
        seed = secrets.randbits(63)
        self._ask("draw_block", seed=seed)
        return f"{seed:016x}"

    def judge_timed(
        self, results: SharedMemory, calls: Iterable[TimedCall], tolerance: dict[str, Any]
    ) -> str | None:
        """Return the first fault among the outputs of timed calls."""
        fault: str | None = self._ask(
            "judge_timed", results=results.path, calls=list(calls), tolerance=tolerance
        )["fault"]
        return fault

    def forget_results(self) -> None:
        """Have the judge let go of all workers' memory before any of them is closed."""
        self._ask("forget_results")

    def close(self) -> None:
        self._peer.close()
