"""Replay every rule on the recorded samples and print the table of docs/gate.md.

    python -m tests.studies.gate.replay [--samples FILE] [--json FILE]

False alarms come from arms of the same code, power from arms with extra work; both on contiguous
stretches of blocks. Everything is drawn with fixed seeds: the same file gives the same table.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from suite.gate.rule import Rule
from suite.gate.verdict import Verdict
from tests.studies.gate.rivals import NEVER, RIVALS, Rival
from tests.studies.gate.samples import FILE, Recording, read
from tests.studies.gate.stretches import (
    OURS,
    Run,
    Stretch,
    Times,
    decide,
    mixed_heads,
    our_schedule,
    own_schedule,
    pairs_of_same,
    stretches,
)

MARGIN = 0.02
STEP = 2
"""Stretches begin every second block of a sitting; they overlap."""
WHOLE = 30
"""Blocks that a stretch must have to look for slowdowns: the screen's, and 24 for suspects.
Equal code is looked for on shorter ones, too."""
SLOWED = 1 / 3
"""Share of the cells that are slowed in a run that looks for slowdowns."""
DRAWS = 3
"""Choices of the slowed cells on every stretch."""
SIZES = {"plus03": "3 %", "plus05": "5 %", "plus10": "10 %"}


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What the gate did on all stretches, with one margin."""

    margin: float
    same_runs: int
    same_runs_failing: int
    same_cells: int
    same_cells_flagged: int
    same_undecided: float
    """Share of cells that could not be told, in A/A runs."""
    power: dict[str, float]
    undecided: dict[str, float]
    """Share of slowed cells that could not be told."""
    missed: dict[str, float]
    """Share of slowed cells that were said to be fine."""
    blamed: int
    """Cells of equal code that were called regressed in runs with slowed ones."""
    halfway_runs: int
    """A/A runs in the middle of which a core became busy."""
    halfway_failing: int
    seconds_same: float
    """Median of a decision's length, as the recording's blocks took."""
    seconds_slowed: float
    seconds_most: float


@dataclass(frozen=True, kw_only=True)
class Theirs:
    """What another tool's rule did, on one schedule."""

    name: str
    schedule: str
    same_runs: int
    failing: float
    """Share of A/A runs in which it called at least one cell slower."""
    flagged: float
    """Share of A/A cells."""
    power: dict[str, float]
    threshold_at_equal_power: float | None
    """Where it has our power at 5 %; None if no threshold has."""
    failing_at_equal_power: float | None


def gate(recording: Recording, margin: float, sitting: str | None = None) -> Ours:
    """Let the gate decide on all stretches, or on those of one sitting."""
    times, rule = Times(recording), Rule(margin=margin)
    cells = len(recording.cells)
    places = [p for p in stretches(recording, STEP) if sitting in (None, p.sitting)]
    whole = [place for place in places if place.end - place.start >= WHOLE]
    same = [
        decide(times, place, base=base, heads=[head] * cells, rule=rule, seed=number)
        for number, place in enumerate(places)
        for base, head in pairs_of_same()
    ]
    halfway = [run for run in same if is_halfway(recording, run)]
    power, undecided, missed, slowed_runs, blamed = {}, {}, {}, [], 0
    for arm in SIZES:
        verdicts = []
        for run, heads in slowed(times, whole, arm, rule):
            slowed_runs.append(run)
            for found, head in zip(run.verdicts.values(), heads, strict=True):
                if head == arm:
                    verdicts.append(found.verdict)
                else:
                    blamed += found.verdict is Verdict.REGRESSED
        power[arm] = share(verdicts, Verdict.REGRESSED)
        undecided[arm] = share(verdicts, Verdict.CANNOT_TELL)
        missed[arm] = share(verdicts, Verdict.FINE)
    return Ours(
        margin=margin,
        same_runs=len(same),
        same_runs_failing=sum(run.fails for run in same),
        same_cells=len(same) * cells,
        same_cells_flagged=sum(run.count(Verdict.REGRESSED) for run in same),
        same_undecided=statistics.fmean(run.count(Verdict.CANNOT_TELL) / cells for run in same),
        power=power,
        undecided=undecided,
        missed=missed,
        blamed=blamed,
        halfway_runs=len(halfway),
        halfway_failing=sum(run.fails for run in halfway),
        seconds_same=statistics.median(run.seconds for run in same),
        seconds_slowed=statistics.median(run.seconds for run in slowed_runs or same),
        seconds_most=max(run.seconds for run in [*same, *slowed_runs]),
    )


def slowed(
    times: Times, places: Sequence[Stretch], arm: str, rule: Rule
) -> Iterator[tuple[Run, list[str]]]:
    draw = random.Random(arm)
    for number, place in enumerate(places):
        for _ in range(DRAWS):
            heads = mixed_heads(len(times.recording.cells), arm, SLOWED, draw)
            run = decide(times, place, base="base", heads=heads, rule=rule, seed=number)
            yield run, heads


def by_sitting(recording: Recording) -> list[str]:
    """Return a line on every sitting that is long enough."""
    long_enough = {place.sitting for place in stretches(recording, STEP)}
    lines = []
    for name in recording.sitting_names:
        if name in long_enough:
            found = gate(recording, MARGIN, name)
            caught = ", ".join(f"{percent(found.power[arm])} of {SIZES[arm]}" for arm in SIZES)
            lines.append(
                f"{name}: {found.same_runs_failing} of {found.same_runs} A/A runs failed"
                + ("" if math.isnan(found.power["plus05"]) else f"; caught {caught}")
            )
    return lines


def is_halfway(recording: Recording, run: Run) -> bool:
    """Return whether a core became busy between the first and the last block of a run."""
    busy = recording.busy[run.start : run.start + run.blocks]
    return bool(busy.any() and not busy[0])


def share(found: Sequence[Verdict], verdict: Verdict) -> float:
    return sum(one is verdict for one in found) / len(found) if found else math.nan


def rival(recording: Recording, rule: Rival, schedule: str, power_at_5: float) -> Theirs:
    """Score one rule on all stretches; `schedule` is "its own" or "ours"."""
    take = own_schedule if schedule == "its own" else our_schedule
    blocks = 2 * rule.processes if schedule == "its own" else OURS
    starts = [place.start for place in stretches(recording, STEP, least=blocks)]
    cells = range(len(recording.cells))

    def scores(start: int, base: str, head: str) -> list[float]:
        found = [take(recording, rule, start, cell, base, head) for cell in cells]
        # A side without samples has failed there: void, as in a live run.
        return [rule.score(old, new) if old.size and new.size else NEVER for old, new in found]

    same = np.array([scores(s, base, head) for s in starts for base, head in pairs_of_same()])
    slower = {arm: np.array([scores(s, "base", arm) for s in starts]) for arm in SIZES}
    at_5 = np.sort(slower["plus05"].ravel())
    place = int((1 - power_at_5) * len(at_5))
    equal = float(at_5[place]) if np.isfinite(at_5[place]) else None
    return Theirs(
        name=rule.name,
        schedule=schedule,
        same_runs=len(same),
        failing=float((same > rule.threshold).any(axis=1).mean()),
        flagged=float((same > rule.threshold).mean()),
        power={arm: float((found > rule.threshold).mean()) for arm, found in slower.items()},
        threshold_at_equal_power=equal,
        failing_at_equal_power=None if equal is None else float((same >= equal).any(axis=1).mean()),
    )


def injected(recording: Recording) -> dict[str, list[float]]:
    """Return how much slower each cell really was: the median over blocks, by arm."""
    times = Times(recording)
    base = times.arm("base")
    return {
        arm: [float(x) for x in np.nanmedian(times.arm(arm) / base, axis=0) - 1] for arm in SIZES
    }


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.3g} %"


def table(ours: Sequence[Ours], theirs: Sequence[Theirs]) -> list[str]:
    """Return the Markdown table."""
    lines = [
        "| rule | schedule | A/A runs | fail | cells flagged in 10,000 "
        "| caught at 3 % | 5 % | 10 % | fail at our power |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for gate_ in ours:
        flagged = 1e4 * gate_.same_cells_flagged / gate_.same_cells
        caught = " | ".join(percent(gate_.power[arm]) for arm in SIZES)
        failing = percent(gate_.same_runs_failing / gate_.same_runs)
        lines.append(
            f"| **gate**, margin {gate_.margin:.0%} | two stages | {gate_.same_runs} | {failing} | "
            f"{flagged:.3g} | {caught} | {failing} |"
        )
    for other in theirs:
        caught = " | ".join(percent(other.power[arm]) for arm in SIZES)
        lines.append(
            f"| {other.name} | {other.schedule} | {other.same_runs} | {percent(other.failing)} | "
            f"{1e4 * other.flagged:.0f} | {caught} | {percent(other.failing_at_equal_power)} |"
        )
    return lines


def report(recording: Recording) -> tuple[list[str], dict[str, object]]:
    """Return the text for the documentation, and its numbers."""
    ours = [gate(recording, MARGIN), gate(recording, 0.05)]
    theirs = [
        rival(recording, rule, schedule, ours[0].power["plus05"])
        for rule in RIVALS
        for schedule in ("its own", "ours")
    ]
    sizes = injected(recording)
    sittings = [
        f"{name} {int((recording.sittings == number).sum())}"
        for number, name in enumerate(recording.sitting_names)
    ]
    first = ours[0]
    text = [
        f"{len(recording.seconds)} blocks ({', '.join(sittings)}; "
        f"{int(recording.busy.sum())} with a busy core), {len(recording.cells)} cells, "
        f"{recording.machine['cpu']}, torch {recording.machine['torch']}",
        "measured slowdown, median cell [5th, 95th percentile of cells]: "
        + ", ".join(
            f"{SIZES[arm]}: {np.median(found):.1%} [{np.quantile(found, 0.05):.1%}, "
            f"{np.quantile(found, 0.95):.1%}]"
            for arm, found in sizes.items()
        ),
        "",
        *table(ours, theirs),
        "",
        f"gate, margin {MARGIN:.0%}: cannot tell {percent(first.same_undecided)} of A/A cells and "
        + ", ".join(f"{percent(first.undecided[arm])} of those at {SIZES[arm]}" for arm in SIZES)
        + f"; called fine: {', '.join(percent(first.missed[arm]) for arm in SIZES)}; "
        f"{first.blamed} cells of equal code were blamed beside slowed ones",
        f"{first.halfway_failing} of {first.halfway_runs} A/A runs failed in whose middle a core "
        "became busy",
        *by_sitting(recording),
        f"a decision took {first.seconds_same:.0f} s without and {first.seconds_slowed:.0f} s with "
        f"slowed cells (medians), {first.seconds_most:.0f} s at most",
    ]
    numbers = {
        "ours": [asdict(found) for found in ours],
        "theirs": [asdict(found) for found in theirs],
        "injected": sizes,
    }
    return text, numbers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=Path, default=FILE)
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    options = parser.parse_args()
    text, numbers = report(read(options.samples))
    print("\n".join(text))
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
