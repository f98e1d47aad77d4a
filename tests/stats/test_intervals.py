"""Intervals against scipy and against published numbers."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
import scipy.stats

from suite.errors import Defect
from suite.measuring.settings import Settings
from suite.results.cell import Block, Ceiling, CellResult, Status
from suite.results.summary import roofline_s, summarise
from suite.stats import intervals
from tests.studies.coverage import coverage


def test_the_interval_is_students_on_logarithms():
    values = [1.0, 1.1, 0.9, 1.05]
    logs = [math.log(value) for value in values]
    low, high = scipy.stats.t.interval(
        intervals.NOMINAL, 3, loc=sum(logs) / 4, scale=scipy.stats.sem(logs)
    )

    found = intervals.log_interval(values)

    assert found.low == pytest.approx(math.exp(low))
    assert found.high == pytest.approx(math.exp(high))


def test_the_interval_of_many_blocks_is_students_too():
    draw = random.Random(2)
    logs = [draw.gauss(0, 1) for _ in range(60)]
    low, _ = scipy.stats.t.interval(
        intervals.NOMINAL, 59, loc=sum(logs) / 60, scale=scipy.stats.sem(logs)
    )

    assert math.log(intervals.log_interval([*map(math.exp, logs)]).low) == pytest.approx(low)


@pytest.mark.parametrize("values", [[2.0], [1.0, 4.0]])
def test_fewer_than_three_observations_have_no_interval(values):
    """Student's t of two is 12.7: an interval of a factor of millions says nothing."""
    found = intervals.log_interval(values)

    assert found.value == pytest.approx(2.0)
    assert (found.low, found.high, found.half_width) == (None, None, None)


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.03])
def test_intervals_cover_the_truth_though_cells_end_when_theirs_are_narrow(spread):
    draw = random.Random(3)

    share, _ = coverage(lambda: draw.gauss(0, spread), most=Settings.blocks, draws=1500)

    assert share > 0.94


def result(scenario, **fields):
    blocks = tuple(
        Block(samples_s=(own, own * 1.5, own), calls_per_sample=1, seed="0", reference_s=reference)
        for own, reference in ((1e-3, 2e-3), (2e-3, 4e-3), (4e-3, 8e-3))
    )
    given = {"status": Status.PASSED, "blocks": blocks, **fields}
    return CellResult(scenario=scenario, implementation="x", family="direct", **given)


def test_speedup_is_paired_by_block_so_that_drift_cancels(scenario):
    summary = summarise(result(scenario))

    assert summary.speedup.value == pytest.approx(2)
    assert summary.speedup.half_width == pytest.approx(0, abs=1e-9)
    assert summary.time_s.half_width > 0.5
    assert summary.min_s == 1e-3
    assert (summary.blocks, summary.samples) == (3, 9)


def test_preparation_pays_after_its_cost_over_what_a_call_saves(scenario):
    measured = result(scenario)
    packed = dataclasses.replace(
        measured,
        blocks=tuple(dataclasses.replace(block, prepare_s=0.02) for block in measured.blocks),
    )

    summary = summarise(packed)

    assert summary.break_even_calls == pytest.approx(0.02 / 2e-3)


def test_the_roofline_is_the_larger_of_compute_and_memory_time(scenario):
    flops, size = scenario.problem.direct_flops, scenario.least_bytes
    fast = Ceiling(peak_flops_per_s=flops, memory_bytes_per_s=size * 10, cache_bytes_per_s=1.0)
    assert roofline_s(result(scenario, ceiling=fast)) == 1.0
    slow = Ceiling(peak_flops_per_s=flops, memory_bytes_per_s=size / 10, cache_bytes_per_s=1.0)
    assert roofline_s(result(scenario, ceiling=slow)) == pytest.approx(10)


def test_only_passed_cells_have_numbers_or_may_carry_times(scenario):
    failed = result(scenario, status=Status.ERROR, reason="x", blocks=())
    assert summarise(failed) is None
    with pytest.raises(Defect):
        result(scenario, status=Status.INCORRECT)
    with pytest.raises(Defect):
        result(scenario, blocks=())
