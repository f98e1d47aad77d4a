"""What judging takes is known beforehand, and what is computed in pieces is the same."""

from __future__ import annotations

import itertools
import re

import pytest
import torch

from suite.conditions import DIRECTIONS, MEMORY_FORMATS, Scenario
from suite.judge import maps, memory, reference
from suite.judge.pieces import pieces
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.losses import Lost
from suite.measuring.race import race
from suite.messages.judge import Open
from suite.operands.tensors import Operands
from suite.problem import Problem
from suite.processes import free_memory
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.results.cell import Status
from tests.arms import builtin
from tests.judge.in_process import judge_here

GIB = 2**30
LARGE = Scenario(id="m/large", problem=Problem.of_call((1, 128, 4096, 4096), (3, 128, 1, 1)))
SMALL = Scenario(id="m/small", problem=Problem.of_call((1, 4, 16, 16), (3, 4, 3, 3)))


@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (1, 1, 7, 9), (2, 3), (5,), (0, 4, 5, 6)])
@pytest.mark.parametrize("most", [1, 6, 31, 100, 10**6])
def test_pieces_cover_everything_once_and_none_is_too_large(shape, most):
    counted = torch.zeros(shape)
    for piece in pieces(shape, most):
        counted[piece] += 1
        assert counted[piece].numel() <= max(most, shape[-1])
    assert bool((counted == 1).all())


@pytest.mark.parametrize("column_bytes", [1, 500, 2500])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    "problem",
    [
        Problem.of_call((2, 4, 5, 4), (6, 2, 3, 2), padding=(2, 1), stride=(2, 1), groups=2),
        Problem.of_call((2, 3, 4, 4), (4, 3, 3, 3), padding=(3, 3), dilation=(2, 3)),
        Problem.of_call((2, 3, 2, 2), (4, 3, 1, 1), padding=(3, 3), stride=(3, 3)),
    ],
    ids=["grouped", "dilated", "mostly padding"],
)
def test_a_result_in_pieces_is_the_whole_one(monkeypatch, problem, direction, column_bytes):
    scenario = Scenario(id="m/1", problem=problem, direction=direction)
    draw = torch.Generator().manual_seed(0)
    operands = Operands(
        torch.randn(problem.input_shape, generator=draw, dtype=torch.float64),
        torch.randn(problem.weight_shape, generator=draw, dtype=torch.float64),
        None,
        torch.randn(problem.output_shape, generator=draw, dtype=torch.float64),
    )
    whole = reference.result(scenario, operands)
    size = reference.magnitude(scenario, operands)
    monkeypatch.setattr(maps, "COLUMN_BYTES", column_bytes)

    torch.testing.assert_close(reference.result(scenario, operands), whole)
    torch.testing.assert_close(reference.magnitude(scenario, operands), size)


def test_what_is_needed_grows_with_the_operands_and_covers_them():
    for direction, memory_format in itertools.product(DIRECTIONS, MEMORY_FORMATS):
        conditions = {"direction": direction, "memory_format": memory_format}
        small = Scenario(id="m/1", problem=SMALL.problem, **conditions)
        large = Scenario(id="m/2", problem=LARGE.problem, **conditions)
        assert memory.needed_bytes(small) < GIB / 2
        assert memory.needed_bytes(large) > OperandLayout(large).size_bytes + 8 * 128 * 4096**2


@pytest.fixture
def judge(settings, time_spent):
    judge = JudgeClient(settings, time_spent)
    yield judge
    judge.close()


def test_a_layer_that_does_not_fit_is_out_of_memory_before_anything_is_allocated(
    judge, settings, time_spent
):
    """No machine that runs tests has the 100 GiB that it takes."""
    if free_memory.available_bytes() > memory.needed_bytes(LARGE):
        pytest.skip("it fits here")
    torch_row = builtin("torch", "vendor", "impls.vendor")

    (large,) = decided(race(LARGE, [torch_row], judge, settings, time_spent))
    with SharedMemory(OperandLayout(SMALL).size_bytes) as shared:
        judge.open(SMALL, shared)  # the same judge goes on

    assert large.status is Status.OUT_OF_MEMORY
    assert "GiB of memory, " in large.reason
    assert "GiB are available" in large.reason


def test_the_judge_refuses_by_what_is_free(monkeypatch):
    needed = memory.needed_bytes(SMALL)
    with SharedMemory(OperandLayout(SMALL).size_bytes) as shared, judge_here() as judge:
        asked = Open(scenario=SMALL, operands=shared.path)
        monkeypatch.setattr(free_memory, "available_bytes", lambda: needed - 1)
        refusal = judge.open(asked).no_room
        monkeypatch.setattr(free_memory, "available_bytes", lambda: needed)
        assert judge.open(asked).no_room is None
    assert re.search(r"need .* GiB of memory, .* GiB are available", refusal)


def judge_much(judge: JudgeClient) -> None:
    for _ in range(50):
        judge.draw("normal")
        judge.draw_block()
        judge.ceiling(SMALL, 1, anew=True)


def test_a_judge_that_gets_no_memory_says_so_and_is_replaced(judge):
    """What one process did to its limits must not stay for the next scenario."""
    with SharedMemory(OperandLayout(SMALL).size_bytes) as shared:
        judge.open(SMALL, shared)
        first = judge._process()
        resource = pytest.importorskip("resource")
        if not hasattr(resource, "prlimit"):
            pytest.skip("limits of other processes: Linux only")
        resource.prlimit(first.pid, resource.RLIMIT_AS, (2**20, 2**20))
        with pytest.raises(Lost, match="the judge at ") as lost:
            judge_much(judge)
        assert lost.value.status in (Status.OUT_OF_MEMORY, Status.CRASHED)
        assert not lost.value.final
    with SharedMemory(OperandLayout(SMALL).size_bytes) as shared:
        judge.open(SMALL, shared)
        assert judge._process() is not first
