"""What a run's exit code makes of its cells."""

from __future__ import annotations

import pytest

from commands._verdict import exit_code
from suite.conditions import Scenario
from suite.problem import Problem
from suite.results.cell import Block, CellResult, Status

SCENARIO = Scenario(id="t/a", problem=Problem.of_call((1, 2, 6, 6), (2, 2, 3, 3)))


def cell(implementation: str, status: str) -> CellResult:
    block = Block(samples_s=(1e-3,), calls_per_sample=1, seed="0")
    return CellResult(
        scenario=SCENARIO,
        implementation=implementation,
        family="direct",
        status=Status(status),
        reason="",
        reference="torch",
        blocks=(block,) if status == "passed" else (),
    )


@pytest.mark.parametrize(
    ("mine", "code"),
    [
        (["passed", "passed"], 0),
        (["passed", "error"], 0),
        (["passed", "timeout"], 0),
        (["unsupported", "unsupported"], 0),
        (["incorrect", "passed"], 3),
        (["implausible", "passed"], 3),
        (["implausible", "implausible"], 3),
        (["error", "error"], 3),
        (["crashed", "unsupported"], 3),
        (["error", "timeout"], 3),
        (["timeout", "out_of_memory"], 4),
        ([], 4),
    ],
)
def test_a_run_of_one_row_beside_the_reference(mine, code):
    results = [cell("torch", "passed") for _ in mine] + [cell("mine", s) for s in mine]
    assert exit_code(results, {"mine"}) == code


def test_another_row_that_passed_is_something_that_was_asked_too():
    results = [cell("torch", "passed"), cell("mine", "error")]
    assert exit_code(results, {"mine", "torch"}) == 0


def test_a_reference_that_is_wrong_is_a_wrong_result():
    results = [cell("torch", "incorrect"), cell("mine", "passed")]
    assert exit_code(results, {"mine"}) == 3


def test_a_budget_that_left_time_for_nothing_that_was_asked_decides_nothing():
    results = [cell("torch", "passed"), cell("mine", "unsupported")]
    assert exit_code(results, {"mine"}) == 0
    assert exit_code(results, {"mine"}, left_out=["t/b × mine"]) == 4
    assert exit_code(results, {"mine", "torch"}, left_out=["t/b × mine"]) == 0
