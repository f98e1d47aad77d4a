"""What `tune` makes of records: kept as they come, a problem done when its command has ended."""

from __future__ import annotations

import dataclasses

from commands._fleet_tune import WHOLE, TuneWork, not_measured, problem_of
from suite.conditions import Scenario
from suite.fleet.scenario_queue import ScenarioQueue
from suite.fleet.work import Texts
from suite.problem import Problem
from suite.results.cell import CellResult, Status
from suite.tuning.campaign import under_formats

FORMATS = ("contiguous", "channels_last")


def work() -> tuple[TuneWork, list[object]]:
    kept: list[object] = []
    made = TuneWork(
        missing={"own/a": {WHOLE}, "own/b": {WHOLE}},
        words=lambda scenarios, rows: ["tune", *scenarios, *rows],
        records="r",
        texts=Texts({}),
        decode=lambda plain: plain,
        scenario_of=lambda record: record["id"],
        store=lambda machine, records: kept.extend(records),
    )
    return made, kept


def test_records_are_kept_and_the_problem_goes_on_until_its_command_has_ended():
    made, kept = work()

    assert made.take("node", '{"id": "own/a+contiguous+2"}\n') == 1
    assert kept == [{"id": "own/a+contiguous+2"}]
    assert made.left(["own/a"]) == ["own/a"]
    made.ended(["own/a"], 0)
    assert made.left(["own/a", "own/b"]) == ["own/b"]


def test_a_command_that_failed_leaves_its_problems_to_others():
    made, _ = work()
    made.ended(["own/a"], -9)

    assert made.left(["own/a"]) == ["own/a"]
    assert made.job(["own/a"]).words == ("tune", "own/a")


def test_a_problem_is_known_by_its_id_without_format_and_threads():
    assert problem_of("own/a+b+channels_last+2") == "own/a+b"


def test_where_any_first_part_has_to_teach_something_the_order_is_kept():
    queue = ScenarioQueue({"short": 1.0, "long": 9.0}, together_s=0.0, in_order=True)

    assert queue.take(1) == ["short"]


def measured(scenario: Scenario, threads: int) -> list[CellResult]:
    return [
        CellResult(
            scenario=one,
            implementation="torch",
            family="vendor",
            status=Status.UNSUPPORTED,
            reason="as good as any to show what was measured",
        )
        for one in under_formats([scenario], FORMATS, threads)
    ]


def test_problems_of_one_id_with_other_values_sizes_or_threads_are_not_taken_for_each_other():
    problem = Problem.of_call((1, 8, 14, 14), (8, 8, 3, 3), padding=1)
    scenario = Scenario(id="own/a", problem=problem)
    results = measured(scenario, 2)
    others = [
        dataclasses.replace(scenario, values="trained"),
        dataclasses.replace(scenario, threads=1),
        dataclasses.replace(scenario, problem=dataclasses.replace(problem, out_channels=16)),
    ]

    assert not_measured([scenario], FORMATS, 2, results) == []
    for other in others:
        assert not_measured([other], FORMATS, 2, results) == [other]
        assert not_measured([other], FORMATS, 2, [*results, *measured(other, 2)]) == []
    assert not_measured([scenario], FORMATS, 1, results) == [scenario]


def test_a_problem_measured_in_one_of_two_formats_is_measured_again():
    scenario = Scenario(id="own/a", problem=Problem.of_call((1, 8, 14, 14), (8, 8, 3, 3)))
    one, _ = measured(scenario, 2)

    assert not_measured([scenario], FORMATS, 2, [one]) == [scenario]
    renamed = dataclasses.replace(scenario, occurrences=3, source="another.yaml")
    assert not_measured([renamed], FORMATS, 2, measured(scenario, 2)) == []
