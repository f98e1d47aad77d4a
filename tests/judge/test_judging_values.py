"""Other values than normal ones: honest rows pass on each, planted faults are caught on each.

Some are right by definition on some values, and are caught on normal ones: zeros for anything,
where inputs or weights are zeros, or both denormal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from suite.conditions import DIRECTIONS, Scenario
from suite.input_kinds import NETWORK_KINDS, RUN_KINDS, run_kinds
from suite.judge import denormal_probe
from suite.judge.process import Judge
from suite.judge.tolerance import Tolerance
from suite.messages import judge as messages
from suite.problem import Problem
from suite.registry.implementation import Implementation
from suite.values import AS_ASKED, DENORMAL, NORMAL, SPARSE, TRAINED, ZEROS
from suite.worker.outputs import row_major
from tests.judge.in_process import allowance_of, bound, judge_here, opened
from tests.judge.test_timed_outputs import ROWS

CALLS = 3
PROBLEM = Problem.of_call((2, 8, 9, 10), (12, 8, 3, 3), padding=(1, 1))
PAIRS = (
    (DENORMAL, NORMAL),
    (NORMAL, DENORMAL),
    (DENORMAL, DENORMAL),
    (SPARSE, SPARSE),
    (TRAINED, TRAINED),
    (ZEROS, NORMAL),
    (NORMAL, ZEROS),
)
HONEST = [
    *((name, "float32") for name in ("torch", "unfold", "fft", "winograd_4x4")),
    *((name, "float64") for name in ("torch", "winograd_4x4")),
    *((name, "bfloat16") for name in ("torch", "unfold")),
]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with judge_here() as judge:
        yield judge


def scenario_of(values: str, weight_values: str, **conditions: object) -> Scenario:
    scenario = Scenario(id="t/one", problem=PROBLEM, values=values, weight_values=weight_values)
    return dataclasses.replace(scenario, **conditions)  # type: ignore[arg-type]


def fault_of(
    judge: Judge,
    scenario: Scenario,
    row: Implementation,
    kinds: tuple[str, ...] | None = None,
    elements: int | None = None,
) -> tuple[str, str] | None:
    """Return (kind of input or "timed", fault) of the first that a row of this process has."""
    allowance = allowance_of(row)
    with opened(judge, scenario) as (given, shared, path):
        for kind in run_kinds(scenario) if kinds is None else kinds:
            judge.draw(messages.Draw(kind=kind, seed=1, elements=elements))
            call, operands = bound(row, scenario, given, kind)
            shared.slot(0).copy_(row_major(call(operands.varying).detach()))
            gate = messages.JudgeGate(results=path, slot=0, allowance=allowance)
            if fault := judge.judge_gate(gate).fault:
                return kind, fault
        judge.draw_block(messages.DrawBlock(seed=1))
        call, operands = bound(row, scenario, given)
        operand = torch.empty_like(operands.varying)
        calls = tuple((slot, (17 * slot, 5), False) for slot in range(CALLS))
        for slot, start, _ in calls:
            given.stream.fill(operand, start)
            shared.slot(slot).copy_(row_major(call(operand).detach().clone()))
        timed = messages.TimedOutputs(
            results=path, calls=calls, allowance=allowance, handed_back=False
        )
        fault = judge.judge_timed(messages.JudgeTimed(turns=(timed,))).faults[0]
        return fault and ("timed", fault)


@pytest.mark.parametrize(("name", "dtype"), HONEST)
@pytest.mark.parametrize(("values", "weight_values"), PAIRS)
def test_honest_rows_pass_on_all_values(judge, name, values, weight_values, dtype):
    scenario = scenario_of(values, weight_values, dtype=dtype)
    assert fault_of(judge, scenario, ROWS[name]) is None


@pytest.mark.parametrize("direction", DIRECTIONS[1:])
@pytest.mark.parametrize("values", [DENORMAL, SPARSE, TRAINED, ZEROS])
def test_gradients_pass_on_all_values(judge, values, direction):
    scenario = scenario_of(values, values, direction=direction, memory_format="channels_last")
    assert fault_of(judge, scenario, ROWS["torch"]) is None


@pytest.mark.parametrize(("values", "weight_values"), PAIRS)
def test_honest_rows_pass_where_some_elements_are_looked_at(judge, values, weight_values):
    for name in ("torch", "fft"):
        scenario = scenario_of(values, weight_values)
        assert fault_of(judge, scenario, ROWS[name], elements=256) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("values", "weight_values"), PAIRS)
def test_every_row_passes_on_all_values_or_says_that_it_flushes(judge, name, values, weight_values):
    for problem in (PROBLEM, Problem.of_call((1, 24, 10, 10), (16, 24, 1, 1))):
        scenario = scenario_of(values, weight_values, problem=problem)
        if ROWS[name].why_unsupported(scenario):
            continue
        fault = fault_of(judge, scenario, ROWS[name])
        # NNPACK and XNNPACK switch to flushing in their calls, and back.
        assert fault is None or (DENORMAL in (values, weight_values) and "got 0" in fault[1])


def planted(function: Callable[..., torch.Tensor]) -> Implementation:
    return dataclasses.replace(ROWS["torch"], function=function, family="direct")


def zeros(input, weight, *others):
    return torch.zeros_like(F.conv2d(input, weight, *others))


def drops_a_tap(input, weight, *others):
    less = weight.clone()
    less.view(-1)[less.abs().argmax()] = 0  # any other one may be 0
    return F.conv2d(input, less, *others)


def flushes(input, weight, bias=None, *others):
    """What a thread whose flush-to-zero was left on computes, whatever library does it."""

    def flushed(tensor):
        return torch.where(tensor.abs() < torch.finfo(tensor.dtype).tiny, 0, tensor)

    return flushed(F.conv2d(flushed(input), flushed(weight), bias, *others))


ALL_ZERO = ((DENORMAL, DENORMAL), (ZEROS, NORMAL), (NORMAL, ZEROS))
"""Every product is exactly 0, or below half of the least number."""
RIGHT_BY_DEFINITION = {
    *((fault, *pair) for fault in (zeros, drops_a_tap, flushes) for pair in ALL_ZERO),
    *((flushes, *pair) for pair in PAIRS if DENORMAL not in pair),
}


@pytest.mark.parametrize(("values", "weight_values"), PAIRS)
@pytest.mark.parametrize("fault", [zeros, drops_a_tap, flushes])
def test_planted_faults_are_caught_on_all_values_or_right_there_by_definition(
    judge, fault, values, weight_values
):
    scenario = scenario_of(values, weight_values)
    row = planted(fault)
    is_right = (fault, values, weight_values) in RIGHT_BY_DEFINITION

    gated = fault_of(judge, scenario, row, (AS_ASKED,))
    timed = fault_of(judge, scenario, row, ())

    assert (gated is None) == (timed is None) == is_right
    assert fault is flushes or fault_of(judge, scenario, row)[0] in RUN_KINDS


@pytest.mark.parametrize(("values", "weight_values"), [p for p in PAIRS if p not in ALL_ZERO])
def test_one_wrong_plane_is_caught_when_it_is_timed(judge, values, weight_values):
    scenario = scenario_of(values, weight_values)

    def spoilt(*arguments):
        output = F.conv2d(*arguments)
        output[-1, -1] *= 1.5
        return output

    assert fault_of(judge, scenario, planted(spoilt), ()) is not None


def test_a_trace_where_all_is_zero_is_caught(judge):
    def spoilt(*arguments):
        output = F.conv2d(*arguments)
        output[-1, -1, -1, -1] = 1e-30
        return output

    fault = fault_of(judge, scenario_of(ZEROS, NORMAL), planted(spoilt), ())

    assert fault is not None
    # The second where that element is one of those that are looked at alone.
    said = ("that sum nothing but zeros are not 0", "is 1e-30, expected 0, allowed error 0")
    assert any(words in fault[1] for words in said)


def test_a_flushed_denormal_is_called_so(judge):
    fault = fault_of(judge, scenario_of(DENORMAL, NORMAL), planted(flushes))

    assert fault is not None
    assert fault[1].startswith("inputs of the values asked for: ")
    assert fault[1].endswith("denormal numbers count for zero in it")


def test_what_processors_flush_by_themselves_may_be_flushed(judge):
    scenario = scenario_of(DENORMAL, NORMAL, dtype="bfloat16")
    assert fault_of(judge, scenario, planted(flushes)) is None
    assert fault_of(judge, scenario, planted(zeros))[0] in RUN_KINDS


def test_bounds_of_normal_values_are_as_they_were(judge):
    """The gates of normal inputs allow nothing more where other values are timed."""
    usual, denormal = (
        Tolerance(scenario_of(v, v), family="direct", error_factor=1.0) for v in (NORMAL, DENORMAL)
    )
    expected, size = torch.randn(3, 4).double(), torch.rand(3, 4).double()
    assert torch.equal(usual.bounds_on(expected, size), denormal.bounds_on(expected, size))


def test_stored_values_are_what_is_timed(judge, tmp_path):
    problem = dataclasses.replace(PROBLEM, bias=True)
    weight, bias = torch.randn(problem.weight_shape) / 10, torch.randn(12)
    x = torch.randn(500).relu()
    path = tmp_path / "one.npz"
    np.savez(path, weight=weight.numpy(), bias=bias.numpy(), input=x.numpy())
    scenario = scenario_of(TRAINED, TRAINED, problem=problem, stored_values=str(path))
    seen = []

    def watched(input, weight, bias, *others):
        seen.append((float((input == 0).double().mean()), weight.clone(), bias.clone()))
        return F.conv2d(input, weight, bias, *others)

    for dtype in ("float32", "bfloat16"):
        as_type = dataclasses.replace(scenario, dtype=dtype)
        for name in ("torch", "fft"):
            if not ROWS[name].why_unsupported(as_type):
                assert fault_of(judge, as_type, ROWS[name]) is None
    assert fault_of(judge, scenario, planted(watched)) is None
    zeros_share, last_weight, last_bias = seen[-1]
    assert zeros_share == pytest.approx(float((x == 0).double().mean()), abs=0.05)
    assert torch.equal(last_weight, weight)
    assert torch.equal(last_bias, bias)


def test_gates_have_normal_inputs_whatever_is_timed():
    assert run_kinds(scenario_of(NORMAL, NORMAL)) == RUN_KINDS
    assert run_kinds(scenario_of(ZEROS, ZEROS)) == (*RUN_KINDS, AS_ASKED)
    assert set(NETWORK_KINDS) <= set(RUN_KINDS)


def test_the_probe_of_denormals_sees_whether_they_are_flushed():
    assert not denormal_probe.probe().flushes
    torch.set_flush_denormal(True)
    try:
        assert denormal_probe.probe().flushes
    finally:
        torch.set_flush_denormal(False)
