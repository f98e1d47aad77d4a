"""Others on the cores: seen in real processes, and what becomes of the blocks they disturb."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from suite.machine import cpu_time, placement
from suite.measuring import contention, race
from suite.measuring.contention import BlockContention, CellWatch, Others, OthersWatch, is_disturbed
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import Race
from suite.measuring.run import Runner
from suite.problem import Problem
from suite.registry.sources import Source
from suite.results.cell import Block, CellResult, Status
from suite.results.contention import Contention, Probe
from suite.results.folder import read_results
from tests.arms import arm
from tests.conftest import ROOT

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts waiting")
TORCH = arm("torch", "reference", Source("impls.vendor", str(ROOT)))
QUIET = Probe(one_thread_s=1e-4, all_threads_s=0.6e-4)
SLOWED = Probe(one_thread_s=1e-4, all_threads_s=90e-4)


def busy_loop() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


@pytest.fixture
def neighbours() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep every core busy with processes that are none of the suite's."""
    processes = [busy_loop() for _ in range(2 * placement.usable_cores())]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


# -- what is counted -----------------------------------------------------------------------------


def test_the_work_of_others_is_told_from_our_own(neighbours):
    watch = OthersWatch([])
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
    with_neighbours = watch.so_far()

    assert with_neighbours.used_share > contention.MOST_SHARE

    ours = OthersWatch([process.pid for process in neighbours])
    time.sleep(0.3)
    assert ours.so_far().used_s < with_neighbours.used_s + 0.3 * placement.usable_cores()


@ON_LINUX
def test_threads_that_share_a_core_are_seen_to_wait_for_it():
    core = min(os.sched_getaffinity(0))
    pair = [busy_loop() for _ in range(2)]
    try:
        for process in pair:
            os.sched_setaffinity(process.pid, {core})
        before_s = cpu_time.waited_s(pair[0].pid)
        end = time.monotonic() + 20
        while cpu_time.waited_s(pair[0].pid) <= before_s and time.monotonic() < end:
            time.sleep(0.05)
        assert cpu_time.waited_s(pair[0].pid) > before_s
        assert cpu_time.process_s(pair[0].pid) > 0
    finally:
        for process in pair:
            process.kill()
            process.wait()


def test_a_process_that_is_gone_has_neither_time_nor_waited():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert cpu_time.process_s(process.pid) is None
    assert cpu_time.waited_s(process.pid) is None


# -- what it means -------------------------------------------------------------------------------


def others(used: float = 0.0, stolen: float = 0.0) -> Others:
    return Others(used_s=used, stolen_s=stolen, watched_s=1.0)


@pytest.mark.parametrize(
    ("seen", "waited", "probe", "expected"),
    [
        pytest.param(others(0.05), 0.12, QUIET, False, id="a quiet machine"),
        pytest.param(others(1.0), 0.9, QUIET, True, id="others took a core that was wanted"),
        pytest.param(others(1.0), 0.02, QUIET, False, id="others took a core that was to spare"),
        pytest.param(others(0.02), 1.5, QUIET, False, id="more threads than cores, by itself"),
        pytest.param(others(0.0), 0.9, SLOWED, True, id="counters of a container see no others"),
        pytest.param(others(stolen=0.5), 0.0, QUIET, True, id="the host gave a core away"),
        pytest.param(others(stolen=0.05), 0.0, QUIET, False, id="the host took a little"),
    ],
)
def test_a_block_is_disturbed_where_others_took_what_it_waited_for(seen, waited, probe, expected):
    assert is_disturbed(seen, waited, probe, threads=2) is expected


def test_without_counts_of_waiting_others_may_take_what_is_to_spare(monkeypatch):
    monkeypatch.setattr(placement, "usable_cores", lambda: 4)

    assert not is_disturbed(others(2.0), None, QUIET, threads=2)
    assert is_disturbed(others(2.5), None, QUIET, threads=2)
    assert is_disturbed(others(0.5), None, QUIET, threads=4)


def test_a_cell_too_short_for_the_counters_goes_by_the_whole_block():
    short, long = CellWatch(others=Others(0.03, 0, 0.05)), CellWatch(others=Others(0.3, 0, 0.3))
    block = Others(used_s=0.01, stolen_s=0.0, watched_s=2.0)

    assert short.others_within(block) is block
    assert long.others_within(block) is long.others


# -- what becomes of blocks ----------------------------------------------------------------------


class Played:
    """Stands for what is seen of blocks: one word a block, "d" for disturbed."""

    def __init__(self, script: str) -> None:
        self._script = iter(script)

    def __call__(self, *_: object) -> Played:
        return self

    def ended(self, _: object) -> BlockContention:
        return BlockContention(others=others(0.9), probe=QUIET, disturbed=next(self._script) == "d")


@pytest.fixture
def raced(scenario, settings, time_spent, monkeypatch):
    """Race one row whose blocks are disturbed as the script says; return its result."""

    def run(script: str, **changed: object) -> CellResult:
        monkeypatch.setattr(race, "watch_block", Played(script))
        own = dataclasses.replace(settings, target_half_width=1e-9, **changed)
        judge = JudgeClient(own, time_spent)
        try:
            (result,) = decided(Race(scenario, [TORCH], judge, own, time_spent).results())
        finally:
            judge.close()
        return result

    return run


def test_disturbed_blocks_are_measured_again_and_set_aside(raced):
    result = raced("dcdccc", blocks=4, least_blocks=4)

    assert result.status is Status.PASSED
    assert not result.is_disturbed
    assert [block.is_disturbed for block in result.blocks] == [False] * 4
    assert [block.is_disturbed for block in result.set_aside] == [True] * 2


def test_disturbed_in_every_block_it_passes_with_a_mark_and_takes_no_longer(raced):
    result = raced("dddd", blocks=3)

    assert result.status is Status.PASSED
    assert result.is_disturbed
    assert result.status_words == "passed, disturbed"
    assert (len(result.blocks), result.set_aside) == (3, ())


def test_a_single_block_that_is_disturbed_gets_a_second_try(raced):
    result = raced("dc", blocks=1, least_blocks=1)

    assert not result.is_disturbed
    assert (len(result.blocks), len(result.set_aside)) == (1, 1)


def test_a_budget_that_is_spent_leaves_the_mark_and_measures_nothing_again(raced):
    result = raced("dcdd", blocks=2, cell_budget_s=0.0)

    assert (len(result.blocks), len(result.set_aside)) == (1, 1)


def test_a_run_among_busy_processes_marks_its_cells_and_keeps_what_it_saw(
    neighbours, scenario, settings, tmp_path, monkeypatch
):
    """With as many threads as cores, and twice as many others, no block can be clean.

    Its turns have to outlast what a scheduler gives to who has just woken up, some milliseconds.
    """
    monkeypatch.setattr(contention, "is_disturbed", is_disturbed)  # as it is outside of tests
    problem = Problem.of_call((4, 32, 56, 56), (32, 32, 3, 3), padding=1)
    long = dataclasses.replace(scenario, problem=problem)
    busy = dataclasses.replace(settings, threads=placement.usable_cores(), block_s=0.1)
    Runner(tmp_path, [long], [TORCH], busy).run()

    (result,) = read_results(tmp_path)

    assert result.is_disturbed
    for block in result.blocks:
        assert block.contention.others_share > contention.MOST_SHARE
        assert block.contention.probe.all_threads_s > 0
        if sys.platform == "linux":
            assert block.contention.waited_share > contention.MOST_SHARE


def test_records_of_before_nobody_looked_are_not_disturbed(scenario):
    block = Block(samples_s=(1e-3,), calls_per_sample=1, seed="0")
    result = CellResult(
        scenario=scenario,
        implementation="torch",
        family="reference",
        status=Status.PASSED,
        blocks=(block,),
    )
    old = result.to_dict()
    del old["set_aside"], old["blocks"][0]["contention"]

    assert CellResult.from_dict(old) == result
    assert not result.is_disturbed


def test_what_was_seen_survives_the_file(scenario):
    seen = Contention(others_share=0.93, waited_share=0.7, probe=SLOWED, disturbed=True)
    block = Block(samples_s=(1e-3,), calls_per_sample=1, seed="0", contention=seen)
    result = CellResult(
        scenario=scenario,
        implementation="torch",
        family="reference",
        status=Status.PASSED,
        blocks=(block,),
    )

    assert CellResult.from_dict(result.to_dict()).blocks[0].contention == seen
