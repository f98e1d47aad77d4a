"""What a call of a quickened module costs beyond its row, on a layer that computes next to nothing.

    python -m tests.studies.layer_overhead [ROUNDS]      # 200 unless told otherwise

Four ways to compute one 1×1 convolution of 8 channels on one pixel take turns, some 1000 calls
each: the row itself, packed and called as `conv2d` is; the quickened module; torch's own; and an
`nn.Module` that does nothing, as torch's modules cost something before they compute. Shown are the
medians over the rounds. Wanted: a quickened module at most 2 µs above its row.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from suite.network import Plan, as_called, fingerprint_here, quicken
from suite.tuning.candidates import load_row
from suite.tuning.store import Conditions, Row

CALLS = 1000
ROW = Row("gemv", "impls.gemv")


class Nothing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def ways() -> dict[str, Callable[[], object]]:
    """Return what to time."""
    x = torch.randn(1, 8, 1, 1)
    plain, conv, nothing = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1), Nothing()
    problem = as_called(conv, (1, 8, 1, 1))
    conditions = Conditions("float32", "contiguous", torch.get_num_threads())
    quicken(conv, [Plan(problem, conditions, ROW, fingerprint_here(torch.__version__))])
    entry = load_row(ROW)
    assert entry is not None
    assert entry.prepare is not None
    function, bias = entry.function, plain.bias
    packed = entry.prepare(plain.weight.detach(), problem)
    return {
        "row": lambda: function(x, packed, bias, (1, 1), (0, 0), (1, 1), 1),
        "quickened": lambda: conv(x),
        "torch": lambda: plain(x),
        "empty module": lambda: nothing(x),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    calls = ways()
    times_us: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, call in calls.items():
                start = time.perf_counter()
                for _ in range(CALLS):
                    call()
                times_us[name].append((time.perf_counter() - start) / CALLS * 1e6)
    medians = {name: statistics.median(times) for name, times in times_us.items()}
    for name, median in medians.items():
        print(f"{name:<14} {median:6.2f} µs")
    print(f"quickened above its row: {medians['quickened'] - medians['row']:.2f} µs")


if __name__ == "__main__":
    main()
