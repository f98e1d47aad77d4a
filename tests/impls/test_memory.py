"""What a call takes at its peak is the output and the workspace that its row documents."""

from __future__ import annotations

import gc
import sys
import time

import pytest
import torch
from oracle import draw, implementations

from suite.conditions import Scenario
from suite.problem import Problem
from suite.worker.memory import peak_bytes_of

PROBLEMS = {
    "small": Problem.of_call((1, 4, 48, 48), (8, 4, 3, 3), padding=(1, 1)),
    "3×3": Problem.of_call((2, 32, 80, 80), (48, 32, 3, 3), padding=(1, 1)),
    "3×3, bias, groups": Problem.of_call((1, 64, 80, 81), (64, 32, 3, 3), groups=2, bias=True),
    "3×3 stride 2": Problem.of_call((1, 32, 113, 113), (96, 32, 3, 3), stride=(2, 2)),
    "1×1": Problem.of_call((2, 64, 80, 80), (64, 64, 1, 1)),
    "1×1 stride 2": Problem.of_call((2, 48, 112, 112), (64, 48, 1, 1), stride=(2, 2)),
    "patches": Problem.of_call((2, 16, 128, 128), (64, 16, 4, 4), stride=(4, 4), bias=True),
    "11×11": Problem.of_call((1, 8, 128, 128), (16, 8, 11, 11), padding=(5, 5)),
    "depthwise": Problem.of_call((1, 96, 112, 112), (96, 1, 3, 3), padding=(1, 1), groups=96),
    "7×1": Problem.of_call((1, 48, 96, 96), (48, 48, 7, 1), padding=(3, 0)),
}
INTERPRETED = ("loops", "loops_numbers", "loops_unrolled")
"""Tens of seconds a call; whichever problem it is, they hold the output and little else."""
SHARE = 1.1
# What the system rounds up: a page for each thread's stack and arena, torch's small blocks.
SLACK_BYTES = 2**20
PATIENCE_S = 0.3
"""Longer calls are made once: what the allocator takes anew is little beside what they need."""

OWN = [
    entry
    for entry in implementations()
    # What others wrote has no formula of ours; `auto` has that of the row it chooses.
    if entry.family not in ("vendor", "engine", "auto") and not entry.why_unavailable()
]


def covered(entry) -> list[str]:
    return [
        name
        for name, problem in PROBLEMS.items()
        if name == "small" or entry.name not in INTERPRETED
        if not entry.why_unsupported(Scenario(id="memory", problem=problem))
    ]


# A formula that leaves something out does so for most problems: a third of a row's own tell.
CELLS = [
    pytest.param(
        entry,
        PROBLEMS[name],
        id=f"{entry.name}, {name}",
        marks=[pytest.mark.slow] * bool(position % 3),
    )
    for entry in OWN
    for position, name in enumerate(covered(entry))
]
needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a call's high-water mark"
)


def peak_bytes(entry, problem: Problem) -> int:
    """Return the peak of one call above what is held anyway; the first call warms up."""
    input, weight, bias = draw(problem)
    prepared = entry.prepare(weight, problem) if entry.prepare else weight
    arguments = (problem.stride, problem.padding, problem.dilation, problem.groups)

    def convolve():
        return entry.function(input, prepared, bias, *arguments)

    with torch.no_grad():
        began = time.perf_counter()
        convolve()
        calls = 3 if time.perf_counter() - began < PATIENCE_S else 1
        gc.collect()
        # Now and then the allocator takes fresh memory although some was just freed.
        peaks = [peak_bytes_of(convolve, "cpu") for _ in range(calls)]
        peak = None if None in peaks else min(peaks)
    if peak is None:
        pytest.skip("this system does not tell a call's high-water mark")
    return peak


def allowed_bytes(problem: Problem, workspace_bytes: float) -> float:
    return SHARE * (4 * problem.output_elements + workspace_bytes) + SLACK_BYTES


@needs_linux
@pytest.mark.parametrize(("entry", "problem"), CELLS)
def test_a_call_takes_no_more_than_its_formula_says(entry, problem):
    allowed = allowed_bytes(problem, entry.workspace_bytes(problem, 4))
    assert peak_bytes(entry, problem) <= allowed


@needs_linux
def test_memory_that_a_formula_leaves_out_is_noticed():
    unfold = next(entry for entry in OWN if entry.name == "unfold")
    problem = PROBLEMS["3×3"]
    assert peak_bytes(unfold, problem) > allowed_bytes(problem, 0)
