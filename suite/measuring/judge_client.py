"""The parent's side of the judge: typed requests, and the judge's share of the time spent."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, TypeVar

from suite.conditions import Scenario
from suite.input_kinds import SPECIAL_KINDS
from suite.measuring import estimate
from suite.measuring.deadline import OutOfTime
from suite.measuring.losses import Lost
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.messages import judge as messages
from suite.messages.answer import Answer
from suite.messages.judge import Agreement, Allowance, Judgement, Ruling, TimedCall
from suite.processes.channel import Request
from suite.processes.keeping_out import keep_others_out
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from suite.results.cell import Ceiling, Status
from suite.results.contention import Probe
from suite.workload import network_of

JUDGE_PROCESS = "suite.judge.process:main"
JUDGE_OF_NETWORKS = "suite.models.child.judge:main"
"""It runs a user's model in float64; it knows what is right of nothing else."""
JUDGE_TIMEOUT_S = 600.0
WHOLE_SHARE = 0.1
"""Of the time left that the float64 result of one gate may take. Where it would take more, some
elements are judged in its place, and a projection of all; without a budget nothing would."""
ELEMENTS = 4096
OF_THE_MACHINE = (messages.Compare, messages.Ceilings)
"""What the judge's process is asked of the machine, which judges nothing."""
LONG_S = 0.2
"""A shorter computation tells little about how fast the judge is."""

Reply = TypeVar("Reply")


class OutputsOf(NamedTuple):
    """What a turn of an arm's timed calls left to be judged."""

    results: SharedMemory
    calls: Sequence[TimedCall]
    """What they put into its slots."""
    allowance: Allowance
    handed_back: bool
    """Whether its operands are there, too, to be compared with those drawn."""


class Later(Generic[Reply]):
    """A reply that is there when the body has run in which it was waited for."""

    reply: Reply


class JudgeClient:
    """One judge process for a run; a new one after it was lost, which knows of no scenario yet.

    `process` is the one for the kind of scenarios that the run has.

    Every method that asks it raises `Lost` where it does not answer.
    """

    def __init__(
        self, settings: Settings, time_spent: TimeSpent, process: str = JUDGE_PROCESS
    ) -> None:
        keep_others_out()
        self._target = process
        self._settings = settings
        self._time_spent = time_spent
        self._ceilings: dict[tuple[str, str, int, str | None], Ceiling] = {}
        self._scenario: Scenario
        self._flops_per_s = estimate.JUDGE_FLOPS_PER_S
        self.judges_elements: int | None = None
        """How many elements of the result the gates look at; None: all."""
        self._peer: Peer | None = None
        self._handed_over: dict[str, SharedMemory] = {}
        """What its process has, by path."""

    def _process(self) -> Peer:
        if self._peer is None:
            settings = self._settings
            self._handed_over = {}
            self._peer = Peer(
                self._target,
                settings.threads,
                name="judge",
                log=settings.log,
            )
        return self._peer

    @contextlib.contextmanager
    def _or_lost(self, doing: str) -> Iterator[None]:
        deadline = self._time_spent.deadline
        try:
            yield
        except ProcessFailed as failed:
            self._peer = None
            status, reason = Status(failed.status), f"the judge at {doing}: {failed.reason}"
            if status is Status.TIMEOUT and deadline.is_cut:
                raise OutOfTime from None
            raise Lost(status, reason, final=status is Status.TIMEOUT) from failed

    @property
    def _timeout_s(self) -> float:
        return min(JUDGE_TIMEOUT_S, self._time_spent.deadline.until_cut_s)

    def _hand_over(self, memory: SharedMemory) -> None:
        """Let the judge have shared memory, unless it does already."""
        with self._or_lost("hand_over"):
            process = self._process()
            if memory.path in self._handed_over:
                return
            process.hand_over(memory, writable=True, timeout_s=self._timeout_s)
        self._handed_over[memory.path] = memory

    def _ask(self, request: Request[Answer[Reply]]) -> Reply:
        """Return the judge's reply.

        Raises:
            Lost: it is gone, hangs, or has no room for what it was asked.
            OutOfTime: the budget ended first.
        """
        with self._or_lost(request.do):
            self._process().send(request)
        return self._reply(request)

    @contextlib.contextmanager
    def _asking(self, request: Request[Answer[Reply]]) -> Iterator[Later[Reply]]:
        """Ask, and wait for the reply when the body has run; raises as `_ask` does."""
        later: Later[Reply] = Later()
        with self._or_lost(request.do):
            self._process().send(request)
        try:
            yield later
        finally:
            later.reply = self._reply(request)

    def _reply(self, request: Request[Answer[Reply]]) -> Reply:
        """Return the judge's reply to what it was asked; raises as `_ask` does."""
        is_judging = not isinstance(request, OF_THE_MACHINE)
        counted = self._time_spent.judging() if is_judging else contextlib.nullcontext()
        with counted, self._or_lost(request.do):
            answer = self._process().receive(request, self._timeout_s)
        if failure := answer.failure:
            self.close()  # what it allocated so far, or its limits, may be the cause
            raise Lost(failure.status, failure.reason)
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

    @property
    def pid(self) -> int:
        return self._process().pid

    def compare_threads(self, threads: int) -> Probe:
        """Have the same small work done by one thread and by all: quiet cores show a gain."""
        return self._ask(messages.Compare(threads=threads))

    def open(self, scenario: Scenario, shared: SharedMemory) -> None:
        """Have the judge map a scenario's operands, which nobody else can write from then on.

        Raises:
            Lost: for good where judging would take more memory than there is.
        """
        self._scenario = scenario
        if self._peer is not None and self._peer.lost_its_server:
            self.close()  # who ended the server was told of; the judge dies of it in a moment
        kept = {path: memory for path, memory in self._handed_over.items() if not memory.closed}
        request = messages.Open(scenario=scenario, operands=shared.path, kept=tuple(kept))
        self._handed_over = kept
        self._hand_over(shared)
        opened = self._ask(request)
        if opened.no_room:
            raise Lost(Status.OUT_OF_MEMORY, opened.no_room, final=True)
        shared.seal_contents()

    def draw(self, kind: str, seed: int | None = None) -> None:
        """Draw gate inputs and compute their float64 result, or some elements of it.

        All of them where that takes no more than a share of what the scenario has left.

        Args:
            seed: what they are drawn from; None: one that nobody knows.
        """
        with self.drawing(kind, seed):
            pass

    @contextlib.contextmanager
    def drawing(self, kind: str, seed: int | None = None) -> Iterator[None]:
        """Do as `draw` while the body runs, which asks the judge for nothing and times nobody."""
        flops = self._scenario.problem.direct_flops * (1 if kind == "integer" else 2)
        whole_s = flops / self._flops_per_s
        fits = whole_s <= WHOLE_SHARE * self._time_spent.deadline.left_s
        is_whole = fits or kind in SPECIAL_KINDS or network_of(self._scenario) is not None
        self.judges_elements = None if is_whole else ELEMENTS
        began = time.monotonic()
        seed = secrets.randbits(63) if seed is None else seed
        request = messages.Draw(kind=kind, seed=seed, elements=self.judges_elements)
        with self._asking(request):
            yield
        if self.judges_elements is None and whole_s > LONG_S:
            self._flops_per_s = flops / (time.monotonic() - began)

    def judging(
        self, results: SharedMemory, slot: int, allowance: Allowance, *, handed_back: bool
    ) -> AbstractContextManager[Later[Judgement]]:
        """Have the gate output in `slot` judged while the body runs, which asks it for nothing.

        Args:
            handed_back: whether the call's operands are there, too, to be compared with what was
                drawn.
        """
        request = messages.JudgeGate(
            results=results.path, slot=slot, allowance=allowance, handed_back=handed_back
        )
        return self._asking_of(results, request)

    def judging_spread(
        self, results: SharedMemory, slot: int, allowance: Allowance
    ) -> AbstractContextManager[Later[Ruling]]:
        """The same of how a NaN or infinity spread otherwise than it may, or as what it came."""
        request = messages.JudgeSpread(results=results.path, slot=slot, allowance=allowance)
        return self._asking_of(results, request)

    def comparing(
        self, results: SharedMemory, first: int, second: int
    ) -> AbstractContextManager[Later[Agreement]]:
        """The same of whether the outputs in two slots have the same bits."""
        request = messages.SameBits(results=results.path, first=first, second=second)
        return self._asking_of(results, request)

    @contextlib.contextmanager
    def _asking_of(
        self, results: SharedMemory, request: Request[Answer[Reply]]
    ) -> Iterator[Later[Reply]]:
        """Do what `_asking` does, of results that the judge is given first."""
        self._hand_over(results)
        with self._asking(request) as later:
            yield later

    def draw_block(self, seed: int | None = None) -> str:
        """Draw a block's operands and streams; return the seed, in hexadecimal."""
        with self.drawing_block(seed) as drawn_from:
            return drawn_from

    @contextlib.contextmanager
    def drawing_block(self, seed: int | None = None) -> Iterator[str]:
        """Draw a block's operands and streams while the body runs; give the seed, in hexadecimal.

        The body asks the judge for nothing, and has nobody timed.

        Args:
            seed: what they are drawn from; None: one that nobody knows.
        """
        request = messages.DrawBlock(seed=secrets.randbits(63) if seed is None else seed)
        with self._asking(request):
            yield f"{request.seed:016x}"

    def judge_timed(self, turns: Sequence[OutputsOf]) -> tuple[str | None, ...]:
        """Return for each arm the first fault among the outputs of timed calls."""
        for turn in turns:
            self._hand_over(turn.results)
        outputs = tuple(
            messages.TimedOutputs(
                results=turn.results.path,
                calls=tuple(turn.calls),
                allowance=turn.allowance,
                handed_back=turn.handed_back,
            )
            for turn in turns
        )
        return self._ask(messages.JudgeTimed(turns=outputs)).faults

    def forget_results(self) -> None:
        """Have the judge let go of all workers' memory before any of them is closed."""
        self._ask(messages.ForgetResults())
        self._handed_over.clear()

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
