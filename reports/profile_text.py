"""Profiles as lines of text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from reports import units
from reports.profile_memory import memory_words
from suite.results.cell import Status
from suite.results.folder import Run
from suite.results.profile import CellProfile
from suite.results.roofline import roofline_of

DISTURBED = 0.05
"""Phases and the unprofiled time are measured in turns; further apart they are worth little."""
LONGEST = 3
"""Operators named of a cell without marks."""


def progress(profile: CellProfile, done: int, total: int) -> str:
    """Return what is said when a cell has been profiled."""
    width = len(str(total))
    return f"[{done:{width}}/{total}] profiled {profile.key} in {units.seconds(profile.took_s)}"


def lines(run: Run) -> Iterator[str]:
    """Yield a few lines for every profiled cell, and one for every cell that could not be."""
    for result in run.results:
        profile = run.profiles.get(result.key)
        if profile is None:
            if result.status is not Status.PASSED:
                yield f"{result.key}: not profiled: {result.status.value}: {result.reason}"
            continue
        yield result.key
        yield f"  time    {time_text(profile)}"
        if roofline := roofline_of(result, profile):
            yield f"  bound   {roofline.sentence}"
        if memory := profile.memory:
            yield f"  memory  {memory_words(result, memory).text}"
        if profile.threads:
            times = ", ".join(f"{t.threads}: {units.seconds(t.time_s)}" for t in profile.threads)
            yield f"  threads {times}; {threads_text(profile)}"
        if profile.instructions is not None:
            counted = units.digits(profile.instructions)
            yield f"  counted {counted} instructions a call ({profile.instructions_path}, 1 thread)"


def threads_text(profile: CellProfile) -> str:
    """Return how well more threads serve, or that it uses a single one."""
    if alone := profile.one_thread_of:
        return f"runs on one thread, with {alone} given"
    return f"parallel efficiency {units.percent(profile.parallel_efficiency)}"


def time_text(profile: CellProfile) -> str:
    """Return "transform 40 %, product 55 %, …"; without marks the longest operators."""
    if profile.phases and profile.phases.phases_s:
        shares = [
            f"{name} {units.percent(profile.phases.share(name))}"
            for name in profile.phases.phases_s
        ]
        shares.append(f"unmarked {units.percent(profile.phases.unmarked_share)}")
        total = profile.phases.total_share
        if abs(total - 1) > DISTURBED:
            shares.append(f"which add up to {units.percent(total)}: the machine was disturbed")
        return ", ".join(shares)
    if profile.operators and profile.operators.rows:
        whole_s = profile.operators.call_s
        longest = profile.operators.rows[:LONGEST]
        shares = [f"{row.name} {units.percent(row.self_s / whole_s)}" for row in longest]
        return f"no phases are marked; operators: {', '.join(shares)}"
    return "; ".join(f"{part}: {reason}" for part, reason in profile.missing.items()) or "unknown"
