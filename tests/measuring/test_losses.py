"""What the death of a process costs that was not at work: whoever did nothing is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from suite.measuring.arm import Arm
from suite.measuring.losses import Lost, in_spite_of_losses
from suite.registry.sources import Source
from suite.results.cell import Status
from tests.arms import arm

ARMS = [arm(name, "direct", Source("none")) for name in ("torch", "a", "b", "c", "d")]


@dataclass(frozen=True)
class Result:
    implementation: str
    status: Status
    reason: str = ""


@dataclass
class Attempt:
    """Some arms, of which `kill` says what becomes of the attempt once an arm is at work."""

    arms: Sequence[Arm]
    kill: Callable[[str, Sequence[str]], Lost | None]
    asked: str | None = None

    def results(self):
        names = [arm.name for arm in self.arms]
        for name in names:
            self.asked = name
            if lost := self.kill(name, names):
                raise lost
        yield from (Result(name, Status.PASSED) for name in names)

    def at_work_last(self, besides):
        return self.asked if self.asked != besides else None

    def failed(self, names, status, reason):
        yield from (Result(name, status, reason) for name in names)


def measured(kill, arms=ARMS, reference="torch"):
    attempts: list[list[str]] = []

    def begin(some):
        attempts.append([arm.name for arm in some])
        return Attempt(some, kill)

    results = list(in_spite_of_losses(arms, reference, begin))
    names = [result.implementation for result in results]
    assert sorted(names) == sorted(arm.name for arm in arms), "each once"
    return {result.implementation: result.status for result in results}, attempts


def lost() -> Lost:
    return Lost(Status.CRASHED, "the judge was killed")


def all_passed_but(*failed: str) -> dict[str, Status]:
    names = (arm.name for arm in ARMS)
    return {name: Status.CRASHED if name in failed else Status.PASSED for name in names}


def test_what_happens_once_costs_nobody_his_cell():
    times = iter([lost()])
    statuses, attempts = measured(lambda name, _: next(times, None) if name == "b" else None)

    assert statuses == all_passed_but()
    assert len(attempts) == 3


@pytest.mark.parametrize("killers", [("a",), ("d",), ("a", "b"), ("a", "b", "c", "d")])
def test_rows_that_do_it_every_time_are_found_among_the_others(killers):
    statuses, _ = measured(lambda name, _: lost() if name in killers else None)

    assert statuses == all_passed_but(*killers)


@pytest.mark.parametrize("victim", ["torch", "b", "d"])
def test_a_row_that_does_it_in_others_turns_is_found(victim):
    """As a process does that it has left behind."""

    def kill(name: str, names: Sequence[str]) -> Lost | None:
        return lost() if "c" in names and name in (victim, names[-1]) else None

    assert measured(kill)[0] == all_passed_but("c")


def test_a_lone_row_gets_a_second_chance_and_the_reference_its_time():
    statuses, attempts = measured(lambda name, _: lost() if name == "a" else None, ARMS[:2])

    assert statuses == {"torch": Status.PASSED, "a": Status.CRASHED}
    assert attempts == [["torch", "a"], ["torch", "a"], ["torch"]]


def test_a_reference_that_does_it_alone_is_not_tried_for_ever():
    statuses, attempts = measured(lambda name, _: lost() if name == "torch" else None, ARMS[:1])

    assert statuses == {"torch": Status.CRASHED}
    assert len(attempts) == 2


def test_what_would_not_change_is_not_tried_again():
    no_room = Lost(Status.OUT_OF_MEMORY, "needs 45 GiB, 21 GiB are available", final=True)
    statuses, attempts = measured(lambda *_: no_room)

    assert set(statuses.values()) == {Status.OUT_OF_MEMORY}
    assert len(attempts) == 1


def test_without_a_reference_each_is_measured_alone_in_the_end():
    statuses, _ = measured(lambda name, _: lost() if name == "b" else None, reference=None)

    assert statuses == all_passed_but("b")


def test_it_ends_even_if_every_attempt_is_lost():
    statuses, attempts = measured(lambda *_: lost())

    assert set(statuses.values()) == {Status.CRASHED}
    assert len(attempts) < 20
