"""Time over the number of threads, each number in its turn so that noise hits all alike."""

from __future__ import annotations

import statistics
import time

import torch

from suite.processes.threads import wait_until_threads_sleep
from suite.profiling.child.subject import Subject, calm
from suite.results.profile import ThreadTime

BUDGET_S = 0.5
LONGEST_S = 2.0
ROUNDS = 6
ALL_UP_TO = 8
"""Beyond, powers of two."""


def numbers(most: int) -> list[int]:
    """Return the numbers of threads to try: all up to 8, then powers of two, then all there are."""
    if most <= ALL_UP_TO:
        return list(range(1, most + 1))
    counts = [1, 2, 4, 8]
    while counts[-1] * 2 < most:
        counts.append(counts[-1] * 2)
    return [*counts, most]


def measure(subject: Subject, most: int) -> tuple[ThreadTime, ...]:
    """Return the time of a call on 1 to `most` threads; the weight is packed anew for each."""
    counts = numbers(most)
    bound = {}
    times_s: dict[int, list[float]] = {number: [] for number in counts}
    try:
        for number in counts:
            torch.set_num_threads(number)
            bound[number] = subject.bind()
            subject.timed(bound[number])
            wait_until_threads_sleep()
        started = time.perf_counter()
        each_s = BUDGET_S / len(counts) / ROUNDS
        for turn in range(ROUNDS):
            if turn >= 3 and time.perf_counter() - started > LONGEST_S:
                break
            for number in counts:
                torch.set_num_threads(number)
                for _ in range(subject.calls_in(each_s, 1, 50)):
                    times_s[number].append(subject.timed(bound[number]))
                wait_until_threads_sleep()
    finally:
        torch.set_num_threads(most)
    return tuple(
        ThreadTime(
            threads=number,
            time_s=statistics.fmean(samples_s[index] for index in calm(samples_s)),
        )
        for number, samples_s in times_s.items()
    )
