"""How a budget is shared, and that nothing takes much longer than it may."""

from __future__ import annotations

import contextlib
import math
import time

import pytest

from suite.conditions import Scenario
from suite.measuring import deadline as deadlines
from suite.measuring import selection
from suite.measuring.deadline import Budget, Deadline, level
from suite.measuring.judge_client import ELEMENTS, JudgeClient
from suite.measuring.run import Runner
from suite.measuring.time_spent import TimeSpent
from suite.messages.judge import Draw
from suite.problem import Problem
from suite.registry.catalogue import read_catalogue
from suite.results.cell import Status
from tests.conftest import ROOT


@pytest.fixture
def clock(monkeypatch):
    """Seconds of the monotonic clock, as a list of one that tests move on."""
    now = [1000.0]
    monkeypatch.setattr(deadlines.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("needs_s", "left_s", "most_s"),
    [
        ([1, 1, 1], 30, math.inf),
        ([100], 30, 30),
        ([100, 100], 30, 15),
        ([2, 100, 100], 30, 14),
        ([100, 2, 2], 30, 26),
        ([], 30, math.inf),
    ],
)
def test_who_needs_little_gets_that_and_the_others_share_the_rest(needs_s, left_s, most_s):
    assert level(needs_s, left_s) == pytest.approx(most_s)


def test_what_one_scenario_does_not_use_is_the_next_ones(clock):
    budget = Budget(30)
    assert budget.for_the_first([100, 100], 1).left_s == pytest.approx(15)
    clock[0] += 5
    assert budget.for_the_first([100], 1).left_s == pytest.approx(25)


def test_a_scenario_gets_no_less_than_is_of_use_and_no_more_than_there_is(clock):
    budget = Budget(10)
    assert budget.for_the_first([100] * 50, 3).left_s == pytest.approx(3)
    clock[0] += 8
    assert budget.for_the_first([100] * 49, 3).left_s == pytest.approx(2)


def test_what_is_in_progress_ends_a_tenth_of_the_budget_later(clock):
    deadline = Budget(50).for_the_first([100], 1)
    clock[0] += 50
    assert deadline.passed
    assert not deadline.is_cut
    assert deadline.until_cut_s == pytest.approx(5)


def test_what_is_spent_on_the_whole_run_is_not_taken_from_one_scenario(clock):
    deadline = Budget(50).for_the_first([100, 100], 1)
    clock[0] += 10
    assert deadline.later(10).left_s == pytest.approx(25)
    assert deadline.later(100).left_s == pytest.approx(40)
    assert Deadline().later(10) == Deadline()


def test_without_a_budget_nothing_ever_ends():
    deadline = Budget(None).for_the_first([100], 1)
    assert (deadline.left_s, deadline.until_cut_s) == (math.inf, math.inf)
    assert not deadline.passed
    assert deadline.share(0.3) == deadline


SMALL = Problem.of_call((1, 4, 9, 9), (4, 4, 3, 3))
LARGE = Problem.of_call((1, 64, 400, 400), (64, 64, 5, 5), dilation=(2, 2))


class ToldJudge(JudgeClient):
    """A judge's client that keeps what it would have asked."""

    def _start(self):
        return None

    @contextlib.contextmanager
    def _asking(self, request):
        self.asked = request
        yield


@pytest.mark.parametrize(
    ("problem", "left_s", "elements"),
    [(SMALL, 1, None), (LARGE, 5, ELEMENTS), (LARGE, 1000, None), (LARGE, math.inf, None)],
)
def test_the_judge_computes_all_of_a_result_where_there_is_time(
    settings, problem, left_s, elements
):
    end_s = time.monotonic() + left_s
    judge = ToldJudge(settings, TimeSpent(deadline=Deadline(end_s, end_s)))
    judge._scenario = Scenario(id="t/a", problem=problem)

    judge.draw("normal")

    assert isinstance(judge.asked, Draw)
    assert judge.asked.elements == elements


def arms_of(tmp_path, *names):
    catalogue = read_catalogue(ROOT, [tmp_path / "endless.py"], tmp_path / "log")
    return selection.chosen_arms(catalogue, names, "torch", asked_by="names")


ENDLESS = """\
import time
from suite import register
import torch.nn.functional as F


@register("endless", family="loops")
def endless(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    time.sleep(60)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""


def test_a_row_whose_calls_never_end_is_left_out_and_blamed_for_nothing(tmp_path, settings):
    (tmp_path / "endless.py").write_text(ENDLESS)
    arms = arms_of(tmp_path, "endless", "unfold")
    scenarios = [Scenario(id="t/a", problem=SMALL)]
    runner = Runner(tmp_path, scenarios, arms, settings, budget_s=6)

    outcome = runner.run()

    # How many of the others there is time for is a matter of the machine, and its load.
    assert {result.status for result in outcome.results} <= {Status.PASSED}
    assert "t/a × endless" in outcome.not_measured
    measured = {result.key for result in outcome.results}
    assert measured | set(outcome.not_measured) == {f"t/a × {arm.name}" for arm in arms}


def test_a_layer_whose_float64_result_takes_longer_than_the_budget_is_measured(tmp_path, settings):
    (tmp_path / "endless.py").write_text(ENDLESS)
    problem = Problem.of_call((1, 64, 230, 230), (64, 64, 5, 5), dilation=(2, 2))
    runner = Runner(
        tmp_path,
        [Scenario(id="t/a", problem=problem)],
        arms_of(tmp_path, "torch"),
        settings,
        budget_s=6,
    )

    for result in runner.run().results:  # none on a machine that is too busy
        assert result.status is Status.PASSED
        assert any("gates looked at up to 4096 elements" in note for note in result.notes)
