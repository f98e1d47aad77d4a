"""What a call of a small convolution takes when the caches hold something else.

    python -m tests.studies.cold_calls [CALLS]      # 300 unless told otherwise

In a network each layer finds the caches full of the one before it, its own code and Python's among
what has to come from memory. Each row computes a layer of 7×7 pixels that takes next to nothing,
once warm, call after call, and once cold, each call after a 3×3 convolution of 64 channels on
56×56 pixels; torch computes the same in turns with it. Shown are medians and quartiles. One thread:
how fast others wake is another question.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy
import torch
import torch.nn.functional as F

from suite.tuning.candidates import load_row
from suite.tuning.store import Row
from tests.tuning.building import layer

CALLS = 300
SIZE, CHANNELS = 7, 32
LAYERS = {
    "direct_packed": (Row("direct_packed", "impls.direct_packed"), 1, 1),
    "depthwise": (Row("depthwise", "impls.depthwise"), 3, CHANNELS),
    "gemm_1x1": (Row("gemm_1x1", "impls.gemm"), 1, 1),
    "winograd_tile6": (Row("winograd_tile6", "impls.winograd_blocked"), 3, 1),
}
"""By name: the row, the kernel's height and width, and the groups."""


def ways(row: Row, taps: int, groups: int) -> dict[str, Callable[[], object]]:
    """Return what to time: a row with its weight packed, and torch."""
    problem = layer(CHANNELS, CHANNELS, SIZE, taps, groups=groups)
    entry = load_row(row)
    assert entry is not None
    assert entry.prepare is not None
    x, weight = torch.randn(problem.input_shape), torch.randn(problem.weight_shape)
    function, packed = entry.function, entry.prepare(weight, problem)
    arguments = problem.stride, problem.padding, problem.dilation, groups
    return {
        row.name: lambda: function(x, packed, None, *arguments),
        "torch": lambda: F.conv2d(x, weight, None, *arguments),
    }


def times_us(
    calls: dict[str, Callable[[], object]], between: Callable[[], object], number: int
) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(number):
        for name, call in calls.items():
            between()
            start = time.perf_counter_ns()
            call()
            taken[name].append((time.perf_counter_ns() - start) / 1e3)
    return taken


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    torch.set_num_threads(1)
    large, weight = torch.randn(1, 64, 56, 56), torch.randn(64, 64, 3, 3)
    with torch.inference_mode():
        for row, taps, groups in LAYERS.values():
            calls = ways(row, taps, groups)
            for state, between in (
                ("warm", calls[row.name]),
                ("cold", lambda: F.conv2d(large, weight, padding=1)),
            ):
                for name, taken in times_us(calls, between, number).items():
                    low, middle, high = numpy.quantile(taken, (0.25, 0.5, 0.75))
                    label = f"{name}, {taps}×{taps}"
                    print(f"{label:<20} {state}  {middle:6.1f} µs ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    main()
