"""Samples through a fake clock, down to the line in results.csv."""

from __future__ import annotations

import csv

import pytest
import torch

from reports import csv_table
from suite import timing
from suite.result import Block, CellResult, Status
from suite.runfile import Run


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

    outputs, seconds = timing.cpu_timer(clock.convolve, operands, _now=clock)

    assert seconds == pytest.approx(4e-3)
    assert outputs == operands


def test_calls_under_the_sample_length_are_batched_within_memory():
    assert timing.batch_size(1.0, 4) == 1
    assert timing.batch_size(timing.SAMPLE_S / 10, 4) == 10
    assert timing.batch_size(1e-9, 4) == timing.MOST_BATCH
    assert timing.batch_size(1e-9, timing.BATCH_BYTES // 3) == 3
    assert timing.batch_size(1e-9, 10 * timing.BATCH_BYTES) == 1


def test_a_fake_clock_gives_an_exact_row(scenario, tmp_path):
    clock = FakeClock()
    samples = []
    for _ in range(3):
        _, seconds = timing.cpu_timer(clock.convolve, [torch.empty(1)] * 2, _now=clock)
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
