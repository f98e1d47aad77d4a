"""Who is fastest, and when that is not said."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from suite.conditions import Scenario
from suite.results.cell import Block, CellResult, Status
from suite.results.contention import Contention
from suite.results.standing import NONE_PASSED, lead, standing

DRIFT = (1.0, 1.3, 0.8, 1.1)
"""How slow the machine was in each block: it hits all arms alike."""


def passed(
    scenario: Scenario,
    name: str,
    times_s: Sequence[float],
    *,
    torch_s: Sequence[float] | None = None,
    seeds: str = "abcdefgh",
    disturbed: bool = False,
) -> CellResult:
    """Return a cell with a block of each time; `torch_s` are the reference's in the same ones."""
    blocks = tuple(
        Block(
            samples_s=(time_s,),
            calls_per_sample=1,
            seed=f"{seeds[number]}-{name}",
            reference_s=None if torch_s is None else torch_s[number],
            contention=Contention(others_share=0.9, disturbed=True) if disturbed else None,
        )
        for number, time_s in enumerate(times_s)
    )
    return CellResult(
        scenario=scenario,
        implementation=name,
        family="direct",
        status=Status.PASSED,
        blocks=blocks,
    )


def test_the_winner_is_who_leaves_every_rival_behind_in_the_blocks_they_share(scenario):
    """Their own intervals overlap widely: the machine drifted by a third from block to block."""
    torch = passed(scenario, "torch", DRIFT, torch_s=DRIFT)
    quick = passed(scenario, "quick", [0.9 * t for t in DRIFT], torch_s=DRIFT)
    slow = passed(scenario, "slow", [0.99 * t for t in DRIFT], torch_s=DRIFT)

    outcome = standing([torch, slow, quick])

    assert outcome.winner is quick
    assert outcome.why_undecided == ""
    assert lead(quick, slow).low == pytest.approx(1.1, rel=1e-6)


def test_a_leader_whose_lead_is_chance_wins_nothing(scenario):
    torch = passed(scenario, "torch", [1.0, 1.0, 1.0, 1.0], torch_s=[1.0] * 4)
    quick = passed(scenario, "quick", [0.5, 1.2, 0.7, 1.3], torch_s=[1.0] * 4)

    outcome = standing([torch, quick])

    assert outcome.leader is quick
    assert outcome.winner is None
    assert outcome.why_undecided == "quick and torch are level"


@pytest.mark.parametrize(("blocks", "why"), [(1, "1 block: no interval"), (2, "2 blocks: no i")])
def test_fewer_than_three_blocks_make_no_winner_however_far_ahead(scenario, blocks, why):
    torch = passed(scenario, "torch", [1.0] * blocks, torch_s=[1.0] * blocks)
    quick = passed(scenario, "quick", [0.1] * blocks, torch_s=[1.0] * blocks)

    outcome = standing([torch, quick])

    assert (outcome.leader, outcome.winner) == (quick, None)
    assert outcome.why_undecided.startswith(why)


@pytest.mark.parametrize(("slow_s", "wins"), [(2.1, True), (1.5, False)])
def test_a_rival_with_too_few_blocks_is_behind_only_where_it_is_far_behind(scenario, slow_s, wins):
    """Two blocks are all that a call of seconds gets; a thousand times slower is no tie."""
    torch = passed(scenario, "torch", [1.0, 1.001, 0.999, 1.0], torch_s=[1.0, 1.001, 0.999, 1.0])
    slow = passed(scenario, "slow", [slow_s] * 2, torch_s=[1.0, 1.001])

    assert (standing([slow, torch]).winner is torch) is wins
    assert wins or standing([slow, torch]).why_undecided == "2 blocks: no interval"


def test_nobody_wins_where_others_took_the_cores_of_any_that_passed(scenario):
    """The one that was disturbed might be the fastest, were it left alone."""
    torch = passed(scenario, "torch", [8.0] * 4, torch_s=[8.0] * 4, disturbed=True)
    quick = passed(scenario, "quick", [1.0] * 4, torch_s=[8.0] * 4)

    outcome = standing([torch, quick])

    assert outcome.winner is None
    assert outcome.why_undecided == "torch disturbed"


def test_without_shared_blocks_the_intervals_of_their_own_decide(scenario):
    first = passed(scenario, "first", [1.0, 1.01, 0.99, 1.0])
    second = passed(scenario, "second", [2.0, 2.01, 1.99, 2.0], seeds="ijklmnop")
    near = passed(scenario, "near", [1.0, 1.02, 0.99, 1.0], seeds="ijklmnop")

    assert standing([second, first]).winner is first
    assert standing([near, first]).winner is None


def test_seeds_that_repeat_pair_nothing(scenario):
    """A record from elsewhere: blocks that cannot be told apart are no pairs."""
    first = passed(scenario, "first", [1.0, 5.0, 1.0, 5.0], seeds="aaaa")
    second = passed(scenario, "second", [1.1, 5.5, 1.1, 5.5], seeds="aaaa")

    assert standing([first, second]).winner is None


def test_those_that_did_not_pass_take_no_part(scenario):
    only = passed(scenario, "only", [1.0])
    failed = dataclasses.replace(only, status=Status.CRASHED, blocks=(), reason="boom")

    assert standing([failed, only]).winner is only
    assert standing([failed]) == standing([])
    assert standing([failed]).why_undecided == NONE_PASSED
