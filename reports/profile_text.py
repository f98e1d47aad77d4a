"""Profiles as lines of text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from reports import units
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
            parts = [
                f"{units.bytes_(memory.peak_bytes)} at the peak of a call",
                f"the system counts {units.bytes_(memory.system_peak_bytes)}",
            ]
            if result.workspace_bytes is not None:
                formula = units.bytes_(result.workspace_bytes)
                workspace = units.bytes_(memory.workspace_bytes)
                parts.append(f"workspace {workspace}, {formula} by formula")
            yield f"  memory  {'; '.join(parts)}"
        if profile.threads:
            efficiency = profile.parallel_efficiency
            times = ", ".join(f"{t.threads}: {units.seconds(t.time_s)}" for t in profile.threads)
            yield f"  threads {times}; parallel efficiency {units.percent(efficiency)}"
        if profile.instructions is not None:
            counted = units.digits(profile.instructions)
            yield f"  counted {counted} instructions a call ({profile.instructions_path}, 1 thread)"


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
