"""Threads, hardware counters, stacks and instructions: each by itself, and why it is not there."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.problem import Problem
from suite.profiling import callgrind, counters
from suite.profiling.child import python_stacks, thread_times
from suite.profiling.child.process import smallest_of
from suite.profiling.child.subject import Subject
from suite.profiling.child.thread_times import busy_threads, numbers
from suite.registry import registering, sources
from tests.conftest import ROOT
from tests.profiling.subjects import subject_of


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, [1]), (3, [1, 2, 3]), (8, [1, 2, 3, 4, 5, 6, 7, 8]), (24, [1, 2, 4, 8, 16, 24])],
)
def test_threads_are_tried_from_one_to_all(most, counts):
    assert numbers(most) == counts


@pytest.mark.parametrize(
    ("cpu_s", "busy"),
    [([0.2, 0.0, 0.01], 1), ([0.2, 0.15, 0.0], 2), ([0.04, 0.0], None), ([], None)],
)
def test_threads_that_took_processor_time_are_those_that_computed(cpu_s, busy):
    assert busy_threads(cpu_s) == busy


def test_what_computes_on_one_thread_is_told_from_what_uses_them_all():
    def alone(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        values = input.numpy()
        for _ in range(40):
            values = np.sqrt(values * values + 1.0)
        return torch.from_numpy(values)

    problem = Problem(
        batch_size=4, in_channels=32, height=64, width=64, out_channels=32, kernel_h=1, kernel_w=1
    )
    implementation = registering.Implementation(
        name="alone", family="direct", function=alone, source="here"
    )
    times = thread_times.measure(Subject(implementation, Scenario(id="t/a", problem=problem)), 2)

    assert [item.busy for item in times] == [1, 1]
    wide = {"height": 128, "width": 128, "in_channels": 64, "out_channels": 64}
    assert thread_times.measure(subject_of("torch", **wide), 2)[-1].busy == 2


def test_perfs_output_is_read_and_what_it_cannot_count_is_left_out():
    output = (
        "123456,,instructions:u,1000,100.00,,\n"
        "<not supported>,,cycles,0,100.00,,\n"
        "77,,cache-misses,1000,100.00,,\n"
    )
    assert counters.parse(output) == {"instructions": 123456.0, "cache-misses": 77.0}
    assert "no hardware counters" in counters.why_nothing("<not supported>,,cycles,0,100.00,,")
    assert "perf_event_paranoid" in counters.why_nothing("No permission to enable cycles event")


def test_without_the_tools_there_is_a_reason_and_how_to_get_them(monkeypatch, scenario, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="valgrind is not installed"):
        callgrind.count(sources.Source("impls.im2col", str(ROOT)), "unfold", scenario, tmp_path)
    with pytest.raises(Unsupported, match="perf is not installed"):
        counters.count(1, lambda: 1)


def test_without_pyinstrument_the_rest_is_there_and_the_reason_names_the_extra(
    monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "pyinstrument", None)
    with pytest.raises(Unsupported, match=r"\[profile\]"):
        python_stacks.sample(subject_of("unfold"), tmp_path / "page.html")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="Valgrind is looked for on Linux")
def test_instructions_repeat_and_grow_with_the_work(tmp_path):
    def instructions(height: int) -> float:
        problem = Problem(
            batch_size=1, in_channels=8, height=height, width=32, out_channels=8,
            kernel_h=3, kernel_w=3,
        )  # fmt: skip
        scenario = Scenario(id="t/c", problem=problem)
        source = sources.Source("impls.im2col", str(ROOT))
        return callgrind.count(source, "unfold", scenario, tmp_path)

    small, again, large = instructions(34), instructions(34), instructions(130)

    assert again == pytest.approx(small, rel=0.01)
    assert 3 < large / small < 5
    assert (tmp_path / "callgrind.out").exists()


def test_the_smallest_problem_of_a_kernel_has_one_output():
    problem = Problem(
        batch_size=4, in_channels=8, height=30, width=30, out_channels=16, kernel_h=5, kernel_w=3,
        pad_top=1, pad_left=1, pad_bottom=1, pad_right=1, groups=4,
    )  # fmt: skip
    smallest = smallest_of(Scenario(id="t/s", problem=problem)).problem
    assert smallest.output_shape == (1, 4, 1, 1)
    assert smallest.groups == 4
