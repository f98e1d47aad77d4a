"""The time of each marked phase, in turns with calls that nobody listens to.

On the CPU a mark reads the monotonic clock; on CUDA it records an event on the current stream,
as work there begins and ends later than the calls that ask for it.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import torch

from suite import phases
from suite.profiling.child.subject import Subject, calm
from suite.results.profile import Phases

BUDGET_S = 0.6
LONGEST_S = 2.0
"""The most that it may take, where other work on the machine keeps the ratio uncertain."""
SETTLED = 0.01
"""Once the ratio of listened to plain calls is known this well, more calls add nothing."""
MOST_CALLS, LEAST_CALLS = 400, 12
CALIBRATION, CALIBRATION_BATCHES = 50, 40

Stamp = tuple[str | None, int]
"""A phase that began, or None for the end of one, and nanoseconds."""


class Clock:
    """Listens by the monotonic clock."""

    def __init__(self) -> None:
        self._stamps: list[Stamp] = []
        self._now: Callable[[], int] = time.perf_counter_ns

    def enter(self, name: str) -> None:
        self._stamps.append((name, self._now()))

    def leave(self) -> None:
        self._stamps.append((None, self._now()))

    def take(self) -> list[Stamp]:
        """Return what was heard since the last time."""
        stamps, self._stamps = self._stamps, []
        return stamps


class CudaClock:
    """Listens by events on the current stream."""

    def __init__(self) -> None:
        self._events: list[tuple[str | None, torch.cuda.Event]] = []

    def enter(self, name: str) -> None:
        self._record(name)

    def leave(self) -> None:
        self._record(None)

    def _record(self, name: str | None) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._events.append((name, event))

    def take(self) -> list[Stamp]:
        torch.cuda.synchronize()
        events, self._events = self._events, []
        if not events:
            return []
        start = events[0][1]
        return [(name, round(start.elapsed_time(event) * 1e6)) for name, event in events]


def measure(subject: Subject) -> Phases:
    """Return the phases of a call, from calls with and without a listener in turns."""
    clock = CudaClock() if subject.is_cuda else Clock()
    inside_s, outside_s = (0.0, 0.0) if subject.is_cuda else _cost_of_a_mark()
    plain_s: list[float] = []
    listened_s: list[float] = []
    heard: list[list[Stamp]] = []
    try:
        _listened(subject, clock)  # compiled phases load with their first call
        started = time.perf_counter()
        for number in range(MOST_CALLS):
            took_s = time.perf_counter() - started
            enough = number >= LEAST_CALLS and took_s > BUDGET_S
            if enough and (took_s > LONGEST_S or _is_settled(listened_s, plain_s)):
                break
            for is_listening in (number % 2 == 0, number % 2 == 1):
                if is_listening:
                    seconds, stamps = _listened(subject, clock)
                    listened_s.append(seconds)
                    heard.append(stamps)
                else:
                    plain_s.append(subject.timed())
    finally:
        phases.listen(None)
    spans = [list(_spans(stamps)) for stamps in heard]
    own_s = [
        seconds - len(marks) * (inside_s + outside_s)
        for seconds, marks in zip(listened_s, spans, strict=True)
    ]
    # Neighbours are disturbed alike: on a busy machine the median of their ratios holds where
    # means, medians and minima of each sort do not.
    ratio = math.exp(statistics.median(_log_ratios(own_s, plain_s)))
    unprofiled_s = statistics.fmean(plain_s[index] for index in calm(plain_s))
    faster_half = sorted(range(len(own_s)), key=own_s.__getitem__)[: -(-len(own_s) // 2)]
    shares: dict[str, float] = {}
    for index in faster_half:
        for name, seconds in spans[index]:
            share = max(0.0, seconds - inside_s) / own_s[index] / len(faster_half)
            shares[name] = shares.get(name, 0.0) + share
    return Phases(
        unprofiled_s=unprofiled_s,
        phases_s={name: share * ratio * unprofiled_s for name, share in shares.items()},
        unmarked_s=max(0.0, 1.0 - sum(shares.values())) * ratio * unprofiled_s,
        calls=len(plain_s),
    )


def _log_ratios(listened_s: Sequence[float], plain_s: Sequence[float]) -> list[float]:
    pairs = zip(listened_s, plain_s, strict=True)
    return [math.log(listened / plain) for listened, plain in pairs]


def _is_settled(listened_s: Sequence[float], plain_s: Sequence[float]) -> bool:
    """Whether the ratio is known well, whatever it is: quartiles over the root of the pairs."""
    low, _, high = statistics.quantiles(_log_ratios(listened_s, plain_s), n=4)
    return (high - low) / math.sqrt(len(plain_s)) <= SETTLED


def _listened(subject: Subject, clock: Clock | CudaClock) -> tuple[float, list[Stamp]]:
    phases.listen(clock)
    seconds = subject.timed()
    phases.listen(None)
    return seconds, clock.take()


def _spans(stamps: Sequence[Stamp]) -> Iterator[tuple[str, float]]:
    """Yield each phase with the seconds that are its own: not those of phases inside it."""
    running: list[tuple[str, int]] = []
    own_ns: list[int] = []
    for name, now in stamps:
        if name is not None:
            running.append((name, now))
            own_ns.append(0)
            continue
        begun, since = running.pop()
        inner_ns = own_ns.pop()
        if own_ns:
            own_ns[-1] += now - since
        yield begun, (now - since - inner_ns) * 1e-9


def _cost_of_a_mark() -> tuple[float, float]:
    """Return the seconds that listening to one empty mark adds inside it and around it.

    Medians over batches: one collection of garbage in a fresh process, or one moment without a
    core, would make a mark look as long as a short call.
    """
    clock = Clock()
    phases.listen(clock)
    batches_s: list[float] = []
    try:
        for _ in range(CALIBRATION_BATCHES):
            start = time.perf_counter()
            for _ in range(CALIBRATION):
                with phases.PRODUCT:
                    pass
            batches_s.append((time.perf_counter() - start) / CALIBRATION)
    finally:
        phases.listen(None)
    inside_s = statistics.median(seconds for _, seconds in _spans(clock.take()))
    return inside_s, max(0.0, statistics.median(batches_s) - inside_s)
