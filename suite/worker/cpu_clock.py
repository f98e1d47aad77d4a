"""Clocks and samples. Everything here is bound before any implementation is imported.

A sample is a run of back-to-back calls on fresh operands, long enough for the clock; its value
is seconds per call. With cold caches every call is a sample of its own, preceded by a pass over
other data that is not timed.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from suite.messages.worker import most_batch

Call = Callable[[torch.Tensor], object]

SAMPLE_S = 200e-6
"""Shorter calls are timed in batches of about this length: the clock's own 50 ns are 0.03 %."""


class Timer(Protocol):
    """Runs `call` on each operand and returns the outputs and the seconds for all of them."""

    def __call__(
        self, call: Call, operands: Sequence[torch.Tensor]
    ) -> tuple[list[object], float]: ...

    def settle(self, call: Call, operand: torch.Tensor, call_s: float) -> str | None:
        """Prepare for calls that take `call_s`; return what there is to know about it."""

    def batch_size(self, call_s: float, operand_bytes: int) -> int:
        """Return how many calls make one sample."""


def cpu_timer(
    call: Call,
    operands: Sequence[torch.Tensor],
    *,
    _now: Callable[[], int] = time.perf_counter_ns,
) -> tuple[list[object], float]:
    """Time by the monotonic clock. The garbage collector waits outside the span."""
    outputs: list[object] = []
    keep = outputs.append
    gc.disable()
    start = _now()
    for operand in operands:
        keep(call(operand))
    end = _now()
    gc.enable()
    return outputs, (end - start) * 1e-9


class HotTimer:
    """On a CPU, caches as the call before left them."""

    def __call__(self, call: Call, operands: Sequence[torch.Tensor]) -> tuple[list[object], float]:
        return cpu_timer(call, operands)

    def settle(self, call: Call, operand: torch.Tensor, call_s: float) -> str | None:  # noqa: ARG002
        return None

    def batch_size(self, call_s: float, operand_bytes: int) -> int:
        return batch_size(call_s, operand_bytes)


class ColdTimer:
    """On a CPU, caches emptied before each call by reading `filler`, outside the span.

    Reading leaves no modified lines behind, whose write-back would be charged to the call, and
    it goes through torch's threads, so that every core's own caches are emptied too.
    """

    def __init__(
        self, filler: torch.Tensor, *, _now: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self._filler = filler
        self._now = _now

    def __call__(self, call: Call, operands: Sequence[torch.Tensor]) -> tuple[list[object], float]:
        outputs: list[object] = []
        seconds = 0.0
        for operand in operands:
            self._filler.sum()
            one, took_s = cpu_timer(call, [operand], _now=self._now)
            outputs += one
            seconds += took_s
        return outputs, seconds

    def settle(self, call: Call, operand: torch.Tensor, call_s: float) -> str | None:  # noqa: ARG002
        return None

    def batch_size(self, call_s: float, operand_bytes: int) -> int:  # noqa: ARG002
        return 1


def batch_size(call_s: float, operand_bytes: int) -> int:
    """Return how many calls make one sample."""
    wanted = math.ceil(SAMPLE_S / max(call_s, 1e-9))
    return min(wanted, most_batch(operand_bytes))
