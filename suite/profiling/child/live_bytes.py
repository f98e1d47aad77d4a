"""What lies in memory while a call runs: input, weight, output, workspace, over time.

Two sources are put together. torch's allocators report every allocation as it happens; they know
nothing of what oneDNN, MKL or an engine takes from the system by itself. For that a thread looks
every half millisecond how much the process (on CUDA: the device) holds; what it holds beyond
torch's allocations is workspace too. The operating system's own high-water mark is measured in a
call apart, to compare with. Both in a process whose C library hands freed blocks back at once: see
`keep_no_freed`.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from suite.profiling.child.subject import Subject
from suite.results.profile import LiveBytes, Memory
from suite.worker.memory import peak_bytes_of

INTERVAL_S = 0.0005
MOST_STEPS = 240
LEAST_OUTSIDE_BYTES = 2**18
"""Less is the interpreter's own coming and going."""
M_MMAP_THRESHOLD = -3
MMAP_FROM_BYTES = 128 * 2**10
SYSTEM_CALLS = 3
SLOW_S = 0.25
REPORTED_SHARE = 0.95
"""Where torch's allocators account for so much, nothing else is looked for: memory that is handed
back takes the system a while, and would show as somebody else's."""


class Held:
    """Bytes that the process (on CUDA: the device) holds, looked at in the background."""

    def __init__(self, is_cuda: bool) -> None:
        self._is_cuda = is_cuda
        self._process = psutil.Process()
        self.samples: list[tuple[int, int]] = []
        """Nanoseconds since the epoch, bytes."""
        self.before = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def now(self) -> int:
        if self._is_cuda:
            free, total = torch.cuda.mem_get_info()
            return int(total - free)
        return int(self._process.memory_info().rss)

    def mark(self) -> None:
        """Remember what is held now, from which on samples count."""
        self.before = self.now()

    def _look(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self.samples.append((time.time_ns(), self.now()))

    def __enter__(self) -> Held:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(frozen=True)
class Allocation:
    """Bytes given out at an address, or taken back where negative."""

    at_ns: int
    address: int
    size_bytes: int


def keep_no_freed() -> None:
    """Have the C library hand freed blocks back at once, for the rest of this process.

    glibc keeps freed blocks of up to 32 MiB for the next call, so that the operating system's
    high-water mark counts memory that nobody uses. Call it before anything large is allocated.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES)


def measure(subject: Subject) -> Memory:
    """Return the live bytes of one warmed-up call."""
    system_peak = _system_peak(subject)
    operands = subject.operands
    # The input's gradient needs no input, the weight's gradient both the input and the output's.
    tensors = {
        "forward": (operands.input,),
        "backward_data": (operands.grad,),
        "backward_weight": (operands.input, operands.grad),
    }[subject.scenario.direction]
    input_bytes = _size(*tensors)
    weight_bytes = _size(operands.weight, operands.bias) + _packed_bytes(subject)
    operand = subject.next_operand()

    def call() -> Any:
        held.mark()
        output = subject.invocation.call(operand)
        subject.synchronise()
        return output

    with Held(subject.is_cuda) as held:
        report = listen(call, subject.scenario.device)
    output, start_ns, end_ns = report.result, report.start_ns, report.end_ns
    address = output.untyped_storage().data_ptr()
    output_bytes = output.untyped_storage().nbytes()
    samples = [(at, used - held.before) for at, used in held.samples if start_ns <= at <= end_ns]
    output_at = (address, output_bytes)
    steps = _steps(report.allocations, [], output_at, (start_ns, end_ns))
    if _is_too_little(max(sum(step[1:]) for step in steps), system_peak):
        steps = _steps(report.allocations, samples, output_at, (start_ns, end_ns))
    live = LiveBytes(
        at_s=tuple((at - start_ns) * 1e-9 for at, *_ in steps),
        input=(input_bytes,) * len(steps),
        weight=(weight_bytes,) * len(steps),
        output=tuple(step[1] for step in steps),
        workspace=tuple(step[2] + step[3] for step in steps),
    )
    return Memory(
        timeline=_thinned(live),
        peak_bytes=max(step[1] + step[2] + step[3] for step in steps),
        workspace_bytes=max(step[2] + step[3] for step in steps),
        outside_bytes=max(step[3] for step in steps),
        system_peak_bytes=system_peak,
    )


def _system_peak(subject: Subject) -> int | None:
    """Return the highest of some calls' peaks: engines with pools of their own vary."""
    calls = SYSTEM_CALLS if subject.call_s < SLOW_S else 1
    peaks = [peak_bytes_of(subject.call, subject.scenario.device) for _ in range(calls)]
    known = [peak for peak in peaks if peak is not None]
    return max(known, default=None)


def _is_too_little(reported_bytes: int, system_bytes: int | None) -> bool:
    """Whether torch's allocators account for less than the system saw."""
    return system_bytes is None or reported_bytes < REPORTED_SHARE * system_bytes


def _size(*tensors: torch.Tensor | None) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors if tensor is not None)


def _packed_bytes(subject: Subject) -> int:
    """Return the bytes that preparing the weight keeps, as far as torch's allocators know."""
    if subject.implementation.prepare is None:
        return 0
    report = listen(subject.bind, subject.scenario.device)
    return max(0, sum(allocation.size_bytes for allocation in report.allocations))


@dataclass(frozen=True)
class AllocatorReport:
    """What torch's allocators reported of a call, and what the call returned."""

    result: Any
    allocations: list[Allocation]
    start_ns: int
    end_ns: int


def listen(call: Callable[[], Any], device: str) -> AllocatorReport:
    """Call, and listen to torch's allocators for that kind of device meanwhile.

    The call is marked as an event: outside of any, the profiler's tree leaves CUDA's allocations
    out, among them every block that Python gives back between two operators.
    """
    host = [ProfilerActivity.CPU]  # where allocators are called, CUDA's too
    with profile(activities=host, profile_memory=True) as profiler, record_function("call"):
        start_ns = time.time_ns()
        result = call()
        end_ns = time.time_ns()
    tree = profiler.profiler.kineto_results.experimental_event_tree()
    kind = torch.device(device).type
    allocations = [a for a in _allocations(tree, kind) if start_ns <= a.at_ns <= end_ns]
    return AllocatorReport(result, allocations, start_ns, end_ns)


def _allocations(tree: Iterable[Any], device: str) -> list[Allocation]:
    """Return torch's allocations on a kind of device in the order in which they happened."""
    allocations = []
    pending = list(tree)
    while pending:
        event = pending.pop()
        pending.extend(event.children)
        if event.tag.name == "Allocation" and event.extra_fields.device.type == device:
            fields = event.extra_fields
            allocations.append(Allocation(event.start_time_ns, fields.ptr or 0, fields.alloc_size))
    return sorted(allocations, key=lambda allocation: allocation.at_ns)


def _steps(
    allocations: Sequence[Allocation],
    samples: Sequence[tuple[int, int]],
    output: tuple[int, int],
    span_ns: tuple[int, int],
) -> list[tuple[int, int, int, int]]:
    """Return (time, output, workspace of torch's, workspace of others) at every change.

    The output is the last thing allocated at its address; where torch does not report it (oneDNN
    allocates its own), it is there from the end on, and until then part of what others hold.
    """
    address, output_bytes = output
    births = [a.at_ns for a in allocations if a.address == address and a.size_bytes > 0]
    born_ns = births[-1] if births else span_ns[1]
    changes: list[tuple[int, int, int | None]] = sorted(
        [(a.at_ns, a.size_bytes, None) for a in allocations]
        + [(at, 0, used) for at, used in samples],
        key=lambda change: change[0],
    )
    live = held = 0
    steps = [(span_ns[0], 0, 0, 0)]
    for at, change, used in changes:
        live += change
        if samples:
            held = max(0, held + change) if used is None else used
        out = output_bytes if at >= born_ns else 0
        outside = held - live if held - live >= LEAST_OUTSIDE_BYTES else 0
        steps.append((at, out, max(0, live - out), outside))
    last = steps[-1]
    if not births:
        steps.append((span_ns[1], output_bytes, last[2], max(0, last[3] - output_bytes)))
    else:
        steps.append((span_ns[1], *last[1:]))
    return steps


def _thinned(live: LiveBytes) -> LiveBytes:
    """Return at most `MOST_STEPS` steps, the highest of each stretch."""
    if len(live) <= MOST_STEPS:
        return live
    total = [sum(values) for values in zip(live.output, live.workspace, strict=True)]
    edges = [round(index * len(live) / MOST_STEPS) for index in range(MOST_STEPS + 1)]
    indices = [
        max(range(first, last), key=total.__getitem__)
        for first, last in itertools.pairwise(edges)
        if last > first
    ]
    indices = sorted({0, *indices, len(live) - 1})
    return LiveBytes(
        **{
            name: tuple(getattr(live, name)[index] for index in indices)
            for name in ("at_s", "input", "weight", "output", "workspace")
        }
    )
