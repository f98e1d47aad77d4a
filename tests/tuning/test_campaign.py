"""What is measured, in which order, and what is not measured any more."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import pytest
from building import USUAL, layer

from suite.conditions import Scenario
from suite.registry.sources import Source
from suite.results.cell import Block, CellResult, Residuals, Status
from suite.results.contention import Contention
from suite.results.folder import read_results
from suite.tuning.campaign import (
    Campaign,
    Standing,
    in_turns,
    measured_as,
    trials_of,
    under_formats,
)
from suite.tuning.features import kind_of
from tests.arms import arm
from tests.conftest import ROOT


def scenario(name: str, problem=None) -> Scenario:
    return Scenario(id=name, problem=problem or layer(), threads=USUAL.threads)


def cell(
    name: str,
    of: Scenario,
    speedup: float | None,
    status: Status = Status.PASSED,
    call_s: float = 1e-3,
) -> CellResult:
    """Return a cell of three blocks with a speed-up, or one that did not pass."""
    passed = speedup is not None
    blocks = tuple(
        Block(samples_s=(call_s / speedup,), calls_per_sample=1, seed="0", reference_s=call_s)
        for _ in range(3 if passed else 0)
    )
    return CellResult(
        scenario=of,
        implementation=name,
        family="gemm",
        status=status if passed or status is not Status.PASSED else Status.ERROR,
        reason="" if passed else "because",
        blocks=blocks,
        residuals=Residuals(rel_l2_error=0.0, worst_error_ratio=0.0),
    )


def problem_of(number: int, speedups: dict[str, float | None]) -> list[CellResult]:
    of = scenario(f"s{number}")
    return [cell(name, of, value) for name, value in speedups.items()]


def standing_after(*problems: dict[str, float | None]) -> Standing:
    standing = Standing()
    for number, speedups in enumerate(problems):
        standing.add(problem_of(number, {"torch": 1.0, **speedups}))
    return standing


def test_a_row_that_takes_for_ever_is_out_at_once():
    standing = standing_after({"crawls": 0.05, "trails": 0.3})
    assert standing.is_out("crawls")
    assert not standing.is_out("trails")


def test_being_far_behind_by_overhead_alone_is_no_reason_yet():
    standing = Standing()
    tiny = [cell(name, scenario("a"), value, call_s=1e-5) for name, value in
            {"torch": 1.0, "starts_slowly": 0.05}.items()]  # fmt: skip
    standing.add(tiny)
    assert not standing.is_out("starts_slowly")


def test_a_row_that_never_comes_near_is_out_after_a_few():
    standing = standing_after(*[{"trails": 0.6, "leads": 1.1}] * 3)
    assert not standing.is_out("trails")
    standing.add(problem_of(9, {"torch": 1.0, "trails": 0.6, "leads": 1.1}))
    assert standing.is_out("trails")
    assert not standing.is_out("leads")


def test_one_good_problem_keeps_a_row_in():
    standing = standing_after({"special": 1.5}, *[{"special": 0.2}] * 6)
    assert not standing.is_out("special")


def test_being_behind_a_faster_row_counts_although_it_beats_torch():
    assert standing_after(*[{"second": 1.5, "first": 3.0}] * 5).is_out("second")


def test_a_row_that_failed_is_not_run_again():
    assert standing_after({"breaks": None}).is_out("breaks")


def test_a_problem_that_a_row_does_not_cover_says_nothing_about_it():
    standing = Standing()
    standing.add([cell("picky", scenario("a"), None, Status.UNSUPPORTED)])
    assert not standing.is_out("picky")


def test_wrong_rows_are_not_believed_anywhere_in_their_kind():
    first, second = scenario("a"), scenario("b", layer(32))
    results = [
        cell("torch", first, 1.0),
        cell("cheat", first, 2.0),
        cell("torch", second, 1.0),
        cell("cheat", second, None, Status.INCORRECT),
        cell("honest", second, 1.2),
    ]
    modules = dict.fromkeys(("torch", "cheat", "honest"), "impls.gemm")
    trials = trials_of(results, modules, "torch", 2)
    assert [[measured.row.name for measured in trial.measured] for trial in trials] == [
        [],
        ["honest"],
    ]
    assert trials[1].measured[0].log_speedup == pytest.approx(math.log(1.2))


def test_without_torch_there_is_nothing_to_compare_with():
    of = scenario("a")
    assert trials_of([cell("gemm", of, 2.0)], {"gemm": "impls.gemm"}, "torch", 2) == []


def disturbed(name: str, of: Scenario, quick_s: float, slow_share: float) -> CellResult:
    """Return a cell of 60 samples, a share of which waited for a scheduler's tick."""
    slow = int(60 * slow_share)
    samples_s = tuple(quick_s * (1 + 0.001 * i) for i in range(60 - slow)) + (4e-3,) * slow
    block = Block(samples_s=samples_s, calls_per_sample=1, seed="0", reference_s=1e-3)
    return dataclasses.replace(cell(name, of, 1.0), blocks=(block,))


def test_a_disturbed_machine_leaves_the_quick_samples_and_they_count():
    of = scenario("a")
    results = [disturbed("torch", of, 1e-4, 0.7), disturbed("gemm", of, 0.5e-4, 0.1)]
    (trial,) = trials_of(results, {"gemm": "impls.gemm"}, "torch", 2)
    assert trial.measured[0].log_speedup == pytest.approx(math.log(2), abs=0.02)


def test_a_cell_that_was_disturbed_all_the_time_says_nothing():
    of = scenario("a")
    results = [disturbed("torch", of, 1e-4, 0.93), disturbed("gemm", of, 0.5e-4, 0.1)]
    (trial,) = trials_of(results, {"gemm": "impls.gemm"}, "torch", 2)
    assert trial.measured == ()


def test_kinds_take_turns_and_each_begins_with_its_smallest_problem():
    dense = [scenario(f"d{c}", layer(c, c)) for c in range(8, 40)]
    depthwise = [scenario(f"w{c}", layer(c, c, groups=c)) for c in (64, 32, 8)]
    order = in_turns([*dense, *depthwise])
    assert Counter(s.id for s in order) == Counter(s.id for s in (*dense, *depthwise))
    assert {s.id for s in order[:2]} == {"d8", "w8"}
    kinds = [kind_of(s.problem) for s in order]
    assert kinds[:8].count("depthwise") >= 2  # a tenth of the problems, a third of the first ones


def test_each_scenario_is_measured_in_each_format_under_an_id_of_its_own():
    copies = under_formats([Scenario(id="a", problem=layer())], ("contiguous", "channels_last"), 2)
    assert [(s.id, s.memory_format, s.threads) for s in copies] == [
        ("a+contiguous+2", "contiguous", 2),
        ("a+channels_last+2", "channels_last", 2),
    ]


ARMS = [
    arm(name, "gemm", Source(f"impls.{module}", str(ROOT)))
    for name, module in (("torch", "vendor"), ("kn2row", "gemm"))
]


def test_a_campaign_goes_on_where_it_stopped_and_measures_nothing_twice(
    tmp_path, settings, monkeypatch
):
    # Whatever this machine is doing: how fast rows are is not what this is about.
    monkeypatch.setattr(Standing, "is_out", lambda self, name: False)
    scenarios = [scenario("a", layer(4, 4, 6)), scenario("b", layer(5, 5, 6))]

    def campaign(budget_s: float, to_measure=scenarios, arms=ARMS) -> tuple[bool, list[str]]:
        measured: list[str] = []
        new_campaign = Campaign(
            folder=tmp_path,
            scenarios=to_measure,
            arms=arms,
            settings=settings,
            budget_s=budget_s,
            watch=lambda scenario, _, __: measured.append(scenario.id),
        )
        return new_campaign.run(), measured

    assert campaign(0.0) == (False, [])
    assert campaign(60.0, scenarios[:1]) == (True, ["a"])
    assert campaign(1e-9) == (False, [])
    assert campaign(60.0) == (True, ["b"])
    assert campaign(60.0) == (True, [])
    keys = [result.key for result in read_results(tmp_path)]
    assert sorted(keys) == ["a × kn2row", "a × torch", "b × kn2row", "b × torch"]

    # A row that is new is measured on all of them, and nothing else again.
    unfold = arm("unfold", "im2col", Source("impls.im2col", str(ROOT)))
    assert campaign(60.0, arms=[*ARMS, unfold]) == (True, ["a", "b"])
    keys = [result.key for result in read_results(tmp_path)]
    assert sorted(set(keys)) == sorted(keys)
    assert len(keys) == 6


def test_what_others_disturbed_teaches_nothing_and_is_measured_again():
    """A row is neither out for it nor in the table by it."""
    seen = Contention(others_share=0.9, disturbed=True)
    results = [
        dataclasses.replace(
            one, blocks=tuple(dataclasses.replace(b, contention=seen) for b in one.blocks)
        )
        for one in problem_of(0, {"torch": 1.0, "crawls": 0.01})
    ]
    standing = Standing()
    standing.add(results)

    assert not standing.is_out("crawls")
    assert trials_of(results, {"crawls": "impls.gemm"}, "torch", 2) == []
    clean = problem_of(0, {"torch": 1.0, "crawls": 0.5})
    (trial,) = trials_of([*results, *clean], {"crawls": "impls.gemm"}, "torch", 2)
    assert trial.measured[0].log_speedup == pytest.approx(math.log(0.5))


def test_a_file_changed_to_another_type_is_measured_anew_and_learnt_from_apart():
    in_float32 = problem_of(0, {"torch": 1.0, "kn2row": 2.0})
    of = dataclasses.replace(in_float32[0].scenario, dtype="bfloat16")
    in_bfloat16 = [cell("torch", of, 1.0), cell("kn2row", of, 4.0)]
    trials = trials_of([*in_float32, *in_bfloat16], {"kn2row": "impls.gemm"}, "torch", 2)
    speedups = {t.conditions.dtype: math.exp(t.measured[0].log_speedup) for t in trials}
    assert speedups == {"float32": pytest.approx(2.0), "bfloat16": pytest.approx(4.0)}
    assert measured_as(of) != measured_as(in_float32[0].scenario)
    again = dataclasses.replace(of, occurrences=5, source="another.yaml")
    assert measured_as(again) == measured_as(of)
