"""Time over the number of threads, each number in its turn so that noise hits all alike.

How many of its threads computed is told by the processor time that each of them took.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable

import psutil
import torch

from suite.processes.threads import wait_until_threads_sleep
from suite.profiling.child.subject import Subject, calm
from suite.results.profile import ThreadTime

BUDGET_S = 0.5
LONGEST_S = 2.0
ROUNDS = 6
ALL_UP_TO = 8
"""Beyond, powers of two."""


BUSY_SHARE = 0.1
"""A thread that took so much of what the busiest took has computed."""
LEAST_S = 0.05
"""Of processor time, from which on shares are told: the system may count it in steps of 10 ms."""


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
    cpu_s: dict[int, dict[int, float]] = {number: {} for number in counts}
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
                before_s = _cpu_s()
                for _ in range(subject.calls_in(each_s, 1, 50)):
                    times_s[number].append(subject.timed(bound[number]))
                wait_until_threads_sleep()
                for thread, seconds in _cpu_s().items():
                    took_s = seconds - before_s.get(thread, 0.0)
                    cpu_s[number][thread] = cpu_s[number].get(thread, 0.0) + took_s
    finally:
        torch.set_num_threads(most)
    return tuple(
        ThreadTime(
            threads=number,
            time_s=statistics.fmean(samples_s[index] for index in calm(samples_s)),
            busy=busy_threads(cpu_s[number].values()),
        )
        for number, samples_s in times_s.items()
    )


def busy_threads(cpu_s: Iterable[float]) -> int | None:
    """Return how many threads computed, from the processor time of each; None: too little."""
    taken_s = list(cpu_s)
    most_s = max(taken_s, default=0.0)
    if most_s < LEAST_S:
        return None
    return sum(seconds >= BUSY_SHARE * most_s for seconds in taken_s)


def _cpu_s() -> dict[int, float]:
    """Return thread → its processor time; empty where the system does not tell."""
    try:
        threads = psutil.Process().threads()
    except (psutil.Error, NotImplementedError):
        return {}
    return {thread.id: thread.user_time + thread.system_time for thread in threads}
