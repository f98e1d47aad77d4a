"""What the judge makes of the outputs of timed calls, those that sum only padding among them."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from suite.conditions import DIRECTIONS, MEMORY_FORMATS, Scenario
from suite.errors import Unsupported
from suite.input_kinds import CHECK_KINDS, SPECIAL_KINDS
from suite.judge import reference
from suite.judge.process import Judge
from suite.messages import judge as messages
from suite.operands.tensors import Operands
from suite.problem import Problem
from suite.registry.implementation import Implementation
from suite.scenario.files import find_file, load_file
from suite.worker.outputs import row_major
from tests.impls.oracle import implementations
from tests.judge.in_process import allowance_of, bound, judge_here, opened

CALLS = 3
ROWS = {
    row.name: row
    for row in implementations()
    if "cpu" in row.devices and not row.why_unavailable() and row.name != "compile"
}
"""torch.compile takes ten seconds a shape; what it computes with is torch's own."""
FEW = ("torch", "unfold", "fft", "winograd_4x4")


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with judge_here() as judge:
        yield judge


Spoil = Callable[[torch.Tensor], None]


class Cell:
    """One row in one scenario: worker's part in this process, the judge's by the judge."""

    def __init__(self, judge: Judge, scenario: Scenario, row: Implementation) -> None:
        self._judge, self._scenario, self._row = judge, scenario, row
        self._allowance = allowance_of(row)

    def timed_fault(self, spoil: Spoil | None = None, only: int | None = None) -> str | None:
        """Return what is wrong with timed calls of one block, by the judge.

        Args:
            spoil: what becomes of their outputs before.
            only: of this call's output alone.
        """
        with opened(self._judge, self._scenario) as (given, shared, path):
            self._judge.draw_block(messages.DrawBlock(seed=1))
            call, operands = bound(self._row, self._scenario, given)
            operand = torch.empty_like(operands.varying)
            calls = [(slot, (17 * slot, 5), False) for slot in range(CALLS)]
            for slot, start, _ in calls:
                given.stream.fill(operand, start)
                output = row_major(call(operand).detach().clone())
                if spoil and only in (None, slot):
                    spoil(output.view(self._scenario.result_shape))
                shared.slot(slot).copy_(output)
            outputs = messages.TimedOutputs(
                results=path,
                calls=tuple(calls),
                allowance=self._allowance,
                handed_back=False,
            )
            return self._judge.judge_timed(messages.JudgeTimed(turns=(outputs,))).faults[0]

    def gate_fault(self) -> str | None:
        """Return what `check` finds wrong on inputs that hold numbers alone."""
        with opened(self._judge, self._scenario) as (given, shared, path):
            for kind in CHECK_KINDS:
                if kind in SPECIAL_KINDS:
                    continue
                self._judge.draw(messages.Draw(kind=kind, seed=1))
                call, operands = bound(self._row, self._scenario, given)
                shared.slot(0).copy_(row_major(call(operands.varying).detach()))
                output = messages.JudgeGate(results=path, slot=0, allowance=self._allowance)
                if fault := self._judge.judge_gate(output).fault:
                    return fault
        return None


def scenario_of(problem: Problem, direction: str = "forward", **conditions: str) -> Scenario:
    return Scenario(id="t/one", problem=problem, direction=direction, **conditions)


NAMED = {
    "1×1 with stride 2 of ResNet": scenario_of(
        Problem.of_call((1, 256, 56, 56), (512, 256, 1, 1), stride=(2, 2)), "backward_data"
    ),
    "1×1 padded": scenario_of(Problem.of_call((1, 8, 9, 9), (4, 8, 1, 1), padding=(1, 1))),
}


def kills_the_process(problem: Problem, memory_format: str, direction: str) -> bool:
    """Return whether torch writes beyond its memory: seen in 2.13 on AVX-512, by malloc's checks.

    `check` would say crashed; here there is one process for all.
    """
    pixels = problem.kernel == (1, 1) and problem.stride != (1, 1)
    return pixels and (memory_format, direction) == ("channels_last", "backward_weight")


EDGES = load_file(find_file("edge_shapes")).scenarios
EVERYWHERE = [
    dataclasses.replace(edge, memory_format=memory_format, direction=direction)
    for edge in EDGES
    for memory_format in MEMORY_FORMATS
    for direction in DIRECTIONS
    if not kills_the_process(edge.problem, memory_format, direction)
]


BY_TURNS = [
    scenario
    for number in range(len(EDGES))
    for scenario in [s for s in EVERYWHERE if s.id == EDGES[number].id][number % 6 :: 6]
]
"""Each shape in one of the six ways."""


def some_row(name: str, scenarios: list[Scenario], *marks: pytest.MarkDecorator) -> object:
    return pytest.param(ROWS[name], scenarios, marks=marks, id=f"{name}, {len(scenarios)} cells")


@pytest.mark.parametrize(
    ("row", "scenarios"),
    [
        *(some_row(name, BY_TURNS) for name in FEW),
        *(some_row(name, EVERYWHERE, pytest.mark.slow) for name in ROWS),
    ],
)
def test_nothing_that_check_passes_is_called_wrong_when_it_is_timed(judge, row, scenarios):
    """Every edge shape, in both formats and all directions where there is time."""
    wrong, judged = {}, 0
    for scenario in scenarios:
        cell = Cell(judge, scenario, row)
        if row.why_unsupported(scenario):
            continue
        try:
            fault = cell.timed_fault()
        except Unsupported:
            continue
        judged += 1
        if fault and not cell.gate_fault():
            wrong[scenario.id, scenario.memory_format, scenario.direction] = fault

    assert judged
    assert not wrong


@pytest.mark.parametrize("scenario", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("name", ["torch", "unfold"])
def test_elements_that_sum_nothing_may_be_zero(judge, scenario, name):
    assert Cell(judge, scenario, ROWS[name]).timed_fault() is None


def sums_nothing(scenario: Scenario) -> torch.Tensor:
    """Return the places whose sums have no product at all, by the whole float64 convolution."""
    problem = scenario.problem
    ones = Operands(
        *(torch.ones(s) for s in (problem.input_shape, problem.weight_shape)),
        grad=None if scenario.direction == "forward" else torch.ones(problem.output_shape),
    )
    return reference.result(scenario, ones) == 0


WIDELY_PADDED = Problem.of_call((2, 3, 4, 4), (5, 3, 3, 3), padding=(5, 5))


@pytest.mark.parametrize("value", [1.0, 1e-30, float("nan")])
@pytest.mark.parametrize("many", [True, False], ids=["everywhere", "at one place"])
@pytest.mark.parametrize(
    "scenario",
    [*NAMED.values(), scenario_of(WIDELY_PADDED), scenario_of(WIDELY_PADDED, dtype="float64")],
)
def test_anything_else_where_elements_sum_nothing_is_caught(judge, scenario, many, value):
    nothing = sums_nothing(scenario)
    assert nothing.any()
    places = nothing.nonzero() if many else nothing.nonzero()[-1:]

    def spoil(output: torch.Tensor) -> None:
        output[tuple(places.T)] = value

    fault = Cell(judge, scenario, ROWS["torch"]).timed_fault(spoil)
    assert fault is not None
    assert "element" in fault


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("call", range(CALLS))
@pytest.mark.parametrize("value", [1e-30, float("nan")])
def test_a_trace_of_it_is_caught_in_whichever_call_it_is(judge, call, dtype, value):
    """Only some calls are judged element by element, and a checksum allows as much as to others."""
    scenario = scenario_of(WIDELY_PADDED, dtype=dtype)
    place = tuple(sums_nothing(scenario).nonzero()[-1])

    def spoil(output: torch.Tensor) -> None:
        output[place] = value

    fault = Cell(judge, scenario, ROWS["torch"]).timed_fault(spoil, only=call)
    assert fault is not None
    assert "1 of the " in fault or "element" in fault


@pytest.mark.parametrize("name", ["torch", "unfold", "fft"])
def test_garbage_left_in_rows_that_meet_only_padding_is_caught(judge, name):
    """What a row never wrote: zeros in fresh memory, and what was there before in used memory."""
    scenario = scenario_of(WIDELY_PADDED)

    def spoil(output: torch.Tensor) -> None:
        output[:, :, 0].uniform_(-1, 1)

    assert Cell(judge, scenario, ROWS[name]).timed_fault(spoil) is not None


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_wrong_plane_is_caught_beside_elements_that_sum_nothing(judge, dtype, direction):
    scenario = scenario_of(WIDELY_PADDED, direction, dtype=dtype)

    def spoil(output: torch.Tensor) -> None:
        # By more than chance may hide from a projection with the bounds of bfloat16.
        output[-1, -1] *= 4

    cell = Cell(judge, scenario, ROWS["torch"])
    # Without instructions for bfloat16, torch rounds the gradient's partial sums to it.
    assert cell.timed_fault() is None or cell.gate_fault() is not None
    assert cell.timed_fault(spoil) is not None


def test_nothing_is_wrong_with_a_gradient_summed_over_no_samples(judge):
    problem = dataclasses.replace(WIDELY_PADDED, batch_size=0)
    cell = Cell(judge, scenario_of(problem, "backward_weight"), ROWS["torch"])

    assert cell.timed_fault() is None
    assert cell.timed_fault(lambda output: output.fill_(1e-30)) is not None
    assert Cell(judge, scenario_of(problem), ROWS["torch"]).timed_fault() is None


LARGE = scenario_of(Problem.of_call((1, 64, 48, 48), (64, 64, 3, 3), padding=(1, 1)))
"""Its calls are looked at side by side."""


def negates(output: torch.Tensor) -> None:
    output.neg_()


@pytest.mark.parametrize("slot", range(CALLS))
def test_one_wrong_call_of_a_large_layer_is_found_whichever_it_is(judge, slot):
    cell = Cell(judge, LARGE, ROWS["torch"])
    assert cell.timed_fault() is None
    assert cell.timed_fault(negates, only=slot) is not None


def test_large_layers_are_judged_where_the_system_lets_no_thread_start(monkeypatch):
    def refuses(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with judge_here() as judge:
        monkeypatch.setattr(threading.Thread, "start", refuses)
        cell = Cell(judge, LARGE, ROWS["torch"])
        assert cell.timed_fault() is None
        assert cell.timed_fault(negates, only=1) is not None


def test_of_several_arms_each_is_told_its_own_fault(judge):
    row = ROWS["torch"]
    with opened(judge, LARGE) as (given, shared, path):
        judge.draw_block(messages.DrawBlock(seed=1))
        call, operands = bound(row, LARGE, given)
        operand, turns = torch.empty_like(operands.varying), []
        for slot in range(CALLS):
            given.stream.fill(operand, (slot, 5))
            output = row_major(call(operand).detach().clone())
            if slot == 1:
                negates(output.view(LARGE.result_shape))
            shared.slot(slot).copy_(output)
            calls = ((slot, (slot, 5), False),)
            turns.append(
                messages.TimedOutputs(
                    results=path, calls=calls, allowance=allowance_of(row), handed_back=False
                )
            )
        faults = judge.judge_timed(messages.JudgeTimed(turns=tuple(turns))).faults
    assert [fault is None for fault in faults] == [True, False, True]
