"""What follows a convolution is judged with it: right rows pass, each way of erring is found."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from suite.conditions import DIRECTIONS, Scenario
from suite.epilogues import ACTIVATIONS, EPILOGUES, STEEPEST, activation_of, adds, epilogue_of
from suite.errors import UsageError
from suite.input_kinds import CHECK_KINDS, SPECIAL_KINDS
from suite.judge.process import Judge
from suite.messages import judge as messages
from suite.operands.epilogue import activate_, finish_
from suite.problem import Problem
from suite.registry.implementation import Implementation
from suite.scenario.files import find_file, load_file
from suite.worker.outputs import row_major
from tests.impls.oracle import SLOW_IN_FLOAT64, implementations
from tests.judge.in_process import allowance_of, bound, judge_here, opened

CALLS = 3
SHAPES = load_file(find_file("epilogues")).scenarios
GRID = {shape.id for shape in SHAPES if shape.id.startswith("epilogues/k")}
FUSED_KINDS = ("integer", "normal", "expanded", "nan")
"""Gate inputs of rows that fuse; the others try what epilogues have no part in."""
ROWS = {row.name: row for row in implementations() if not row.why_unavailable()}
FUSING = [row for row in ROWS.values() if row.epilogues and "cpu" in row.devices]
IN_FLOAT64 = [
    pytest.param(row, shape, id=row.name, marks=[pytest.mark.slow] * (row.name in SLOW_IN_FLOAT64))
    for row in FUSING
    for shape in SHAPES
    if shape.dtype == "float64" and not row.why_unsupported(shape)
]
PROBLEM = Problem.of_call((2, 16, 9, 10), (12, 16, 3, 3), bias=True, padding=(1, 1))
OTHER_KINDS = (
    Problem.of_call((2, 8, 35), (20, 8, 3), bias=True, padding=(1,)),
    Problem.of_call((2, 8, 40), (12, 8, 1), bias=True),
    Problem.of_call((2, 8, 3, 7, 19), (12, 8, 3, 3, 3), bias=True, padding=(1, 1, 1)),
    Problem.of_call((2, 8, 5, 4, 7), (12, 8, 3, 1, 1), bias=True, padding=(1, 0, 0)),
)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with judge_here() as judge:
        yield judge


def scenario_of(epilogue: str, problem: Problem = PROBLEM, **conditions: str) -> Scenario:
    problem = dataclasses.replace(problem, epilogue=epilogue)
    return Scenario(id="t/one", problem=problem, **conditions)


def row_of(function, name="mine", family="direct", **declared) -> Implementation:
    return Implementation(name=name, family=family, source=__file__, function=function, **declared)


def gate_fault(judge: Judge, scenario: Scenario, row: Implementation, kinds=CHECK_KINDS):
    """Return what the gates find wrong, None where all is right."""
    allowance = allowance_of(row)
    with opened(judge, scenario) as (given, shared, path):
        for kind in kinds:
            judge.draw(messages.Draw(kind=kind, seed=1))
            call, operands = bound(row, scenario, given, kind)
            shared.slot(0).copy_(row_major(call(operands.varying)))
            asked = messages.JudgeSpread if kind in SPECIAL_KINDS else messages.JudgeGate
            judging = judge.judge_spread if kind in SPECIAL_KINDS else judge.judge_gate
            if fault := judging(asked(results=path, slot=0, allowance=allowance)).fault:
                return fault
    return None


def timed_fault(judge: Judge, scenario: Scenario, row: Implementation):
    with opened(judge, scenario) as (given, shared, path):
        judge.draw_block(messages.DrawBlock(seed=1))
        call, operands = bound(row, scenario, given)
        operand = torch.empty_like(operands.varying)
        calls = tuple((slot, (17 * slot, 5), False) for slot in range(CALLS))
        for slot, start, _ in calls:
            given.stream.fill(operand, start)
            shared.slot(slot).copy_(row_major(call(operand)))
        asked = messages.TimedOutputs(
            results=path, calls=calls, allowance=allowance_of(row), handed_back=False
        )
        return judge.judge_timed(messages.JudgeTimed(turns=(asked,))).faults[0]


@pytest.mark.parametrize("row", FUSING, ids=lambda row: row.name)
def test_every_row_that_fuses_is_right_in_all_that_it_declares(judge, row):
    left = list(row.epilogues)
    for shape in SHAPES:
        epilogue = shape.problem.epilogue
        # Of the grid, one shape for each epilogue; it has them for two sizes of kernels.
        if row.why_unsupported(shape) or (epilogue not in left and shape.id in GRID):
            continue
        if shape.dtype == "float64":  # see below
            continue
        if epilogue in left:
            left.remove(epilogue)
        assert gate_fault(judge, shape, row, FUSED_KINDS) is None, shape.id
        if shape.id not in GRID:
            assert timed_fault(judge, shape, row) is None, shape.id
    for epilogue in left:
        asked = (scenario_of(epilogue, shape.problem) for shape in SHAPES)
        scenario = next(each for each in asked if row.why_unsupported(each) is None)
        assert gate_fault(judge, scenario, row, ("normal",)) is None, epilogue


@pytest.mark.parametrize(("row", "shape"), IN_FLOAT64)
def test_rows_that_fuse_are_right_in_float64(judge, row, shape):
    assert gate_fault(judge, shape, row, FUSED_KINDS) is None
    assert timed_fault(judge, shape, row) is None


@pytest.mark.parametrize(
    ("row", "problem"),
    [(r, p) for r in FUSING for p in OTHER_KINDS if p.kind in r.kinds],
    ids=lambda it: getattr(it, "name", None) or "x".join(map(str, it.weight_shape)),
)
def test_rows_that_fuse_in_other_kinds_are_right_there(judge, row, problem):
    own = row.of_kind(problem.kind)
    for memory_format, epilogue in (("contiguous", "add_silu"), ("channels_last", "relu")):
        scenario = scenario_of(epilogue, problem, memory_format=memory_format)
        if own.epilogues and row.why_unsupported(scenario) is None:
            assert gate_fault(judge, scenario, row, ("integer", "normal")) is None


@pytest.mark.parametrize(
    ("epilogue", "name"),
    [*((name, "unfold") for name in EPILOGUES[1:]), ("add_silu", "winograd_4x4"), ("gelu", "fft")],
)
def test_what_a_row_does_not_fuse_torch_computes_after_it(judge, name, epilogue):
    assert not ROWS[name].epilogues
    assert gate_fault(judge, scenario_of(epilogue), ROWS[name]) is None
    assert timed_fault(judge, scenario_of(epilogue), ROWS[name]) is None


def fusing(compute):
    """Return a row that computes everything by torch, and what follows as `compute` has it."""

    def mine(
        input, weight, bias, stride, padding, dilation, groups, *, epilogue=None, residual=None
    ):
        output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        return compute(output, epilogue, residual)

    return row_of(mine, epilogues=EPILOGUES[1:])


FAULTS = {
    "ReLU6 without its upper end": ("relu6", lambda z, *_: torch.relu(z)),
    "ReLU in place of SiLU": ("silu", lambda z, *_: torch.relu(z)),
    "SiLU in place of Hardswish": ("hardswish", lambda z, *_: F.silu(z)),
    "GELU by tanh": ("gelu", lambda z, *_: F.gelu(z, approximate="tanh")),
    "no activation": ("sigmoid", lambda z, *_: z),
    "the residual twice": ("add", lambda z, _, r: z + r + r),
    "no residual": ("add_relu", lambda z, *_: torch.relu(z)),
    "the activation before the sum": ("add_relu", lambda z, _, r: torch.relu(z) + r),
    "a residual of the channel before": ("add", lambda z, _, r: z + r.roll(1, dims=1)),
}


@pytest.mark.parametrize(("epilogue", "compute"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_epilogue_is_found_before_and_in_timed_calls(judge, epilogue, compute):
    row = fusing(compute)
    assert gate_fault(judge, scenario_of(epilogue), row, ("integer",)) is not None
    assert gate_fault(judge, scenario_of(epilogue), row, ("normal",)) is not None
    assert timed_fault(judge, scenario_of(epilogue), row) is not None
    sampled = messages.Draw(kind="normal", seed=1, elements=200)
    with opened(judge, scenario_of(epilogue)) as (given, shared, path):
        judge.draw(sampled)
        call, operands = bound(row, scenario_of(epilogue), given)
        shared.slot(0).copy_(row_major(call(operands.varying)))
        output = messages.JudgeGate(results=path, slot=0, allowance=allowance_of(row))
        assert judge.judge_gate(output).fault is not None


def test_a_few_values_that_were_left_out_are_found_in_timed_calls(judge):
    def skip(z, *_):
        z = torch.relu_(z)
        z[:, :, :1] += 0.25
        return z

    assert "a timed call: element" in timed_fault(judge, scenario_of("relu"), fusing(skip))


@pytest.mark.parametrize("epilogue", ["relu", "add_relu6", "silu", "gelu", "sigmoid", "hardswish"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_torch_itself_is_right_in_other_types(judge, epilogue, dtype):
    row = dataclasses.replace(ROWS["torch"])
    assert gate_fault(judge, scenario_of(epilogue, dtype=dtype), row) is None


def test_a_relu_that_hides_nan_is_forgiven_vendors_alone(judge):
    def hide(z, *_):
        return torch.where(z > 0, z, torch.zeros_like(z))

    own, scenario = fusing(hide), scenario_of("relu")
    assert "came out finite" in gate_fault(judge, scenario, own, ("nan",))
    assert gate_fault(judge, scenario, dataclasses.replace(own, family="vendor"), ("nan",)) is None


def test_infinity_comes_out_as_the_activation_has_it(judge):
    def clip(z, *_):
        return torch.relu(z).clamp(max=3.4e38)

    assert "came out finite" in gate_fault(judge, scenario_of("relu"), fusing(clip), ("inf",))
    row = dataclasses.replace(fusing(clip), family="vendor")
    assert "came out finite" in gate_fault(judge, scenario_of("relu"), row, ("inf",))


def test_gelu_of_infinity_is_infinity_or_nan_and_nothing_finite(judge):
    def with_infinity_as(value: float):
        return fusing(lambda z, *_: torch.where(z.isposinf(), value, F.gelu(z.clamp(max=1e30))))

    scenario = scenario_of("gelu")
    assert gate_fault(judge, scenario, with_infinity_as(math.inf), ("inf",)) is None
    assert gate_fault(judge, scenario, with_infinity_as(math.nan), ("inf",)) is None
    assert "came out finite" in gate_fault(judge, scenario, with_infinity_as(3.4e38), ("inf",))
    assert "another value" in gate_fault(judge, scenario, with_infinity_as(-math.inf), ("inf",))


def test_a_residual_that_is_written_to_is_found(judge):
    def write(z, epilogue, residual):
        return finish_(residual.add_(z), epilogue).clone()

    scenario, row = scenario_of("add_relu"), fusing(write)
    with opened(judge, scenario) as (given, shared, path):
        judge.draw(messages.Draw(kind="normal", seed=1))
        call, operands = bound(row, scenario, given)
        call(operands.varying)
        for name in ("input", "weight", "bias", "residual"):
            getattr(shared.handed_back, name).copy_(getattr(operands, name))
        output = messages.JudgeGate(
            results=path, slot=0, allowance=allowance_of(row), handed_back=True
        )
        changed = judge.judge_gate(output).changed
    assert changed == ("residual",)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_slope_is_steeper_than_said(activation):
    z = torch.linspace(-20, 20, 400_001, dtype=torch.float64)
    slopes = activate_(z.clone(), activation).diff() / z.diff()
    assert float(slopes.abs().max()) <= STEEPEST[activation]


def test_names_are_put_together_and_taken_apart():
    for epilogue in EPILOGUES:
        apart = epilogue_of(adds=adds(epilogue), activation=activation_of(epilogue))
        assert apart == epilogue


@pytest.mark.parametrize("direction", DIRECTIONS[1:])
def test_backward_has_no_epilogue(direction):
    with pytest.raises(UsageError, match="epilogue relu stands in the forward pass only"):
        scenario_of("relu", direction=direction)


def test_an_epilogue_that_there_is_not_names_the_nearest():
    with pytest.raises(UsageError, match='Did you mean "add_relu"'):
        scenario_of("add_rleu")


def test_a_residual_counts_as_memory_that_has_to_be_read():
    without, with_residual = scenario_of("relu"), scenario_of("add_relu")
    more = with_residual.least_bytes - without.least_bytes
    assert more == 4 * math.prod(PROBLEM.output_shape)
