"""One arm in one scenario: its process, and everything that was found out about the cell."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from suite.input_kinds import SPECIAL_KINDS
from suite.measuring.arm import Arm
from suite.measuring.doubts import clock_fault, throttling
from suite.measuring.evidence import Evidence
from suite.measuring.judge_client import JudgeClient, TimedCall
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.measuring.worker_client import WorkerClient
from suite.problem import Scenario
from suite.processes.peer import ProcessFailed
from suite.processes.shared_memory import STREAM_SLACK, ResultLayout, SharedMemory
from suite.results.card_state import CardState
from suite.results.cell import Block, Ceiling, CellResult, Residuals, Status
from suite.stats import intervals

LOGGED_CALL_S = 0.05
"""Slower gate calls are not repeated to see whether they agree and which operators they run."""
LEAD_CALL_S = 0.05
"""Shorter calls are preceded by an untimed one in every turn; longer ones warm themselves."""
MOST_SAMPLES = 25
"""Samples of a turn: the median's own error is then far below the spread between blocks."""

Reply = TypeVar("Reply")


class Cell:
    """An arm's way through one scenario. A failure ends it and is kept as status and reason."""

    def __init__(
        self,
        arm: Arm,
        scenario: Scenario,
        judge: JudgeClient,
        settings: Settings,
        time_spent: TimeSpent,
    ) -> None:
        self.arm = arm
        self.scenario = scenario
        self.status = Status.PASSED
        self.reason = ""
        self.blocks: list[Block] = []
        self.finished = False
        self._judge = judge
        self._settings = settings
        self.worker = WorkerClient(arm, self.threads, settings, time_spent)
        self._layout = ResultLayout(scenario)
        self._results = SharedMemory(self._layout.size_bytes)
        self.evidence = Evidence()
        self._prepare_s: float | None = None
        self._cards: list[CardState] = []
        self._energy: dict[str, Any] | None = None
        self._samples_s: list[float] = []
        self._unjudged: list[TimedCall] = []
        self._turns_s: list[tuple[float, float]] = []
        self._starts_seed = 0
        self._starts = random.Random()
        self._call_s = 0.0
        self._batch = 1

    @property
    def alive(self) -> bool:
        return self.status is Status.PASSED and not self.finished

    @property
    def threads(self) -> int:
        return self.scenario.threads or self._settings.threads

    @property
    def spent_s(self) -> float:
        return self.worker.spent_s

    def fail(self, status: str, reason: str) -> None:
        if self.status is Status.PASSED:
            self.status, self.reason = Status(status), reason
        self.blocks.clear()

    # -- the process ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start a fresh process, which begins to load; `loaded` waits for it."""
        if reason := self.arm.unsupported.get(self.scenario.id):
            self.fail(Status.UNSUPPORTED, reason)
        self._do(self.worker.start)

    def loaded(self) -> None:
        reply = self._do(lambda: self.worker.answer("load"))
        if reply and reply["unavailable"]:
            self.fail(Status.UNSUPPORTED, reply["unavailable"])

    def open(self, shared: SharedMemory) -> None:
        paths = {"operands": shared.path, "results": self._results.path}
        reply = self._ask("open", scenario=self.scenario.to_dict(), **paths)
        if reply:
            self.evidence.declared = reply
            if reply["note"]:
                self.evidence.note(reply["note"])

    def close(self) -> None:
        """End its process and give back its memory."""
        self.worker.dismiss()
        self.worker.await_exits()
        self._results.close()

    def _ask(self, do: str, **fields: Any) -> dict[str, Any] | None:
        return self._do(lambda: self.worker.ask(do, **fields))

    def _do(self, step: Callable[[], Reply]) -> Reply | None:
        """Return what `step` does, or None after a failure, which is then the cell's."""
        if self.status is not Status.PASSED:
            return None
        try:
            return step()
        except ProcessFailed as failed:
            self.fail(failed.status, failed.reason)
            return None

    # -- the gate ------------------------------------------------------------------------------

    def gate(self, kind: str) -> None:
        """Make one call on the drawn gate inputs and have its output judged."""
        began = time.monotonic()
        reply = self._ask("gate", slot=0, kind=kind)
        if reply is None:
            return
        took_s = time.monotonic() - began
        if reply["note"]:
            self.evidence.note(reply["note"])
        if kind in SPECIAL_KINDS:
            policy = self.evidence.declared["nan_policy"]
            if fault := self._judge.judge_spread(self._results, 0, policy):
                self.fail(Status.INCORRECT, fault)
            return
        judged = self._judge.judge(self._results, 0, self.evidence.tolerance)
        self.evidence.residuals_by_kind[kind] = Residuals.from_dict(judged["residuals"])
        if judged["fault"]:
            self.fail(Status.INCORRECT, judged["fault"])
            return
        self._require_untouched("the call")
        # On a GPU calls are short; what took the time is the way to the judge and back.
        short = took_s < LOGGED_CALL_S or self.scenario.on_cuda
        if kind == "normal" and short and self._layout.slots > 1:
            self._call_again()

    def _call_again(self) -> None:
        """See whether a second call agrees, and on a CPU which operators it runs.

        On CUDA the profiler stays attached to the process in which it was once used; there the
        operators wait until the block has been timed.
        """
        log = not self.scenario.on_cuda
        reply = self._ask("gate", slot=1, kind="normal", log_operators=log)
        if reply is None:
            return
        self.evidence.deterministic = self._judge.same_bits(self._results, 0, 1)
        if log:
            self.evidence.take_operators(reply, self.scenario, self.arm.family)

    def log_operators(self) -> None:
        """Make one more call to see which operators it runs, unless that is known."""
        if self.evidence.operators is None:
            reply = self._ask("gate", slot=0, kind="normal", log_operators=True)
            if reply is not None:
                self.evidence.take_operators(reply, self.scenario, self.arm.family)

    def gradcheck(self) -> None:
        """Hold autograd's gradients against finite differences.

        Not where a lower precision is declared: it does not see differences so small.
        """
        if self.evidence.declared.get("precision"):
            return
        reply = self._ask("gradcheck")
        if reply and reply["fault"]:
            self.fail(Status.INCORRECT, f"gradients: {reply['fault']}")

    def _require_untouched(self, who: str) -> None:
        if self._ask("hand_back") is None:
            return
        if changed := self._judge.changed_operands(self._results):
            self.fail(Status.INCORRECT, f"{who} changed its {' and '.join(changed)} in place")

    # -- measuring -----------------------------------------------------------------------------

    def begin_block(self) -> None:
        """Pack this block's weight and warm up."""
        self._samples_s, self._unjudged, self._cards = [], [], []
        self._starts_seed = secrets.randbits(63)
        self._starts = random.Random(self._starts_seed)
        bound = self._ask("bind")
        warmed = self._ask("warm") if bound else None
        if not bound or not warmed:
            return
        self._prepare_s = bound["prepare_s"]
        self._call_s = warmed["call_s"]
        self._batch = min(warmed["batch"], self._layout.slots)
        if warmed["note"]:
            self.evidence.note(warmed["note"])
        if warmed["peak_bytes"] is not None:
            self.evidence.peaks_bytes.append(warmed["peak_bytes"])

    @property
    def rounds(self) -> int:
        """Turns in this block: one where a single call already fills it."""
        wanted = int(self._settings.block_s / max(self._call_s, 1e-9))
        return max(1, min(self._settings.rounds, wanted))

    @property
    def turn_calls(self) -> int:
        """Calls of one turn, whose outputs must fit into the shared memory's slots."""
        samples = self._settings.block_s / self.rounds / max(self._call_s * self._batch, 1e-9)
        fits = self._layout.slots // self._batch
        return self._batch * max(1, min(round(samples), MOST_SAMPLES, fits))

    def turn(self, number: int) -> None:
        """Take the token for the block's turn of this number, counted from 0."""
        draw = self._starts.randrange
        calls: list[TimedCall] = [
            (number, (draw(STREAM_SLACK), draw(STREAM_SLACK))) for number in range(self.turn_calls)
        ]
        starts = [start for _, start in calls]
        batches = [starts[i : i + self._batch] for i in range(0, len(starts), self._batch)]
        began = time.monotonic()
        reply = self._ask(
            "turn", starts=batches, lead=self._call_s < LEAD_CALL_S, last=number + 1 >= self.rounds
        )
        if reply is None:
            return
        held_s = time.monotonic() - began
        self._turns_s.append((reply["held_s"], held_s))
        if not reply["quiet"]:
            self.evidence.note("threads were still busy 50 ms after a turn")
        self._samples_s += reply["samples_s"]
        if reply["card"]:
            self._cards.append(CardState.from_dict(reply["card"]))
        # A slow warm-up must not buy fewer samples.
        self._call_s = min(self._call_s, *reply["samples_s"])
        self._unjudged += calls

    def judge_turn(self) -> None:
        """Have the outputs judged that wait in their slots."""
        if self._unjudged and self.alive and self._settings.verify:
            fault = self._judge.judge_timed(self._results, self._unjudged, self.evidence.tolerance)
            if fault:
                self.fail(Status.INCORRECT, fault)
        self._unjudged = []

    def end_block(self, seed: str, reference_s: float | None) -> None:
        """Close the block: the weight must be untouched, then its samples count."""
        if self._settings.verify:
            self._require_untouched("a timed call")
        if fault := clock_fault(self._turns_s):
            self.fail(Status.IMPLAUSIBLE, fault)
        if self._settings.energy and self._energy is None:
            self._energy = self._ask("energy")
        if self.scenario.on_cuda:
            self.log_operators()
        self.worker.dismiss()
        if not self.alive or not self._samples_s:
            return
        if fault := throttling(self._cards):
            self.evidence.note(fault)
            return
        self.blocks.append(
            Block(
                samples_s=tuple(self._samples_s),
                calls_per_sample=self._batch,
                seed=f"{seed}-{self._starts_seed:016x}",
                reference_s=reference_s,
                prepare_s=self._prepare_s,
                cards=tuple(self._cards),
            )
        )

    @property
    def block_median_s(self) -> float | None:
        return intervals.block_median_s(self._samples_s) if self._samples_s else None

    def result(self, ceiling: Ceiling | None) -> CellResult:
        energy = self._energy or {}
        if self.status is Status.PASSED and not self.blocks:
            self.fail(Status.ERROR, "no block counts: " + "; ".join(self.evidence.notes))
        if energy.get("reason"):
            self.evidence.note(f"energy: {energy['reason']}")
        return CellResult(
            scenario=self.scenario,
            implementation=self.arm.name,
            family=self.arm.family,
            status=self.status,
            reason=self.reason,
            reference=self._settings.reference,
            blocks=tuple(self.blocks),
            threads=self.threads,
            measured_workspace_bytes=self.evidence.measured_workspace_bytes(self.scenario),
            joules_per_call=energy.get("joules_per_call"),
            ceiling=ceiling,
            **self.evidence.fields(),
        )
