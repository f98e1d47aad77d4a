"""The process that is profiled: answers one part of a cell's profile after the other.

load_subject       import the implementation, bind it to data of its own, warm up
look_at_phases     the times of its marks
look_at_operators  torch's profiler: table, trace, stacks, counts
look_at_memory     live bytes; in a process of its own, loaded `frugal`
look_at_threads    time over the number of threads
look_at_python     pyinstrument's samples of the stack
spin               calls while the parent's perf looks on
"""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import torch

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.kinds import axis_fields
from suite.messages import profiling as messages
from suite.messages.answer import Answer
from suite.problem import Problem
from suite.processes.channel import Done, Handlers, Request, handlers, serve
from suite.processes.keeping_out import let_others_in, run_others_code
from suite.profiling.child import (
    live_bytes,
    operator_view,
    phase_times,
    python_stacks,
    thread_times,
    traffic,
)
from suite.profiling.child.subject import Subject
from suite.registry import registering, sources
from suite.results.profile import Memory, Operators, Phases
from suite.worker.outputs import failure

Asked = TypeVar("Asked", bound=Request[Any])
Reply = TypeVar("Reply")

SMALLEST_CALLS = 30
DISPATCH_CALLS, DISPATCH_BATCHES = 50, 8
SPIN_S = 0.4


class ProfiledWorker:
    """State of one profiled process between requests."""

    def __init__(self, source: sources.Source, name: str, threads: int) -> None:
        self._source = source
        self._name = name
        self._threads = threads
        self._subject: Subject
        self._scenario: Scenario

    def load(self, asked: messages.LoadSubject) -> Done:
        if asked.frugal:
            live_bytes.keep_no_freed()
        torch.set_num_threads(self._threads)
        torch.set_grad_enabled(False)
        self._scenario = asked.scenario
        sources.load(self._source)
        implementation = registering.get(self._name)
        self._subject = Subject(implementation, self._scenario)
        return Done()

    def phases(self, _: messages.LookAtPhases) -> Phases:
        return phase_times.measure(self._subject)

    def operators(self, asked: messages.LookAtOperators) -> messages.OperatorsSeen:
        subject, out = self._subject, Path(asked.folder)
        calls = subject.calls_in(operator_view.BUDGET_S, 1, operator_view.MOST_CALLS)
        operator_view.watch(subject, 1)  # the profiler starts with its first use
        seen = operator_view.watch(subject, calls, shapes=True)
        files: list[messages.File] = []
        notes = []
        (out / "operators.txt").write_text(operator_view.table_text(seen), encoding="utf-8")
        files.append("operators.txt")
        few = seen.events <= operator_view.MOST_EVENTS * seen.calls
        if few:
            seen.profile.export_chrome_trace(str(out / "trace.json.gz"))
            files.append("trace.json.gz")
            stacks = operator_view.stack_nodes(operator_view.watch(subject, calls, stacks=True))
        else:
            notes.append(
                f"{seen.events // seen.calls:,} operators a call: no trace and no stacks beyond "
                f"{operator_view.MOST_EVENTS:,}"
            )
            stacks = ()
        declared = subject.implementation
        problem, itemsize = self._scenario.problem.as_called(), self._scenario.itemsize
        call_s = sum(root.duration_s for root in seen.roots) / seen.calls
        outermost = len(operator_view.outermost(seen)) / seen.calls
        part = Operators(
            call_s=max(call_s, subject.call_s),
            operators=outermost,
            rows=operator_view.operator_rows(seen),
            stacks=stacks,
            counts=traffic.counts(
                seen,
                self._scenario,
                declared.declared_executed_flops(problem),
                declared.declared_workspace_bytes(problem, itemsize),
                max(call_s, subject.call_s),
            ),
            overhead_s=self._overhead_s(outermost),
        )
        return messages.OperatorsSeen(operators=part, files=tuple(files), notes=tuple(notes))

    def _overhead_s(self, operators: float) -> float | None:
        """Return what a call costs whatever its size, by two measures, the larger of which counts.

        The same implementation on the smallest problem of the same kernel; and as many of the
        least operators as it runs.
        """
        dispatch_s = self._dispatch_s() * operators
        if self._subject.implementation.on_request:  # preparing it takes longer than measuring it
            return dispatch_s
        try:
            smallest = Subject(self._subject.implementation, smallest_of(self._scenario))
            least_s = min(smallest.timed() for _ in range(SMALLEST_CALLS))
        except Exception:  # it need not cover that problem
            return dispatch_s or None
        if least_s > self._subject.call_s:  # it takes another way there: this tells nothing
            return dispatch_s or None
        return max(dispatch_s, least_s)

    def _dispatch_s(self) -> float:
        """Return the seconds of one least operator: a disturbance only adds to it."""
        element = torch.zeros(1, device=self._scenario.device)
        batches_s = []
        for _ in range(DISPATCH_BATCHES):
            start = time.perf_counter()
            for _call in range(DISPATCH_CALLS):
                element.add_(1)
            self._subject.synchronise()
            batches_s.append((time.perf_counter() - start) / DISPATCH_CALLS)
        return min(batches_s)

    def memory(self, _: messages.LookAtMemory) -> Memory:
        return live_bytes.measure(self._subject)

    def threads(self, _: messages.LookAtThreads) -> messages.ThreadTimes:
        if self._threads < 2:
            raise Unsupported("there is one thread: nothing to scale over")
        return messages.ThreadTimes(times=tuple(thread_times.measure(self._subject, self._threads)))

    def python(self, asked: messages.LookAtPython) -> messages.PythonSeen:
        functions = python_stacks.sample(self._subject, Path(asked.folder) / "python.html")
        return messages.PythonSeen(functions=tuple(functions), files=("python.html",))

    def spin(self, _: messages.Spin) -> messages.Spun:
        """Call for a while; tell how often."""
        calls = self._subject.calls_in(SPIN_S, 2, 100_000)
        for _call in range(calls):
            self._subject.call()
        return messages.Spun(calls=calls)

    def handlers(self) -> Handlers:
        return handlers(
            messages.LoadSubject.handled_by(_guarded(self.load)),
            messages.LookAtPhases.handled_by(_guarded(self.phases)),
            messages.LookAtOperators.handled_by(_guarded(self.operators)),
            messages.LookAtMemory.handled_by(_guarded(self.memory)),
            messages.LookAtThreads.handled_by(_guarded(self.threads)),
            messages.LookAtPython.handled_by(_guarded(self.python)),
            messages.Spin.handled_by(_guarded(self.spin)),
        )


def _guarded(handler: Callable[[Asked], Reply]) -> Callable[[Asked], Answer[Reply]]:
    def guarded(asked: Asked) -> Answer[Reply]:
        try:
            return Answer(reply=handler(asked), failure=None)
        except Exception as error:
            traceback.print_exc()
            return Answer(reply=None, failure=failure(error))

    return guarded


def smallest_of(scenario: Scenario) -> Scenario:
    """Return the scenario with the least of everything that its kernel allows: one output."""
    problem = scenario.problem
    sizes: dict[str, Any] = axis_fields("size", _least_sizes(problem))
    return dataclasses.replace(
        scenario,
        problem=dataclasses.replace(
            problem,
            batch_size=1,
            in_channels=problem.groups if problem.groups < problem.in_channels else 1,
            out_channels=problem.groups if problem.groups < problem.in_channels else 1,
            groups=problem.groups if problem.groups < problem.in_channels else 1,
            **sizes,
        ),
    )


def _least_sizes(problem: Problem) -> list[int]:
    """Return the sizes of the smallest input that has an output."""
    axes = zip(
        problem.effective_kernel,
        problem.pads,
        problem.stride,
        problem.output_padding,
        strict=True,
    )
    if problem.is_transposed:
        return [
            1 + max(0, -((covered + longer - sum(pads) - 1) // stride))
            for covered, pads, stride, longer in axes
        ]
    return [max(1, covered - sum(pads)) for covered, pads, *_ in axes]


def main(connection: Connection, source: sources.Source, name: str, threads: int) -> None:
    """Serve the parent until it closes the channel. Nothing is judged, and perf looks on."""
    run_others_code()
    let_others_in()
    serve(connection, ProfiledWorker(source, name, threads).handlers())
