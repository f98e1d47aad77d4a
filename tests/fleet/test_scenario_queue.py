"""Longest first, short ones together, given back twice and then lost."""

from __future__ import annotations

from suite.fleet.scenario_queue import MOST_RETURNS, ScenarioQueue


def test_the_last_ones_do_not_go_one_by_one_where_beginning_takes_longer():
    queue = ScenarioQueue({f"s{i}": 1.0 for i in range(12)}, together_s=100.0, least_s=5.0)

    assert [len(queue.take(2)) for _ in range(3)] == [5, 5, 2]
    assert not queue.take(2)


def test_the_longest_goes_first_and_alone_where_it_is_long():
    queue = ScenarioQueue({"short": 1.0, "long": 100.0, "middle": 10.0}, together_s=20.0)

    assert queue.take(2) == ["long"]


def test_short_ones_go_together_as_long_as_that_takes_no_longer_than_said():
    queue = ScenarioQueue({f"s{i}": 5.0 for i in range(40)}, together_s=20.0)

    assert len(queue.take(2)) == 4


def test_towards_the_end_each_worker_gets_its_share():
    queue = ScenarioQueue({f"s{i}": 5.0 for i in range(4)}, together_s=1000.0)

    assert [len(queue.take(2)) for _ in range(4)] == [1, 1, 1, 1]


def test_everything_is_handed_out_once():
    estimates = {f"s{i}": float(i % 7 + 1) for i in range(100)}
    queue = ScenarioQueue(estimates, together_s=9.0)
    taken = []
    while part := queue.take(3):
        taken += part

    assert sorted(taken) == sorted(estimates)
    assert queue.left_s == 0


def test_what_was_lost_comes_next_and_alone():
    queue = ScenarioQueue({f"s{i}": 1.0 for i in range(20)}, together_s=5.0)
    taken = queue.take(1)
    queue.give_back(taken, "the worker died")

    assert [queue.take(1) for _ in taken] == [[name] for name in taken]


def test_what_is_lost_once_too_often_is_given_up_with_all_reasons():
    queue = ScenarioQueue({"s": 1.0}, together_s=5.0)
    for attempt in range(MOST_RETURNS + 1):
        lost = queue.give_back(queue.take(1), f"reason {attempt}")

    assert [one.scenario for one in lost] == ["s"]
    assert lost[0].reason == "lost 3 times: reason 0; reason 1; reason 2"
    assert queue.take(1) == []


def test_what_got_further_before_it_was_lost_counts_anew():
    queue = ScenarioQueue({"s": 1.0}, together_s=5.0)
    for _ in range(10):
        assert queue.give_back(queue.take(1), "died", advanced={"s"}) == []
    for _ in range(MOST_RETURNS - 1):
        assert queue.give_back(queue.take(1), "died") == []

    assert [one.scenario for one in queue.give_back(queue.take(1), "died")] == ["s"]


def test_a_return_that_is_nobodys_fault_counts_for_nothing():
    queue = ScenarioQueue({"s": 1.0}, together_s=5.0)
    for _ in range(10):
        assert queue.give_back(queue.take(1)) == []

    assert queue.take(1) == ["s"]
