"""An arm's process serves many scenarios, each once; what goes wrong in it stays with its cell."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from suite.conditions import Scenario
from suite.measuring import kept as kept_module
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.kept import KeptProcesses
from suite.measuring.race import race
from suite.measuring.run import Runner
from suite.problem import Problem
from suite.results.cell import Status
from tests.arms import arm_of_file, builtin

TORCH = builtin("torch", "vendor", "impls.vendor")
SCENARIOS = [
    Scenario(id=f"kept/{size}", problem=Problem.of_call((1, 2, size, size), (2, 2, 3, 3)))
    for size in (6, 7, 8)
]
NOTES = """\
import os
import torch.nn.functional as F
from suite import register

@register("notes", family="direct")
def notes(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    with open({file!r}, "a") as file:
        file.write(f"{{os.getpid()}} {{input.shape[-1]}}\\n")
    {then}
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""


def row_that_notes(folder: Path, then: str = "pass"):
    """Return a row that notes its process and the size of its input, and then does something."""
    path = folder / "notes.py"
    path.write_text(NOTES.format(file=str(folder / "seen.txt"), then=then))
    return arm_of_file(path)


def processes_by_size(folder: Path) -> dict[int, list[int]]:
    """Return the processes that each size was computed in, in order."""
    seen: dict[int, list[int]] = defaultdict(list)
    for line in (folder / "seen.txt").read_text().splitlines():
        pid, size = map(int, line.split())
        if pid not in seen[size]:
            seen[size].append(pid)
    return seen


@pytest.fixture
def raced(settings, time_spent):
    """Return a function that races rows in a scenario, with the processes that are kept."""
    with contextlib.ExitStack() as stack:
        kept, judge = KeptProcesses(), JudgeClient(settings, time_spent)
        stack.callback(judge.close)
        stack.callback(kept.close)

        def results_of(scenario, arms):
            results = decided(race(scenario, arms, judge, settings, time_spent, kept=kept))
            return {result.implementation: result for result in results}

        yield results_of


def test_a_process_serves_several_scenarios_and_none_of_them_twice(settings, tmp_path):
    row = row_that_notes(tmp_path)
    (tmp_path / "r").mkdir()
    outcome = Runner(tmp_path / "r", SCENARIOS, [TORCH, row], settings).run()

    assert {result.status for result in outcome.results} == {Status.PASSED}
    by_size = processes_by_size(tmp_path)
    for pids, result in zip(by_size.values(), outcome.results[1::2], strict=True):
        assert len(pids) >= len(result.blocks) == settings.blocks
    processes = {pid for pids in by_size.values() for pid in pids}
    assert len(processes) < sum(map(len, by_size.values()))
    assert not [pid for pid in processes if psutil.pid_exists(pid)]


def test_a_process_that_dies_costs_its_cell_and_is_replaced(raced, tmp_path):
    row = row_that_notes(tmp_path, "if input.shape[-1] == 7: os._exit(7)")

    statuses = [raced(scenario, [TORCH, row])["notes"].status for scenario in SCENARIOS]

    assert statuses == [Status.PASSED, Status.CRASHED, Status.PASSED]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_process_that_is_ended_while_it_waits_is_replaced_and_nobody_blamed(raced, tmp_path):
    row = row_that_notes(tmp_path)
    first, second, _ = SCENARIOS
    raced(first, [TORCH, row])
    for pid in processes_by_size(tmp_path)[6]:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(signal.SIGKILL)

    assert {result.status for result in raced(second, [TORCH, row]).values()} == {Status.PASSED}
    assert not set(processes_by_size(tmp_path)[6]) & set(processes_by_size(tmp_path)[7])


def test_a_process_whose_cell_failed_serves_no_other(raced, tmp_path):
    row = row_that_notes(tmp_path, "if input.shape[-1] == 6: return input")
    first, second, _ = SCENARIOS

    assert raced(first, [TORCH, row])["notes"].status is Status.INCORRECT
    assert raced(second, [TORCH, row])["notes"].status is Status.PASSED
    assert not set(processes_by_size(tmp_path)[6]) & set(processes_by_size(tmp_path)[7])


def test_what_holds_on_to_more_than_its_share_of_memory_ends(raced, tmp_path, monkeypatch):
    monkeypatch.setattr(kept_module, "MOST_SHARE", 0.0)
    row = row_that_notes(tmp_path)
    first, second, _ = SCENARIOS
    for scenario in (first, second):
        assert raced(scenario, [TORCH, row])["notes"].status is Status.PASSED
    assert not set(processes_by_size(tmp_path)[6]) & set(processes_by_size(tmp_path)[7])


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
def test_a_scenario_s_memory_is_given_back_before_another_one_is_opened(raced, tmp_path):
    large = Scenario(id="kept/large", problem=Problem.of_call((1, 64, 256, 256), (64, 64, 1, 1)))
    told = 'print(open("/proc/self/status").read(), file=open({!r}, "w"))'
    row = row_that_notes(tmp_path, told.format(str(tmp_path / "status.txt")))
    for scenario in (SCENARIOS[0], large, SCENARIOS[1]):
        assert raced(scenario, [TORCH, row])["notes"].status is Status.PASSED
    shared = next(
        int(line.split()[1])
        for line in (tmp_path / "status.txt").read_text().splitlines()
        if line.startswith("RssShmem")
    )
    assert processes_by_size(tmp_path)[256][-1] == processes_by_size(tmp_path)[7][0]
    assert shared < 4 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="what is open is read from /proc")
def test_results_are_written_to_the_same_memory_again_and_nothing_stays(
    settings, time_spent, tmp_path
):
    kept, judge = KeptProcesses(), JudgeClient(settings, time_spent)
    before, held = shared_memory_held(), []
    try:
        for scenario in SCENARIOS:
            arms = [TORCH, row_that_notes(tmp_path)]
            results = list(decided(race(scenario, arms, judge, settings, time_spent, kept=kept)))
            assert {result.status for result in results} == {Status.PASSED}
            held.append(shared_memory_held() - before)
    finally:
        kept.close()
        judge.close()

    assert all(earlier & later for earlier, later in pairwise(held))
    assert shared_memory_held() == before


def shared_memory_held() -> set[int]:
    """Return what shared memory of the suite's this process has open, by inode."""
    held = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "memfd:convgauge" in str(path.readlink()):
                held.add(path.stat().st_ino)
    return held
