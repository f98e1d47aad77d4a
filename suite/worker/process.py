"""The process that runs one implementation: it computes, and decides nothing.

Requests of the parent (`suite.messages.worker`), in the order of a block:

    load        import the implementation; why it is unavailable, if it is
    open        map the scenario's shared memory; supported?
    gate        one call on the dense tensors, output into a slot
    gradcheck   autograd against finite differences
    bind        take this block's weight, pack it
    warm        calls until the time per call is known
    begin_turn  make room, and calls that are not timed
    sample      timed calls on operands named just now; outputs into slots
    end_turn    what did the calls leave behind? and after the last: operands written back
    close       forget the scenario; another one may be opened

Every answer carries `inside_s`, the time spent in the implementation: in calls and in packing.
Faults that only this process can see (an output that is no tensor, an alias, changed global state)
travel as phrases; whether numbers are right is for the judge.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from suite import own_imports
from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.machine.nvml import Card
from suite.messages import worker as messages
from suite.operands.gate_inputs import handed_over
from suite.operands.shared import ResultMemory, SharedOperands, SharedResults
from suite.operands.streams import Stream
from suite.operands.tensors import Operands, in_format
from suite.processes import cache_filler
from suite.processes.channel import Done, Handlers, Request, handlers, serve
from suite.processes.keeping_out import run_others_code
from suite.processes.shared_memory import forget
from suite.processes.threads import wait_until_threads_sleep
from suite.registry import registering, sources
from suite.registry.implementation import Implementation
from suite.worker import cuda_context
from suite.worker.binding import Invocation, bind, gradient_fault
from suite.worker.clocks import timer_for
from suite.worker.cpu_clock import Timer
from suite.worker.memory import peak_bytes_of, resident_bytes
from suite.worker.operators import OperatorLog, vendor_convolution
from suite.worker.outputs import Taken, failure, require_output, row_major
from suite.worker.side_effects import Watch
from suite.worker.turn import Turns, require_untouched

SLOW_S = 0.25
"""The memory of a call that takes so long is not measured by another one."""
SETTLED_CALLS = 5
"""Calls that tell the time anew after the timer has changed how it takes it."""
_OF_A_SCENARIO = (
    "_given",
    "_results",
    "_stream",
    "_operands",
    "_invocation",
    "_timer",
    "_turns",
)
"""What hangs on its memory."""

Asked = TypeVar("Asked", bound=Request[Any])
Reply = TypeVar("Reply")


class Worker:
    """State of one worker between requests."""

    def __init__(self, source: sources.Source, name: str, threads: int) -> None:
        self._source = source
        self._name = name
        self._threads = threads
        self._now = time.perf_counter
        self._inside_s = 0.0
        self._note = ""
        """What its import did that readers should know."""
        self._last_call_s: float | None = None
        """Of a gate; None where no call was made in this scenario yet."""
        self._implementation: Implementation
        self._own_file = source.location
        """The implementation's: what went wrong is said of a line in it."""
        self._hint_for: Callable[[Exception], str] = lambda _: ""
        self._scenario: Scenario
        self._given: SharedOperands
        self._results: SharedResults
        self._stream: Stream
        self._card: Card | None = None
        self._operands: Operands
        self._invocation: Invocation
        self._timer: Timer
        self._watch: Watch
        self._turns: Turns

    def load(self, _: messages.Load) -> messages.Loaded:
        torch.set_num_threads(self._threads)
        torch.set_grad_enabled(False)
        cuda_context.compute_strictly()
        own_imports.serve_users()  # the import hook of ours is nobody's change
        self._watch = Watch()
        sources.load(self._source)
        self._implementation = registering.get(self._name)
        self._own_file = self._implementation.source
        self._hint_for = self._implementation.hint_for
        self._note = self._watch.imported()
        return messages.Loaded(unavailable=self._implementation.why_unavailable())

    def open(self, asked: messages.Open) -> messages.Opened:
        self._scenario = asked.scenario
        if reason := self._implementation.why_unsupported(self._scenario):
            raise Unsupported(reason)
        self._given = SharedOperands(self._scenario, asked.operands, writable=False)
        self._results = SharedResults(self._scenario, ResultMemory(asked.results))
        for path in (asked.operands, asked.results):
            forget(path)
        note = cache_filler.note(self._scenario)
        if self._scenario.on_cuda:
            self._card, note = cuda_context.use(self._scenario.device)
        self._timer = timer_for(self._scenario, self._given.filler())
        note = "; ".join(filter(None, (self._note, note))) or None
        problem, itemsize = self._scenario.problem.as_called(), self._scenario.itemsize
        return messages.Opened(
            workspace_bytes=self._implementation.declared_workspace_bytes(problem, itemsize),
            executed_flops=self._implementation.declared_executed_flops(problem),
            note=note,
            card_uuid=cuda_context.uuid() if self._scenario.on_cuda else None,
        )

    def _bind(self, kind: str = "") -> None:
        """Take private copies of the shared operands, in the scenario's format and place."""
        device, memory_format = self._scenario.device, self._scenario.memory_format
        copies = self._given.operands.each(
            lambda tensor: in_format(tensor, memory_format).to(device)
        )
        self._operands = handed_over(kind, copies)
        self._invocation = self._bound()
        self._inside_s += self._invocation.prepare_s or 0.0

    def _bound(self) -> Invocation:
        """Return what is called, on the operands of the moment."""
        return bind(self._implementation, self._scenario, self._operands)

    def gate(self, asked: messages.Gate) -> messages.Gated:
        start = self._now()
        self._watch.begin()
        self._bind(asked.kind)
        device = self._scenario.device
        logging = OperatorLog(device) if asked.log_operators else contextlib.nullcontext()
        with logging as log:
            output = self._invocation.call(self._operands.varying)
        self._synchronise()
        self._last_call_s = self._now() - start
        self._inside_s += self._last_call_s
        output = self._invocation.finish(output)
        self._require_output(output)
        settled = self._watch.settle(last=asked.last)
        self._results.write(asked.slot, row_major(output))
        if asked.hand_back:
            self._hand_back()
        note = "; ".join(filter(None, (self._invocation.note, settled)))
        return messages.Gated(note=note, operators=_ran(log) if log else None)

    def gradcheck(self, _: messages.Gradcheck) -> messages.GradientsChecked:
        """Compare autograd's gradients with finite differences, in float64."""
        problem = self._scenario.problem
        generator = torch.Generator().manual_seed(0)

        def normal(shape: Sequence[int]) -> torch.Tensor:
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            return drawn.to(self._scenario.device).requires_grad_()

        x, weight = normal(problem.input_shape), normal(problem.weight_shape)
        bias = normal((problem.out_channels,)) if problem.bias else None
        fault = gradient_fault(self._implementation, problem, x, weight, bias)
        return messages.GradientsChecked(fault=fault)

    def bind(self, _: messages.Bind) -> messages.Packed:
        self._watch.begin()
        self._bind()
        self._stream = self._given.stream.on(self._scenario.device)
        self._turns = Turns(self._scenario, self._operands, self._stream, self._results)
        self._watch.settle(last=False)
        return messages.Packed(prepare_s=self._invocation.prepare_s)

    def warm(self, asked: messages.Warm) -> messages.Warmed:
        operand = torch.empty_like(self._operands.varying)
        call_s: list[float] = []
        peak_bytes = None

        def once() -> object:
            self._stream.fill(operand, (len(call_s), 0))
            outputs, seconds = self._timed([operand])
            self._inside_s += seconds
            call_s.append(seconds)
            self._require_output(outputs[0])
            return outputs

        if self._last_call_s is None:
            once()
            self._last_call_s = call_s[0]
        started = self._now()
        if self._last_call_s < SLOW_S and asked.peak:
            peak_bytes = peak_bytes_of(once, self._scenario.device)
        while not call_s or self._now() - started < asked.seconds:
            once()
        note = self._timer.settle(self._invocation.call, operand, min(call_s))
        if note:
            call_s.clear()
            for _ in range(SETTLED_CALLS):
                once()
        self._watch.settle(last=False)
        if self._scenario.on_cuda:
            self._rehearse(operand, last=(len(call_s) - 1, 0))
        self._watch.warmed(self._scenario)
        return messages.Warmed(
            call_s=min(call_s),
            peak_bytes=peak_bytes,
            batch=self._timer.batch_size(min(call_s), operand.numel() * operand.element_size()),
            note=note,
        )

    def _rehearse(self, operand: torch.Tensor, last: tuple[int, int]) -> None:
        """Do once what a turn does besides calls.

        A GPU's driver loads kernels and starts threads when they are first needed; in a turn they
        would look like what the implementation left behind.
        """
        require_untouched(operand, self._stream, last)
        row_major(operand).cpu()
        if self._card:
            self._card.state()

    def begin_turn(self, asked: messages.BeginTurn) -> Done:
        """Make the calls that lead, before the operands of timed ones are known.

        They are not timed: the arms before this one left the caches and the thread pool to
        themselves, and memory that was given back after the warm-up has to be fetched anew.
        """
        self._turns.begin(asked.batch)
        operands = self._turns.filled([(self._scenario.problem.height, 1)] * min(asked.lead, 1))
        for _ in range(asked.lead):
            outputs, took_s = self._timed(operands)
            self._require_output(outputs[0])  # and hold it while the next is made
            self._inside_s += took_s
        return Done()

    def sample(self, asked: messages.Sample) -> messages.Sampled:
        """Time calls on fresh operands; outputs go to slots.

        The parent's clock runs meanwhile: what is done here besides calls has to take the same
        time for every implementation.
        """
        operands = self._turns.filled(asked.starts)
        if asked.idle:
            sample_s = None
            outputs = self._turns.stand_ins(len(operands))
        else:
            outputs, sample_s = self._timed(operands)
            self._inside_s += sample_s
        self._watch.require_no_company()
        channels_last = self._turns.take(outputs, asked)
        if not asked.idle:
            self._watch.count(len(operands))
        return messages.Sampled(sample_s=sample_s, channels_last=channels_last)

    def end_turn(self, asked: messages.EndTurn) -> messages.TurnEnded:
        card = self._card.state() if self._card else None
        if asked.last:
            self._turns.require_untouched()
            self._watch.require_state()
            self._hand_back(self._operands.varying)
            self._turns.require_still()
            self._watch.require_no_growth(self._turns.held_bytes)
            self._turns.let_go()
        return messages.TurnEnded(card=card)

    def _timed(self, operands: Sequence[torch.Tensor]) -> tuple[Sequence[object], float]:
        """Time a call on each operand; return the outputs, finished, and the seconds of all."""
        outputs, seconds = self._timer(self._invocation.call, operands)
        return [self._invocation.finish(output) for output in outputs], seconds

    def _synchronise(self) -> None:
        if self._scenario.on_cuda:
            torch.cuda.synchronize()

    def close(self, _: messages.Close) -> messages.Closed:
        for name in _OF_A_SCENARIO:
            if hasattr(self, name):
                delattr(self, name)
        self._last_call_s = None
        return messages.Closed(held_bytes=resident_bytes())

    def _hand_back(self, left_out: torch.Tensor | None = None) -> None:
        """Write the operands back into the shared memory for the judge to compare."""
        for ours, shared in (
            (self._operands.weight, self._results.handed_back.weight),
            (self._operands.bias, self._results.handed_back.bias),
            (self._operands.residual, self._results.handed_back.residual),
            (self._operands.input, self._results.handed_back.input),
        ):
            if ours is not None and shared is not None and ours is not left_out:
                shared.copy_(ours)

    def _require_output(self, output: Any) -> None:
        require_output(output, self._scenario, Taken(self._operands))

    def answer_load(self, asked: messages.Load) -> messages.TimedAnswer[messages.Loaded]:
        return self._guarded(self.load)(asked)

    def handlers(self) -> Handlers:
        return handlers(
            messages.Load.handled_by(self.answer_load),
            messages.Open.handled_by(self._guarded(self.open)),
            messages.Gate.handled_by(self._guarded(self.gate)),
            messages.Gradcheck.handled_by(self._guarded(self.gradcheck)),
            messages.Bind.handled_by(self._guarded(self.bind)),
            messages.Warm.handled_by(self._guarded(self.warm)),
            messages.BeginTurn.handled_by(self._guarded(self.begin_turn, settle=False)),
            messages.Sample.handled_by(self._guarded(self.sample, settle=False)),
            messages.EndTurn.handled_by(self._guarded(self.end_turn)),
            messages.Close.handled_by(self._guarded(self.close)),
        )

    def _guarded(
        self, handler: Callable[[Asked], Reply], *, settle: bool = True
    ) -> Callable[[Asked], messages.TimedAnswer[Reply]]:
        """Turn every exception into a status; report the time inside; leave no thread running.

        Args:
            settle: wait until other threads sleep. Between samples of a turn nobody else is
                disturbed by them.
        """

        def guarded(asked: Asked) -> messages.TimedAnswer[Reply]:
            self._inside_s = 0.0
            reply, failed = None, None
            try:
                reply = handler(asked)
            except Exception as error:
                traceback.print_exc()
                failed = cuda_context.why_poisoned(error) or failure(
                    error, self._own_file, self._hint_for(error)
                )
            quiet = not settle or wait_until_threads_sleep()
            return messages.TimedAnswer(
                reply=reply,
                failure=failed,
                inside_s=self._inside_s,
                quiet=quiet,
            )

        return guarded


def _ran(log: OperatorLog) -> messages.OperatorsRan:
    vendor = vendor_convolution(log.names)
    return messages.OperatorsRan(names=tuple(log.names), vendor=vendor, ran=log.ran)


def main(connection: Connection, source: sources.Source, name: str, threads: int) -> None:
    """Serve the parent until it closes the channel."""
    run_others_code()
    serve(connection, Worker(source, name, threads).handlers())
