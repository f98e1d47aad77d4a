"""What a call of a quickened module costs beyond its row, on a layer that computes next to nothing.

    python -m tests.studies.layer_overhead [ROUNDS]      # 200 unless told otherwise

Four ways to compute a 1×1 convolution of 8 channels on one pixel take turns, 1000 calls each: the
row, packed and called as `conv2d` is; the same in an `nn.Module` of its own that checks nothing;
the quickened module; and torch's own. Shown are the medians over the rounds. Wanted: a quickened
module at most 2 µs above the row in a module.
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


class Unchecked(nn.Module):
    """Calls a function, whatever it is given."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def ways() -> dict[str, Callable[[], object]]:
    """Return what to time."""
    x = torch.randn(1, 8, 1, 1)
    plain, conv = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
    problem = as_called(conv, (1, 8, 1, 1))
    conditions = Conditions("float32", "contiguous", torch.get_num_threads())
    quicken(conv, [Plan(problem, conditions, ROW, fingerprint_here(torch.__version__))])
    entry = load_row(ROW)
    assert entry is not None
    assert entry.prepare is not None
    function, bias = entry.function, plain.bias
    packed = entry.prepare(plain.weight.detach(), problem)

    def row(x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = function(x, packed, bias, (1, 1), (0, 0), (1, 1), 1)
        return output

    unchecked = Unchecked(row)
    return {
        "row": lambda: row(x),
        "row in a module": lambda: unchecked(x),
        "quickened module": lambda: conv(x),
        "torch's module": lambda: plain(x),
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
        print(f"{name:<16} {median:6.2f} µs")
    for other in ("row", "row in a module"):
        above = medians["quickened module"] - medians[other]
        print(f"quickened above {other}: {above:.2f} µs")


if __name__ == "__main__":
    main()
