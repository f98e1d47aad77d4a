"""How a run was measured, in ten plain sentences with the run's own numbers in them."""

from __future__ import annotations

from typing import Any

from reports import units
from reports.matrix import Matrix
from suite.results.folder import Run
from suite.stats.intervals import LEAST_BLOCKS
from suite.workload import network_of

LAYERS_RIGHT = (
    "Small whole numbers had to come out exactly, every element had to stay within a bound that "
    "follows from the dtype and the length of its sum, and so had the relative L2 error."
)
NETWORKS_RIGHT = (
    "The reference is the model itself in float64; each tensor that it returns, or of a step of "
    "training the loss and each gradient, might be off by four times torch's own relative L2 "
    "error, or by what is always allowed: 5e-6 in float32."
)


def threads_in_words(run: Run) -> str:
    """Return "1 and 2 threads", as the cells had them; or as the run was told, or nothing."""
    settings: dict[str, Any] = run.manifest.get("settings") or {}
    counts = sorted({result.threads for result in run.results if result.threads})
    told = settings.get("threads")
    if not counts:
        return f"{told} threads" if told else ""
    *most, last = map(str, counts)
    listed = f"{', '.join(most)} and {last}" if most else last
    return f"{listed} {'thread' if counts == [1] else 'threads'}"


def method(run: Run, matrix: Matrix) -> list[str]:
    """Return ten sentences; what the manifest does not know is said in general terms."""
    settings: dict[str, Any] = run.manifest.get("settings") or {}
    summary: dict[str, Any] = run.manifest.get("summary") or {}
    references = sorted({cell.result.reference for cell in matrix.cells.values()})
    blocks = settings.get("blocks")
    of_networks = [network_of(result.scenario) is not None for result in run.results]
    width = settings.get("target_half_width")
    inside = summary.get("inside_share")
    return [
        "Every implementation ran in a process of its own, and a token saw to it that exactly one "
        "worked at any moment.",
        "Before anything was timed, each output was compared with a float64 reference by a judge "
        "outside of that process; a cell that failed has a reason here and no time.",
        NETWORKS_RIGHT if of_networks and all(of_networks) else LAYERS_RIGHT,
        "Time is seconds per call on a monotonic clock (events on a GPU); very short calls were "
        "timed several at once and divided.",
        f"Each cell was measured in {f'up to {blocks}' if blocks else 'several'} blocks, each with "
        "fresh processes and fresh data, in random order.",
        "A block counts once, with the median of its samples; one in which others took the cores "
        "was measured again, or is marked. The time shown is the geometric mean of the medians.",
        f"Speed-up is the time of {' or '.join(references) or 'the reference'} over the own time "
        "in the same block, so that a slow minute of the machine hits both.",
        f"Intervals are of 95 %, over at least {LEAST_BLOCKS} blocks on the logarithmic scale, by "
        "Student's t at a level that allows for a look after every block"
        + _stopped(width, settings.get("lost_half_width")),
        "GFLOP/s count the operations of the textbook sum, so algorithms that need fewer may "
        "exceed the machine's peak; the ceilings are large products and copies, measured "
        "in the same run.",
        f"The run used {threads_in_words(run) or 'the stated number of threads'}"
        + (f" and took {units.seconds(summary['wall_s'])}" if summary.get("wall_s") else "")
        + (f", {units.percent(inside)} of it inside the implementations." if inside else "."),
    ]


def _stopped(width: float | None, lost_width: float | None) -> str:
    if width is None:
        return "."
    lost = f", one that had surely lost at ±{units.percent(lost_width)}" if lost_width else ""
    return f"; a cell stopped at ±{units.percent(width)}{lost}."
