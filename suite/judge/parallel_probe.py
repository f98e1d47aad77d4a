"""The same small work by one thread and by all: where others hold a core, all are slower than one.

A parallel region ends with its slowest thread, so that one core taken costs a short call not its
share but the whole of a scheduler's time slice.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import torch

from suite.results.contention import Probe

ELEMENTS_A_THREAD = 4 * 32_768
"""torch hands no thread fewer than 32,768 elements of a sum; here every one gets its part."""
CALLS = 20
MOST_S = 0.004
"""Of each of the two: a call that waits for a core takes longer than all of them else."""


def probe(threads: int) -> Probe:
    """Return the mean seconds of a call; both are those of one thread where there is no other.

    Sets torch's number of threads.
    """
    operand = torch.zeros(threads * ELEMENTS_A_THREAD)
    one_thread_s = statistics.fmean(_calls_s(operand, 1, MOST_S, CALLS))
    if threads == 1:
        return Probe(one_thread_s=one_thread_s, all_threads_s=one_thread_s)
    all_threads_s = statistics.fmean(_calls_s(operand, threads, MOST_S, CALLS))
    return Probe(one_thread_s=one_thread_s, all_threads_s=all_threads_s)


def spans_s(threads: int, most_s: float) -> list[float]:
    """Return the mean seconds of a call on all threads, of every `CALLS` in turn, for so long."""
    operand = torch.zeros(threads * ELEMENTS_A_THREAD)
    calls_s = list(_calls_s(operand, threads, most_s))
    groups = [calls_s[first : first + CALLS] for first in range(0, len(calls_s), CALLS)]
    return [statistics.fmean(group) for group in groups]


def _calls_s(
    operand: torch.Tensor, threads: int, most_s: float, most: int | None = None
) -> Iterator[float]:
    torch.set_num_threads(threads)
    operand.add_(1)  # starts the pool, and fetches the operand
    end = time.perf_counter() + most_s
    count = 0
    while True:
        start = time.perf_counter()
        operand.add_(1)
        now = time.perf_counter()
        yield now - start
        count += 1
        if now > end or count == most:
            return
