"""Where threads may run: what makes the ones that were asked for share cores, said in words."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping

from suite.machine.containers import cpu_quota

BINDING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "KMP_HW_SUBSET")
"""Variables that tie threads to cores."""
_HARMLESS = ("", "false", "disabled", "none", "noverbose,none")


def usable_cores() -> int:
    """Return the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def keep_to(pid: int, part: int, parts: int) -> None:
    """Have a process, and all that it starts, run on its part of this process's cores alone.

    Where there are fewer cores than parts some parts share one. Linux; elsewhere nothing is done.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        first = part * len(cores) // parts
        behind = max(first + 1, (part + 1) * len(cores) // parts)
        with contextlib.suppress(OSError):  # it has ended, or somebody forbids it
            os.sched_setaffinity(pid, cores[first:behind])


def usual_threads() -> int:
    """Return how many threads find a core: those that a container's share is enough for."""
    quota = cpu_quota()
    return usable_cores() if quota is None else max(1, min(usable_cores(), math.ceil(quota)))


def remarks(threads: int, environment: Mapping[str, str]) -> list[str]:
    """Return what keeps so many threads from having a core each, a sentence each."""
    cores, quota = usable_cores(), cpu_quota()
    sentences = []
    if cores < threads:
        sentences.append(
            f"{threads} threads share {_cores(cores)} (taskset, or the container's cpuset): they "
            f"take turns, so times are those of waiting; {_threads(cores)} would have a core each"
        )
    if quota is not None and math.ceil(quota) < threads:
        sentences.append(
            f"{threads} threads in a container with {quota:g} cores' time: it stops them for the "
            f"rest of each period; {_threads(math.ceil(quota))} would not be stopped"
        )
    sentences += _of_binding(threads, environment)
    return sentences


def _of_binding(threads: int, environment: Mapping[str, str]) -> list[str]:
    """Return what the variables do that tie threads to cores.

    libgomp ties the main thread as soon as it is loaded, and what that thread starts inherits it.
    """
    sentences = []
    listed = _listed_cores(environment.get("GOMP_CPU_AFFINITY", ""))
    if listed is not None and listed < threads:
        sentences.append(
            f"GOMP_CPU_AFFINITY={environment['GOMP_CPU_AFFINITY']} ties {threads} threads to "
            f"{_cores(listed)}: name as many as there are threads, or unset it"
        )
    named = [
        f"{name}={environment[name]}"
        for name in BINDING
        if environment.get(name, "").strip().lower() not in _HARMLESS
    ]
    if named and threads > 1:
        sentences.append(
            f"{', '.join(named)}: threads are tied to cores; a row with threads of its own (an "
            "engine, Numba without OpenMP) inherits the one core of the main thread and looks "
            "slower than it is; unset it unless it is meant"
        )
    return sentences


def _listed_cores(text: str) -> int | None:
    """Return how many cores "0 3 1-2 4-15:2" names, None where that cannot be read."""
    cores: set[int] = set()
    for part in text.replace(",", " ").split():
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        numbers = (first, last or first, step or "1")
        if not all(number.isdigit() for number in numbers) or int(numbers[2]) == 0:
            return None
        cores.update(range(int(first), min(int(numbers[1]), 2**16) + 1, int(numbers[2])))
    return len(cores) or None


def _threads(number: int) -> str:
    return "one thread" if number == 1 else f"{number} threads"


def _cores(number: int) -> str:
    return "one core" if number == 1 else f"{number} cores"
