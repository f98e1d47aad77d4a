"""What an arm does in others' time counts against it, and what is done to it for nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from suite.measuring import conduct
from suite.measuring.conduct import Conduct


@dataclass
class SeenTree:
    """A process tree that uses processor time as it is told."""

    used_s: float = 0.0
    changed: list[str] = field(default_factory=list)
    left: int = 0
    lasts: bool = False

    def cpu_s(self) -> float:
        return self.used_s

    def stop(self) -> None:
        """Nothing here goes on by itself."""

    def end_detached(self) -> int:
        return self.left

    def changes(self) -> list[str]:
        changed = self.changed
        self.changed = changed if self.lasts else []
        return changed


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on when it is told; the last entry counts."""
    now = [100.0]
    monkeypatch.setattr(conduct.time, "monotonic", lambda: now[-1])
    return now


def turn(cell: Conduct, tree: SeenTree, clock: list[float], held_s: float, used_s: float) -> None:
    cell.enter(tree)
    clock.append(clock[-1] + held_s)
    tree.used_s += used_s
    cell.leave(tree, timed=True)


def away(cell: Conduct, tree: SeenTree, clock: list[float], away_s: float, used_s: float) -> None:
    cell.let_go(tree)
    clock.append(clock[-1] + away_s)
    tree.used_s += used_s
    cell.seize(tree)


def block(cell: Conduct, tree: SeenTree, clock: list[float], busy_s: float, cores: float) -> None:
    for _ in range(2):
        turn(cell, tree, clock, 0.1, 0.1 * cores)
        away(cell, tree, clock, 0.5, busy_s / 2)
    turn(cell, tree, clock, 0.1, 0.1 * cores)


def test_work_in_ones_own_turns_is_nobody_s_concern(clock):
    cell, tree = Conduct(), SeenTree()
    block(cell, tree, clock, 0.0, 2.0)
    assert (cell.void(), cell.fault(2)) == (None, None)
    assert cell.busy_share == 0


def test_pools_that_spin_for_some_milliseconds_are_no_work_in_others_turns(clock):
    cell, tree = Conduct(), SeenTree()
    for _ in range(5):
        block(cell, tree, clock, 0.018, 1.0)
        assert cell.void() is None
        cell.end_block()
    assert cell.fault(1) is None


def test_work_in_others_turns_voids_a_block_and_the_second_time_the_cell(clock):
    cell, tree = Conduct(), SeenTree()
    block(cell, tree, clock, 0.4, 1.0)
    assert cell.void() == "it took 40% of a core when it was not its turn"
    assert cell.fault(1) is None
    cell.end_block()
    block(cell, tree, clock, 0.0, 1.0)
    assert (cell.void(), cell.fault(1)) == (None, None)
    cell.end_block()
    block(cell, tree, clock, 0.9, 1.0)
    fault = cell.fault(1)
    assert fault
    assert "took 90% of a core there, in 2 blocks" in fault


def test_what_was_done_to_it_in_its_turn_voids_the_block_and_is_not_its_fault(clock):
    cell, tree = Conduct(), SeenTree()
    for _ in range(3):
        cell.enter(tree)
        tree.changed = ["priority 0 → 19"]
        cell.leave(tree, timed=True)
        assert cell.void() == "something changed its process: priority 0 → 19"
        assert cell.fault(1) is None
        cell.end_block()
    assert cell.void() is None


def test_what_was_done_before_its_turn_and_put_back_is_said_and_spoils_nothing(clock):
    cell, tree = Conduct(), SeenTree(changed=["priority 0 → 19"])
    turn(cell, tree, clock, 0.1, 0.1)
    assert cell.void() is None
    assert cell.undone == ["priority 0 → 19"]


def test_what_cannot_be_put_back_before_its_turn_voids_the_block(clock):
    cell, tree = Conduct(), SeenTree(changed=["priority 0 → 19"], lasts=True)
    turn(cell, tree, clock, 0.1, 0.1)
    assert cell.void() == "something changed its process: priority 0 → 19"


def test_more_cores_than_threads_in_every_turn_are_a_fault_and_in_some_are_none(clock):
    cell, tree = Conduct(), SeenTree()
    block(cell, tree, clock, 0.0, 1.9)
    assert cell.fault(1) == "used 1.9 cores in each of its turns, and was given 1 thread"
    assert cell.fault(2) is None
    assert cell.fault(None) is None
    turn(cell, tree, clock, 0.1, 0.1)
    assert cell.fault(1) is None


def test_what_it_left_behind_is_counted(clock):
    cell, tree = Conduct(), SeenTree(left=2)
    turn(cell, tree, clock, 0.1, 0.1)
    assert cell.detached == 2
