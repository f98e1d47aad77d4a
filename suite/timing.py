"""Clocks and samples. Everything here is bound before any implementation is imported.

A sample is a run of back-to-back calls on fresh operands, long enough for the clock; its value
is seconds per call. On CUDA the span is taken by events around the calls on the current stream,
synchronised on both sides, so that work on other streams is waited for too.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

Call = Callable[[torch.Tensor], object]

SAMPLE_S = 200e-6
"""Shorter calls are timed in batches of about this length: the clock's own 50 ns are 0.03 %."""
BATCH_BYTES = 32 * 2**20
MOST_BATCH = 64


class Timer(Protocol):
    """Runs `call` on each operand and returns the outputs and the seconds for all of them."""

    def __call__(
        self, call: Call, operands: Sequence[torch.Tensor]
    ) -> tuple[list[object], float]: ...


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


def cuda_timer(call: Call, operands: Sequence[torch.Tensor]) -> tuple[list[object], float]:
    """Time by CUDA events. Side streams are joined by the synchronisation before the end event."""
    begin = torch.cuda.Event(enable_timing=True)
    end = torch.cuda.Event(enable_timing=True)
    outputs: list[object] = []
    gc.disable()
    torch.cuda.synchronize()
    begin.record()
    for operand in operands:
        outputs.append(call(operand))
    end.record()
    torch.cuda.synchronize()
    gc.enable()
    return outputs, begin.elapsed_time(end) * 1e-3


def timer_for(device: str) -> Timer:
    return cuda_timer if device.startswith("cuda") else cpu_timer


def batch_size(call_s: float, operand_bytes: int) -> int:
    """Return how many calls make one sample."""
    wanted = math.ceil(SAMPLE_S / max(call_s, 1e-9))
    fits = BATCH_BYTES // max(operand_bytes, 1)
    return max(1, min(wanted, fits, MOST_BATCH))
