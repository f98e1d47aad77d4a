"""torch's own view of a call: its operators as a table, as a trace for Perfetto, as stacks.

Two passes: one that records shapes, for the table, the counts and the trace; and one that records
Python's frames, for the stacks, which slows a call down. A call of very many operators (Python
loops) gets the first alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from suite import phases
from suite.profiling.child.subject import Subject
from suite.results.profile import OperatorRow, StackNode

BUDGET_S = 0.12
MOST_CALLS = 8
MOST_EVENTS = 20_000
"""Events of a call: beyond, the trace and the stacks would take longer than anyone reads them."""
MOST_ROWS = 25
MOST_NODES = 160
LEAST_SHARE = 0.002
"""Narrower places of the stacks are left out."""
PHASE = "phase: "
CALL = "_call_under_profiler"
_OWN_FRAMES = (
    "torch/autograd/profiler.py",
    "torch/_ops.py",
    "torch/_jit_internal.py",
    "torch/profiler/_cupti_monitor.py",
    "suite/phases.py",
    "suite/worker/binding.py",
    "profiling/child/subject.py",
    "profiling/child/operator_view.py",
)
"""Frames of the profiler's own making: an ordinary call does not have them."""


class Annotations:
    """Listens to the marks and puts them into torch's profile."""

    def __init__(self) -> None:
        self._open: list[Any] = []

    def enter(self, name: str) -> None:
        annotation = record_function(f"{PHASE}{name}")
        annotation.__enter__()
        self._open.append(annotation)

    def leave(self) -> None:
        self._open.pop().__exit__(None, None, None)


@dataclass
class Span:
    """An event with a beginning and an end, and what lies inside it."""

    name: str
    start_ns: int
    end_ns: int
    event: Any
    """torch's event, with its tensors and allocations."""
    arguments: list[Any] = field(default_factory=list)
    """What was passed to an operator besides tensors, in place; None for tensors."""
    children: list[Span] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) * 1e-9

    def walk(self) -> Iterator[Span]:
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def is_operator(self) -> bool:
        return self.name.startswith("aten::")


@dataclass(frozen=True)
class Seen:
    """What one pass of the profiler saw."""

    profile: Any
    calls: int
    roots: list[Span]
    """Outermost events inside the calls."""

    @property
    def events(self) -> int:
        return sum(1 for root in self.roots for _ in root.walk())


def watch(subject: Subject, calls: int, *, shapes: bool = False, stacks: bool = False) -> Seen:
    """Profile some calls."""
    activities = [ProfilerActivity.CPU]
    if subject.is_cuda:
        activities.append(ProfilerActivity.CUDA)
    with profile(
        activities=activities, record_shapes=shapes, with_stack=stacks, profile_memory=shapes
    ) as profiler:
        phases.listen(Annotations())
        try:
            for _ in range(calls):
                _call_under_profiler(subject)
        finally:
            phases.listen(None)
    results = profiler.profiler.kineto_results
    roots = _nested(_spans(results.experimental_event_tree(), stacks))
    if shapes:
        passed = {(event.name(), event.start_ns()): event for event in results.events()}
        for root in roots:
            for span in root.walk():
                if event := passed.get((span.name, span.start_ns)):
                    span.arguments = event.concrete_inputs()
    return Seen(profiler, calls, roots)


def _call_under_profiler(subject: Subject) -> None:
    """Call once; its frame marks in the stacks where the implementation begins."""
    with record_function(CALL):
        subject.call()


def _spans(tree: Sequence[Any], stacks: bool) -> Iterator[Span]:
    """Yield operators, and Python's frames if asked for, in no particular order."""
    pending = list(tree)
    while pending:
        event = pending.pop()
        pending.extend(event.children)
        kind = event.tag.name
        if kind == "TorchOp" or (stacks and kind == "PyCall"):
            end_ns = event.start_time_ns + event.duration_time_ns
            yield Span(event.name, event.start_time_ns, end_ns, event)


def _nested(spans: Iterator[Span]) -> list[Span]:
    """Return the spans within the calls as trees, by what contains what.

    torch's own tree hangs what a mark covers beside the mark, because the mark's frame is over
    before it.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))
    calls = [span for span in ordered if span.name == CALL]
    if not calls:
        return []
    thread = calls[0].event.start_tid
    roots: list[Span] = []
    around: list[Span] = []
    for span in ordered:
        if span.event.start_tid != thread or _is_ours(span.name):
            continue
        if not any(c.start_ns <= span.start_ns and span.end_ns <= c.end_ns for c in calls):
            continue
        while around and around[-1].end_ns < span.end_ns:
            around.pop()
        (around[-1].children if around else roots).append(span)
        around.append(span)
    return roots


def _is_ours(name: str) -> bool:
    return name == CALL or any(part in name for part in (*_OWN_FRAMES, "<frozen"))


def operator_rows(seen: Seen) -> tuple[OperatorRow, ...]:
    """Return the operators by their own time, the longest first."""
    device_us = {e.key: e.self_device_time_total for e in seen.profile.key_averages()}
    is_cuda = any(device_us.values())
    rows: dict[str, list[float]] = {}
    for root in seen.roots:
        for span in root.walk():
            if not span.is_operator:
                continue
            row = rows.setdefault(span.name.removeprefix("aten::"), [0.0, 0.0, 0.0, 0.0])
            inner_s = sum(child.duration_s for child in span.children if child.is_operator)
            row[0] += 1
            row[1] += span.duration_s - inner_s
            row[2] += span.duration_s
            row[3] += allocated_by(span.event)
    operators = [
        OperatorRow(
            name=name,
            calls=row[0] / seen.calls,
            self_s=row[1] / seen.calls,
            total_s=row[2] / seen.calls,
            allocated_bytes=round(row[3] / seen.calls),
            device_s=device_us.get(f"aten::{name}", 0.0) * 1e-6 / seen.calls if is_cuda else None,
        )
        for name, row in rows.items()
    ]
    return tuple(sorted(operators, key=lambda row: -row.self_s)[:MOST_ROWS])


def allocated_by(event: Any) -> int:
    """Return the bytes that an event itself asked its allocator for."""
    return sum(
        child.extra_fields.alloc_size
        for child in event.children
        if child.tag.name == "Allocation" and child.extra_fields.alloc_size > 0
    )


def outermost(seen: Seen) -> list[Span]:
    """Return the operators that no other operator called."""

    def outermost_in(span: Span) -> Iterator[Span]:
        if span.is_operator:
            yield span
            return
        for child in span.children:
            yield from outermost_in(child)

    return [span for root in seen.roots for span in outermost_in(root)]


def stack_nodes(seen: Seen) -> tuple[StackNode, ...]:
    """Return phases, Python functions and operators as one tree, equal paths joined."""
    totals: dict[tuple[str, ...], float] = {}

    def add(span: Span, path: tuple[str, ...]) -> None:
        own_path = (*path, _shown(span.name))
        totals[own_path] = totals.get(own_path, 0.0) + span.duration_s / seen.calls
        for child in span.children:
            add(child, own_path)

    for root in seen.roots:
        add(root, ())
    whole_s = sum(seconds for path, seconds in totals.items() if len(path) == 1)
    paths = [path for path, seconds in totals.items() if seconds >= LEAST_SHARE * whole_s]
    paths = sorted(sorted(paths, key=lambda path: -totals[path])[:MOST_NODES], key=len)
    index_of: dict[tuple[str, ...], int] = {}
    nodes: list[StackNode] = []
    for path in paths:
        if len(path) > 1 and path[:-1] not in index_of:
            continue
        index_of[path] = len(nodes)
        parent = index_of.get(path[:-1])
        nodes.append(StackNode(name=path[-1], parent=parent, total_s=totals[path]))
    return tuple(nodes)


def _shown(name: str) -> str:
    """Return "unfold (functional.py:6112)" for "torch/nn/functional.py(6112): unfold"."""
    file_and_line, colon, function = name.rpartition(": ")
    if not colon or not file_and_line.endswith(")") or "(" not in file_and_line:
        return name
    file, _, line = file_and_line[:-1].rpartition("(")
    return f"{function} ({Path(file).name}:{line})"


def table_text(seen: Seen) -> str:
    """Return torch's own table, as its users know it."""
    by = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    return str(seen.profile.key_averages().table(sort_by=by, row_limit=MOST_ROWS))
