"""What of a `check` is to be done by machines, before any of them is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from commands._fleet_check import Part
from commands.check import CheckRequest
from suite.conditions import Scenario
from suite.fleet.description import read_description
from suite.fleet.work import Texts
from suite.problem import Problem
from tests.fleet.pretended_workers import described

CONV2D = Scenario(id="s/plane", problem=Problem.of_call((1, 2, 6, 6), (2, 2, 3, 3)))
CONV1D = Scenario(id="s/line", problem=Problem.of_call((1, 2, 6), (2, 2, 3)))


def test_no_record_is_awaited_of_a_row_that_computes_other_kinds():
    """`check` writes none: the shape would be given back until it counts for lost."""
    like = read_description(described(rows=("torch",), kinds=("conv2d", "conv1d")))
    asked = SimpleNamespace(scenarios=[CONV2D, CONV1D], texts=Texts({}), sent=CheckRequest())
    one = Part("", cast(Any, asked), like).lane()
    like = read_description(described(rows=("plane",), kinds=("conv2d",)))
    other = Part("", cast(Any, asked), like).lane()

    assert one.work.missing == {"s/plane": {"torch"}, "s/line": {"torch"}}
    assert other.work.missing == {"s/plane": {"plane"}}
    assert other.scenarios.take(1) == ["s/plane"]
    assert other.scenarios.take(1) == []


def test_sharing_cores_takes_no_threads_from_a_row():
    """A fault that needs two threads is found by two workers as by one."""
    like = read_description(described(rows=("torch",)))
    asked = SimpleNamespace(scenarios=[CONV2D], texts=Texts({}), sent=CheckRequest())
    work = Part("", cast(Any, asked), like).lane().work

    job = work.job(["s/plane"], share=(1, 2))
    assert job.share == (1, 2)
    assert job.words[job.words.index("--threads") + 1] == "2"
