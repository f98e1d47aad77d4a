"""A gate goes on after a process was lost that was not at work; the second time ends the cell."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from suite.gate.blocks import BlockRunner, Sides
from suite.gate.decision import CellTimes
from suite.gate.side import BASE, HEAD, NULL
from suite.gate.tally import Tally
from suite.measuring.losses import Lost
from suite.registry.sources import Source
from suite.results.cell import Status
from tests.arms import arm

KEYS = ["s × a", "s × b"]


@pytest.fixture
def runner(scenario, settings, time_spent, monkeypatch):
    base, head, null = (SimpleNamespace(label=label) for label in (BASE, HEAD, NULL))
    runner = BlockRunner((), Sides(base=base, head=head, null=null), settings, time_spent)
    lost = arm("a", "direct", Source("none"))
    runner.tallies = {k: {label: Tally(lost, scenario) for label in (BASE, HEAD)} for k in KEYS}
    monkeypatch.setattr(runner, "_opened", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(runner._judges, "draw_block", lambda: "seed")
    return runner


def lost_in(label: str, key: str, lost_keys: list[str]):
    """Return what measures cells, and loses the judge while `label` works at `key`."""

    def step(asked, *_):
        for asked_key in [asked] if isinstance(asked, str) else asked:
            if asked_key == key:
                lost_keys.append(asked_key)
                raise Lost(Status.CRASHED, "the judge was killed", arm=label)
        return {BASE: 1.0, HEAD: 1.0} if isinstance(asked, str) else True

    return step


def statuses(runner: BlockRunner) -> dict[str, dict[str, Status]]:
    return {
        key: {label: tally.status for label, tally in sides.items()}
        for key, sides in runner.tallies.items()
    }


ONE_FAILED = {
    KEYS[0]: {BASE: Status.PASSED, HEAD: Status.CRASHED},
    KEYS[1]: {BASE: Status.PASSED, HEAD: Status.PASSED},
}


def test_a_block_without_the_judge_is_void_and_the_second_ends_the_side_at_work(
    runner, monkeypatch
):
    lost_keys: list[str] = []
    monkeypatch.setattr(runner, "_undisturbed", lost_in(HEAD, KEYS[0], lost_keys))
    monkeypatch.setattr(runner, "_tallied", lambda *_: CellTimes(base_s=1.0, head_s=1.0))
    request = SimpleNamespace(with_null=())
    sides = (runner._sides.base, runner._sides.head)

    first = runner._measure_scenario(KEYS[::-1], sides, request)
    assert first.keys() == {KEYS[1]}
    assert all(
        status is Status.PASSED for of in statuses(runner).values() for status in of.values()
    )

    runner._measure_scenario(KEYS, sides, request)
    assert statuses(runner) == ONE_FAILED
    assert lost_keys == [KEYS[0]] * 2


def test_gates_are_run_cell_by_cell_until_it_is_known_whose_it_was(runner, monkeypatch):
    lost_keys: list[str] = []
    monkeypatch.setattr(runner, "_checked_at_once", lost_in(HEAD, KEYS[0], lost_keys))
    monkeypatch.setattr(runner, "_processes", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(runner, "_by_scenario", lambda _: [KEYS])

    assert list(runner.check()) == KEYS
    assert statuses(runner) == ONE_FAILED
    assert len(lost_keys) == 3


def test_what_does_not_fit_into_memory_ends_all_its_cells_at_once(runner, monkeypatch):
    def refuse(*_):
        raise Lost(Status.OUT_OF_MEMORY, "needs 45 GiB, 21 GiB are available", final=True)

    monkeypatch.setattr(runner, "_checked_at_once", refuse)

    assert runner._checked(KEYS, ())
    assert {s for of in statuses(runner).values() for s in of.values()} == {Status.OUT_OF_MEMORY}
