"""The process that decides: draws the data, holds every expected value, judges every output.

It never runs anyone else's code, and what it knows never leaves it: workers see operands in
shared memory and write outputs there, the parent hears verdicts. Requests
(`suite.messages.judge`):

    facts          torch's version, build and devices
    ceilings       what the machine reaches on simple work
    compare        the same small work with one thread and with all
    repeat         equal work on all threads, again and again
    probe_denormals  what products with denormal numbers take
    open           map a scenario's shared memory
    forget_results let go of the workers' memory
    draw           gate inputs of one kind, and their float64 result
    judge_gate     one gate output, element by element; are its operands what was drawn?
    judge_spread   where a NaN or infinity of the input went, and as what
    same_bits      did two calls agree bit for bit?
    draw_block     operands and streams of a block, and a secret projection
    judge_timed    outputs of timed calls: the projection of all, a few elements of each
"""

from __future__ import annotations

import contextlib
import secrets
import traceback
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from suite.conditions import Scenario
from suite.input_kinds import SPECIAL_KINDS
from suite.judge import ceilings, denormal_probe, memory, parallel_probe, reference, sampled
from suite.judge.block import Block
from suite.judge.gates import judge_output
from suite.judge.special_values import Spread, spread_fault, spread_of
from suite.judge.tolerance import Tolerance
from suite.judge.torch_facts import torch_facts
from suite.messages import judge as messages
from suite.messages.answer import Answer, Failure
from suite.operands.epilogue import activate_
from suite.operands.gate_inputs import NOTHING, draw
from suite.operands.shared import ResultMemory, SharedOperands, SharedResults
from suite.operands.streams import Stream
from suite.operands.tensors import DTYPES, Operands, same_bits
from suite.operands.values import stored_of
from suite.processes import free_memory
from suite.processes.channel import Done, Handlers, Request, handlers, serve
from suite.processes.shared_memory import forget
from suite.processes.threads import wait_until_threads_sleep
from suite.results.cell import Status
from suite.results.contention import Probe
from suite.values import AS_ASKED, DENORMAL

Asked = TypeVar("Asked", bound=Request[Any])
Reply = TypeVar("Reply")

_NO_MEMORY = ("can't allocate memory", "Cannot allocate memory", "out of memory")
ALONE_FLOPS = 1e8
"""A float64 result of less takes one thread: some ten milliseconds, and on a busy machine waiting
for a second one takes longer."""
_OF_A_GATE_OR_BLOCK = ("_drawn", "_expected", "_size", "_reach", "_spread", "_block")


class Judge:
    """State of the judge between requests."""

    def __init__(self, threads: int) -> None:
        # One thread for the many small judgements: on a busy machine a parallel region waits for
        # its slowest thread, and every pool spins after its work. Large float64 results take all.
        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        """None is started before there is work for it."""
        self._scenario: Scenario
        self._shared: SharedOperands
        self._memories: dict[str, ResultMemory] = {}
        """What workers return lies in them, by path."""
        self._results: dict[str, SharedResults] = {}
        self._drawn: Operands
        self._kind: str
        self._as_asked: bool
        """Whether they are of the scenario's own values."""
        self._largest_operand: float
        """Largest magnitude of what is multiplied, where some of it is denormal."""
        self._stored = NOTHING
        self._sample: sampled.Sample | None = None
        self._expected: torch.Tensor
        self._size: torch.Tensor
        self._reach: torch.Tensor
        self._spread: Spread
        self._block: Block
        self._secret = torch.Generator().manual_seed(secrets.randbits(63))

    def ceilings(self, asked: messages.Ceilings) -> messages.CeilingMeasured:
        memory.give_back_freed()
        if not ceilings.has_room(asked.device):
            return messages.CeilingMeasured(ceiling=None)
        with _threads(asked.threads):
            measured = ceilings.measure(asked.device, asked.dtype, asked.precision)
        return messages.CeilingMeasured(ceiling=measured)

    def compare(self, asked: messages.Compare) -> Probe:
        with _threads(asked.threads):
            return parallel_probe.probe(asked.threads)

    def repeat(self, asked: messages.Repeat) -> messages.Spans:
        with _threads(asked.threads):
            spans_s = parallel_probe.spans_s(asked.threads, asked.seconds)
        return messages.Spans(samples_s=tuple(spans_s))

    def probe_denormals(self, _: messages.ProbeDenormals) -> messages.DenormalCost:
        return denormal_probe.probe()

    def facts(self, _: messages.Facts) -> messages.TorchFacts:
        return torch_facts()

    def open(self, asked: messages.Open) -> messages.Opened:
        """Map a scenario's memory, unless judging it would take more than there is."""
        self._let_go()
        if no_room := memory.why_no_room(asked.scenario):
            return messages.Opened(no_room=no_room)
        self._scenario = asked.scenario
        self._shared = SharedOperands(self._scenario, asked.operands, writable=True)
        self._stored = stored_of(self._scenario, DTYPES[self._scenario.dtype])
        forget(asked.operands)
        self._keep_results(asked.kept)
        return messages.Opened(no_room=None)

    def forget_results(self, _: messages.ForgetResults) -> Done:
        self._keep_results(())
        return Done()

    def _keep_results(self, paths: Collection[str]) -> None:
        """Let go of all workers' memory but this, which other results will lie in."""
        self._results = {}
        self._memories = {p: memory for p, memory in self._memories.items() if p in paths}

    def _result(self, path: str) -> SharedResults:
        if path not in self._results:
            if path not in self._memories:
                self._memories[path] = ResultMemory(path)
                forget(path)
            self._results[path] = SharedResults(self._scenario, self._memories[path])
        return self._results[path]

    def _output(self, path: str, slot: int) -> torch.Tensor:
        """Return a flat copy of an output: what is judged must not change meanwhile."""
        return self._result(path).slot(slot).clone()

    def _let_go(self) -> None:
        """Forget what belongs to the last gate or block: the next one takes as much."""
        self._sample = None
        for name in _OF_A_GATE_OR_BLOCK:
            if hasattr(self, name):
                delattr(self, name)

    def draw(self, asked: messages.Draw) -> Done:
        self._let_go()
        kind = self._kind = asked.kind
        self._draw_operands(kind, torch.Generator().manual_seed(asked.seed))
        if kind in SPECIAL_KINDS:
            self._spread = spread_of(self._scenario, self._drawn)
            return Done()
        if asked.elements is not None and 0 not in self._scenario.result_shape:
            self._sample = sampled.draw(
                self._scenario, kind, self._drawn, asked.elements, self._secret
            )
            return Done()
        is_small = self._scenario.problem.direct_flops < ALONE_FLOPS
        with _threads(1 if is_small else self._threads):
            self._expected = reference.result(self._scenario, self._drawn)
            # On integers no bound scales with S: direct methods are exact, transforms round.
            self._size = (
                self._expected.abs()
                if kind == "integer"
                else reference.magnitude(self._scenario, self._drawn)
            )
            activate_(self._expected, self._scenario.problem.epilogue)
            self._reach = self._size
            is_uneven = kind in ("spiked", AS_ASKED)
            if is_uneven or reference.shows_too_little(self._scenario.problem):
                self._reach = reference.reach(self._scenario, self._drawn)
        return Done()

    def _draw_operands(
        self, kind: str, generator: torch.Generator, stream: Stream | None = None
    ) -> None:
        """Draw them in the judge's own memory; the others see a copy.

        Args:
            stream: of timed calls, which begin with other operands than the block's own: the one
                that varies is taken from it.
        """
        self._as_asked = kind == AS_ASKED
        self._drawn = self._shared.operands.each(torch.empty_like)
        into = self._drawn.with_varying(torch.empty(0)) if stream else self._drawn
        draw(kind, self._scenario, into, generator, self._stored)
        if stream:
            stream.fill(self._drawn.varying, (0, 0))
        self._shared.operands.copy_(self._drawn)
        drawn, scenario = self._drawn, self._scenario
        self._largest_operand = 0.0
        if self._as_asked and DENORMAL in (scenario.values, scenario.weight_values):
            multiplied = (drawn.input, drawn.weight, drawn.grad)
            self._largest_operand = max(map(_largest, multiplied))

    def _limits(self, allowance: messages.Allowance) -> Tolerance:
        added = self._drawn.bias, self._drawn.residual
        forward = self._scenario.direction == "forward"
        return Tolerance(
            self._scenario,
            family=allowance.family,
            error_factor=allowance.error_factor,
            precision=allowance.precision,
            largest_bias=sum(map(_largest, added)) if forward else 0.0,
            as_asked=self._as_asked,
            largest_operand=self._largest_operand,
        )

    def judge_gate(self, asked: messages.JudgeGate) -> messages.Judgement:
        judged = self._gate_judged(asked)
        if not asked.handed_back:
            return judged
        return replace(judged, changed=self._changed(asked.results))

    def _gate_judged(self, asked: messages.JudgeGate) -> messages.Judgement:
        output = self._output(asked.results, asked.slot).view(self._scenario.result_shape)
        limits = self._limits(asked.allowance)
        if self._sample is not None:
            return sampled.judge(self._sample, limits, output)
        size = self._reach if limits.is_norm_wise else self._size
        return judge_output(self._kind, limits, output, self._expected, size)

    def judge_spread(self, asked: messages.JudgeSpread) -> messages.Ruling:
        output = self._output(asked.results, asked.slot).view(self._scenario.result_shape)
        limits, policy = self._limits(asked.allowance), asked.allowance.nan_policy
        return messages.Ruling(fault=spread_fault(self._kind, limits, policy, output, self._spread))

    def same_bits(self, asked: messages.SameBits) -> messages.Agreement:
        outputs = (self._output(asked.results, slot) for slot in (asked.first, asked.second))
        same = same_bits(*outputs)
        return messages.Agreement(same=same)

    def _changed(self, results: str, left_out: torch.Tensor | None = None) -> tuple[str, ...]:
        """Name the operands that a worker handed back otherwise than they were drawn."""
        handed_back = self._result(results).handed_back
        return tuple(
            name
            for name in ("input", "weight", "bias", "residual")
            if (drawn := getattr(self._drawn, name)) is not None
            and drawn is not left_out
            and not same_bits(drawn, getattr(handed_back, name))
        )

    def draw_block(self, asked: messages.DrawBlock) -> Done:
        self._let_go()
        generator = torch.Generator().manual_seed(asked.seed)
        stream = self._shared.stream.like()
        stream.draw(generator, self._stored.input if self._scenario.stores_varying else None)
        self._shared.stream.copy_(stream)
        usual = self._scenario.has_usual_values
        self._draw_operands("normal" if usual else AS_ASKED, generator, stream)
        with _threads(self._threads):
            self._block = Block(
                self._scenario, self._drawn, stream, self._secret, self._pool, self._threads
            )
        return Done()

    def judge_timed(self, asked: messages.JudgeTimed) -> messages.Rulings:
        """Judge the outputs of timed calls; of each arm the first fault found, if any."""
        return messages.Rulings(
            faults=tuple(self._fault(turn) or self._change(turn) for turn in asked.turns)
        )

    def _change(self, turn: messages.TimedOutputs) -> str | None:
        """Return that calls changed operands, if so; of the one that varies their process tells."""
        changed = self._changed(turn.results, self._drawn.varying) if turn.handed_back else ()
        return f"a timed call changed its {' and '.join(changed)} in place" if changed else None

    def _fault(self, turn: messages.TimedOutputs) -> str | None:
        limits, results = self._limits(turn.allowance), self._result(turn.results)
        return self._block.fault(turn.calls, limits, results.slot)

    def handlers(self) -> Handlers:
        return handlers(
            messages.Facts.handled_by(_answered(self.facts)),
            messages.Ceilings.handled_by(_answered(self.ceilings)),
            messages.Compare.handled_by(_answered(self.compare)),
            messages.Repeat.handled_by(_answered(self.repeat)),
            messages.ProbeDenormals.handled_by(_answered(self.probe_denormals)),
            messages.Open.handled_by(_answered(self.open)),
            messages.ForgetResults.handled_by(_answered(self.forget_results)),
            messages.Draw.handled_by(_answered(self.draw)),
            messages.JudgeGate.handled_by(_answered(self.judge_gate)),
            messages.JudgeSpread.handled_by(_answered(self.judge_spread)),
            messages.SameBits.handled_by(_answered(self.same_bits)),
            messages.DrawBlock.handled_by(_answered(self.draw_block)),
            messages.JudgeTimed.handled_by(_answered(self.judge_timed)),
        )


def _largest(tensor: torch.Tensor | None) -> float:
    return 0.0 if tensor is None or not tensor.numel() else float(tensor.abs().max())


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _answered(handler: Callable[[Asked], Reply]) -> Callable[[Asked], Answer[Reply]]:
    """Answer with a failure where there is one, and only when the judge's own threads sleep.

    It must not disturb who comes next.
    """

    def answered(asked: Asked) -> Answer[Reply]:
        reply, failure = None, None
        try:
            reply = handler(asked)
        except Exception as error:
            with contextlib.suppress(Exception):  # without memory even that may fail
                traceback.print_exc()
            failure = _failure(asked, error)
        wait_until_threads_sleep()
        return Answer(reply=reply, failure=failure)

    return answered


def _failure(asked: Request[Any], error: Exception) -> Failure:
    """Return what stopped the judge: lack of memory, or a fault of its own."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    is_lack = isinstance(error, MemoryError) or any(sign in text for sign in _NO_MEMORY)
    if not is_lack:
        return Failure(status=Status.ERROR, reason=f"the judge at {asked.do}: {text}")
    available = memory.gib(free_memory.available_bytes())
    reason = f"the judge at {asked.do} got no memory, {available} are available: {text}"
    return Failure(status=Status.OUT_OF_MEMORY, reason=reason)


def main(connection: Connection, threads: int) -> None:
    """Serve the parent until it closes the channel."""
    serve(connection, Judge(threads).handlers())
