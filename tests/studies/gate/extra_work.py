"""How much extra work makes a call 3, 5 or 10 % slower on this machine.

    python -m tests.studies.gate.extra_work OUT.json

Run once before a recording, in a process of its own. The work is timed by itself, where it
happens in a call: right after the convolution.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import torch

from suite.conditions import Scenario
from suite.scenario import load_files
from tests.studies.gate import subject

CELLS = Path(__file__).with_name("cells.yaml")
SHARES = (0.03, 0.05, 0.10)
CALL_S = (0.34e-3, 1.05e-3)
"""Shorter cells are not recorded, and longer ones take too long."""
THREADS = 1
"""What a shared machine is best measured with: two threads on two cores wait for each other for a
scheduler's tick of 4 ms whenever anything else runs, ten times what these calls take."""
PAIRS = 15
STEPS = 11


def median_times_s(call, columns: int, x, weight) -> tuple[float, float]:
    """Return the medians of the convolution's and of the extra work's time."""
    times = []
    for _ in range(PAIRS):
        start = time.perf_counter()
        call()
        middle = time.perf_counter()
        subject.more_work(x, weight, columns)
        times.append((middle - start, time.perf_counter() - middle))
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def columns_for(share: float, call, x, weight) -> int:
    """Return the columns whose time is `share` of the call's, by bisection on their logarithm."""
    low, high = 1, 2**15
    for _ in range(STEPS):
        middle = round((low * high) ** 0.5)
        call_s, extra_s = median_times_s(call, middle, x, weight)
        if extra_s < share * call_s:
            low = middle
        else:
            high = middle
    return low


def tensors(scenario: Scenario):
    problem = scenario.problem
    dtype = getattr(torch, scenario.dtype)
    x = torch.randn(problem.input_shape, dtype=dtype)
    weight = torch.randn(problem.weight_shape, dtype=dtype)
    bias = torch.randn(problem.out_channels, dtype=dtype) if problem.bias else None
    return x, weight, bias


def main(out: Path) -> None:
    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    table: dict[str, dict[str, int]] = {str(share): {} for share in SHARES}
    cells = {}
    for scenario in load_files([str(CELLS)])[0].scenarios:
        problem = scenario.problem
        x, weight, bias = tensors(scenario)
        pads = problem.pad_top, problem.pad_left
        for name, function in subject.SUBJECTS.items():
            arguments = (bias, problem.stride, pads, problem.dilation, problem.groups)

            def call(function=function, x=x, weight=weight, arguments=arguments):
                function(x, weight, *arguments)

            call_s, _ = median_times_s(call, 0, x, weight)
            if not CALL_S[0] <= call_s <= CALL_S[1]:
                print(f"{scenario.id} × {name}: {call_s * 1e3:.2f} ms, left out")
                continue
            key = subject.key(name, x, weight, problem.stride, problem.dilation)
            for share in SHARES:
                table[str(share)][key] = columns_for(share, call, x, weight)
            found = [table[str(share)][key] for share in SHARES]
            print(f"{scenario.id} × {name}: {call_s * 1e3:.2f} ms, columns {found}", flush=True)
            cells[f"{scenario.id} × {name}"] = call_s
    out.write_text(json.dumps({"cells": cells, "extra": table}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
