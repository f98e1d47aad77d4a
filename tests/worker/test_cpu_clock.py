"""Samples through a fake clock, down to the line in results.csv."""

from __future__ import annotations

import csv
import dataclasses

import pytest
import torch

from reports import csv_table
from suite.conditions import Scenario
from suite.measuring.doubts import why_implausible
from suite.messages.worker import BATCH_BYTES, MOST_BATCH
from suite.operands.shared import SharedOperands
from suite.operands.tensors import same_bits
from suite.problem import Problem
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import Block, Ceiling, CellResult, Status
from suite.results.folder import Run
from suite.worker import cpu_clock
from suite.worker.clocks import timer_for


class FakeClock:
    """Counts 1 ms for every call that happens between two readings."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def convolve(self, operand: torch.Tensor) -> torch.Tensor:
        self.now_ns += 1_000_000
        return operand


def test_a_sample_is_the_time_of_all_its_calls_and_keeps_every_output():
    clock = FakeClock()
    operands = [torch.tensor([float(i)]) for i in range(4)]

    outputs, seconds = cpu_clock.cpu_timer(clock.convolve, operands, _now=clock)

    assert seconds == pytest.approx(4e-3)
    assert outputs == operands


class FakeFiller:
    """Other data, whose reading takes 10 ms."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.read = 0

    def sum(self) -> None:
        self.read += 1
        self.clock.now_ns += 10_000_000


def test_cold_reads_other_data_before_every_call_and_does_not_time_it():
    clock = FakeClock()
    filler = FakeFiller(clock)
    timer = cpu_clock.ColdTimer(filler, _now=clock)

    outputs, seconds = timer(clock.convolve, [torch.empty(1)] * 3)

    assert (len(outputs), filler.read) == (3, 3)
    assert seconds == pytest.approx(3e-3)
    assert timer.batch_size(1e-9, 4) == 1


def test_the_clock_is_that_of_the_scenario_s_cache_state(scenario):
    assert isinstance(timer_for(scenario), cpu_clock.HotTimer)
    cold = timer_for(dataclasses.replace(scenario, cache="cold"))
    assert isinstance(cold, cpu_clock.ColdTimer)


def test_caches_are_cold_on_a_gpu_unless_it_is_said_otherwise(scenario):
    def state(**conditions: str) -> str:
        return dataclasses.replace(scenario, **conditions).cache_state

    assert state() == "hot"
    assert state(device="cuda:1") == "cold"
    assert state(device="cuda", cache="hot") == "hot"
    assert state(cache="cold") == "cold"


@pytest.mark.parametrize(("cache", "possible"), [("hot", True), ("cold", False)])
def test_with_cold_caches_operands_come_no_faster_than_memory_gives_them(cache, possible):
    """1×1 over few channels: memory bounds it; 160 MB of operands at 10 GB/s take 16 ms."""
    problem = Problem.of_call((100, 4, 316, 316), (1, 4, 1, 1))
    block = Block(samples_s=(4e-3,), calls_per_sample=1, seed="0")
    result = CellResult(
        scenario=Scenario(id="t/memory", problem=problem, cache=cache),
        implementation="fake",
        family="direct",
        status=Status.PASSED,
        blocks=(block, block),
        ceiling=Ceiling(peak_flops_per_s=1e12, memory_bytes_per_s=10e9, cache_bytes_per_s=100e9),
    )

    reason = why_implausible(result)

    assert (reason is None) is possible
    assert possible or "caches were cold" in reason


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_streams_copied_to_a_device_give_the_same_operands(scenario, dtype):
    scenario = dataclasses.replace(scenario, dtype=dtype)
    with SharedMemory(OperandLayout(scenario).size_bytes) as memory:
        shared = SharedOperands(scenario, memory.path, writable=True)
        shared.stream.draw(torch.Generator().manual_seed(0))
        copied = shared.stream.on("cpu:0")
        here = torch.empty_like(shared.operands.input)
        there = torch.empty_like(here)
        shared.stream.fill(here, (3, 70))
        copied.fill(there, (3, 70))
        assert same_bits(here.flatten(), there.flatten())

        shared.stream.draw(torch.Generator().manual_seed(1))
        copied.fill(there, (3, 70))
        assert same_bits(here.flatten(), there.flatten())  # a copy, not the shared memory


def test_calls_under_the_sample_length_are_batched_within_memory():
    assert cpu_clock.batch_size(1.0, 4) == 1
    assert cpu_clock.batch_size(cpu_clock.SAMPLE_S / 10, 4) == 10
    assert cpu_clock.batch_size(1e-9, 4) == MOST_BATCH
    assert cpu_clock.batch_size(1e-9, BATCH_BYTES // 3) == 3
    assert cpu_clock.batch_size(1e-9, 10 * BATCH_BYTES) == 1


def test_a_fake_clock_gives_an_exact_row(scenario, tmp_path):
    clock = FakeClock()
    samples = []
    for _ in range(3):
        _, seconds = cpu_clock.cpu_timer(clock.convolve, [torch.empty(1)] * 2, _now=clock)
        samples.append(seconds / 2)
    block = Block(samples_s=tuple(samples), calls_per_sample=2, seed="0", reference_s=3e-3)
    result = CellResult(
        scenario=scenario,
        implementation="fake",
        family="direct",
        status=Status.PASSED,
        blocks=(block, block),
        threads=1,
    )

    path = csv_table.write(Run(tmp_path, {"schema_version": 1}, (result,)), tmp_path)

    with path.open(newline="") as file:
        row = next(csv.DictReader(file))
    expected = {
        "scenario": "t/one",
        "implementation": "fake",
        "status": "passed",
        "reason": "",
        "median_s": "0.001",
        "min_s": "0.001",
        "blocks": "2",
        "samples": "6",
        "speedup": "3",
        "roofline_fraction": "",
        "rel_l2_error": "",
    }
    found = {name: row[name] for name in expected}
    numbers = ("median_s", "min_s", "speedup")
    for name in numbers:
        assert float(found.pop(name)) == pytest.approx(float(expected.pop(name)))
    assert found == expected
