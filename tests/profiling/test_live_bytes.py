"""Live memory over a call: torch's own account beside the operating system's."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from suite.profiling.child import live_bytes
from tests.conftest import ROOT

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the account is Linux's")

MEMORY = """\
import json
import numpy, torch, torch.nn.functional as F
from suite.phases import TRANSFORM
from suite.conditions import Scenario
from suite.problem import Problem
from suite.profiling.child import live_bytes
from suite.profiling.child.subject import Subject
from suite.registry import Implementation

def inside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    work = torch.ones(80 * 2**18)
    work.add_(1)
    return F.conv2d(input, weight)

def outside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    work = numpy.ones(80 * 2**18, dtype=numpy.float32)
    for _ in range(5):
        numpy.add(work, 1, out=work)
    return F.conv2d(input, weight)

live_bytes.keep_no_freed()
torch.set_grad_enabled(False)
problem = Problem(batch_size=1, in_channels=1, height=64, width=64, out_channels=1,
                  kernel_h=1, kernel_w=1)
for function in (inside, outside):
    made = Implementation(name="m", family="direct", function=function, source="here")
    memory = live_bytes.measure(Subject(made, Scenario(id="t/m", problem=problem)))
    print(json.dumps([memory.peak_bytes, memory.system_peak_bytes, memory.outside_bytes,
                      memory.timeline.output[-1], memory.timeline.workspace[-1]]))
"""


@pytest.fixture(scope="module")
def measured() -> dict[str, list[int]]:
    """What was measured of calls whose memory torch takes, and of those that take it elsewhere."""
    completed = subprocess.run(
        [sys.executable, "-c", MEMORY],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in completed.stdout.splitlines() if line.startswith("[")]
    return dict(zip(("inside", "outside"), map(json.loads, lines), strict=True))


@linux
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_the_memory_peak_is_the_operating_systems_wherever_it_was_taken(measured, where):
    peak, system, outside, output_at_end, _ = measured[where]

    assert peak > 80 * 2**20
    assert 0.9 < peak / system < 1.1
    assert (outside > 70 * 2**20) is (where == "outside")
    assert output_at_end == 64 * 64 * 4


def test_the_timeline_keeps_its_highest_step_when_it_is_thinned():
    steps = 5000
    workspace = tuple(7 if step == 3333 else 1 for step in range(steps))
    live = live_bytes.LiveBytes(
        at_s=tuple(float(step) for step in range(steps)),
        input=(1,) * steps,
        weight=(1,) * steps,
        output=(0,) * steps,
        workspace=workspace,
    )
    thinned = live_bytes._thinned(live)

    assert len(thinned) <= live_bytes.MOST_STEPS + 2
    assert max(thinned.workspace) == 7
    assert thinned.at_s[-1] == steps - 1


@linux
@pytest.mark.parametrize("device", ["cuda:0", "cpu"])
def test_live_bytes_on_cuda_are_those_that_its_allocator_reports(device):
    """Reported by the function of torch that CUDA's allocator reports to, here without a card:
    one block inside an operator of its own, one outside of any, given back there."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    report = library._ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE
    report.argtypes = [ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_size_t] * 2, ctypes.c_uint16]
    kinds = {"cpu": 0, "cuda:0": 1}

    def call():
        report(0x7000, 4096, 4096, 8192, kinds[device])
        with torch.profiler.record_function("operator"):
            report(0x8000, 512, 4608, 8192, kinds[device])
        report(0x7000, -4096, 512, 8192, kinds[device])
        other = next(kind for name, kind in kinds.items() if name != device)
        report(0x9000, 2**20, 2**20, 2**20, other)
        return "output"

    reported = live_bytes.listen(call, device)

    assert reported.result == "output"
    allocations = [(a.address, a.size_bytes) for a in reported.allocations]
    assert allocations == [(0x7000, 4096), (0x8000, 512), (0x7000, -4096)]
