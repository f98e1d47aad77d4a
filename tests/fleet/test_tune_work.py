"""What `tune` makes of records: kept as they come, a problem done when its command has ended."""

from __future__ import annotations

from commands._fleet_tune import WHOLE, TuneWork, problem_of
from suite.fleet.scenario_queue import ScenarioQueue
from suite.fleet.work import Texts


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
