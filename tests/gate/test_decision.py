"""Verdicts from blocks whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from suite.gate.decision import CellTimes, Decision
from suite.gate.rule import Rule
from suite.gate.verdict import Stage, TimeVerdict, Verdict
from suite.stats.false_discovery import adjusted_p

CELLS = [f"c{number}" for number in range(20)]

Slowdown = Callable[[str, Stage], float]


def drive(
    cells: list[str],
    slowdown: Slowdown,
    *,
    rule: Rule | None = None,
    spread: float = 0.02,
    null_bias: float = 0.0,
    seed: int = 0,
) -> tuple[dict[str, TimeVerdict], Decision]:
    """Feed a decision with drawn blocks; every block shares a drift, as a real machine's do."""
    draw = random.Random(seed)
    decision = Decision(cells, rule or Rule(), seed=seed)
    while request := decision.next_block():
        drift = math.exp(draw.gauss(0, 0.2))
        block = {}
        for cell in request.cells:
            base_s = 1e-3 * drift * math.exp(draw.gauss(0, spread / 2))
            head_s = base_s * slowdown(cell, request.stage) * math.exp(draw.gauss(0, spread))
            bias = null_bias * (1 if cell in CELLS[::2] else -1)
            null_s = base_s * math.exp(draw.gauss(bias, spread))
            block[cell] = CellTimes(
                base_s=base_s, head_s=head_s, null_s=null_s if cell in request.with_null else None
            )
        decision.add(block)
    return decision.verdicts(), decision


def test_equal_revisions_never_fail():
    failing = 0
    for seed in range(25):
        verdicts, _ = drive(CELLS, lambda *_: 1.0, rule=Rule(margin=0.02), seed=seed)
        failing += any(found.verdict is Verdict.REGRESSED for found in verdicts.values())
    assert failing == 0


def test_equal_revisions_are_said_to_be_fine_at_the_usual_margin():
    verdicts, _ = drive(CELLS, lambda *_: 1.0)
    assert {found.verdict for found in verdicts.values()} == {Verdict.FINE}
    assert all(found.ratio_high < 1.05 for found in verdicts.values())


def test_a_slow_cell_is_caught_and_its_neighbours_are_not():
    verdicts, _ = drive(CELLS, lambda cell, _: 1.15 if cell == "c3" else 1.0)
    assert [c for c, v in verdicts.items() if v.verdict is Verdict.REGRESSED] == ["c3"]
    slow = verdicts["c3"]
    assert slow.stage is Stage.CONFIRM
    assert slow.ratio_low < 1.15 < slow.ratio_high
    assert slow.adjusted_p < 0.05
    assert slow.smallest_visible < 0.15


def test_all_cells_slower_is_no_drift_to_be_divided_away():
    verdicts, _ = drive(CELLS, lambda *_: 1.15)
    assert {found.verdict for found in verdicts.values()} == {Verdict.REGRESSED}


def test_what_only_the_screen_saw_does_not_count():
    verdicts, _ = drive(CELLS, lambda _, stage: 1.3 if stage is Stage.SCREEN else 1.0)
    assert all(found.verdict is not Verdict.REGRESSED for found in verdicts.values())


def test_noise_beyond_the_margin_cannot_be_told_and_says_what_could_be_seen():
    verdicts, _ = drive(["a", "b"], lambda *_: 1.0, spread=0.5)
    for found in verdicts.values():
        assert found.verdict is Verdict.CANNOT_TELL
        assert found.why
        assert found.smallest_visible > 0.2


def test_an_improvement_is_shown_and_never_fails():
    verdicts, _ = drive(CELLS, lambda cell, _: 0.5 if cell == "c1" else 1.0)
    assert verdicts["c1"].verdict is Verdict.FINE
    assert [cell for cell, found in verdicts.items() if found.improved] == ["c1"]


def test_a_bias_that_survives_pairing_enters_the_interval():
    calm, _ = drive(CELLS, lambda *_: 1.0, seed=1)
    biased, _ = drive(CELLS, lambda *_: 1.0, null_bias=0.06, seed=1)
    assert biased["c0"].bias > 0.02 > calm["c0"].bias
    assert biased["c0"].ratio_high - biased["c0"].ratio_low > 0.08


def test_one_disturbed_block_in_twelve_makes_no_regression():
    draw = random.Random(3)
    decision = Decision(["a"], Rule(margin=0.02), seed=3)
    while request := decision.next_block():
        factor = 3.0 if request.stage is Stage.CONFIRM and request.number == 4 else 1.0
        head_s = 1e-3 * factor * math.exp(draw.gauss(0, 0.02))
        decision.add({"a": CellTimes(base_s=1e-3, head_s=head_s)})
    assert decision.verdicts()["a"].verdict is not Verdict.REGRESSED


def test_fewer_than_four_blocks_tell_nothing():
    decision = Decision(["a"], Rule())
    for _ in range(3):
        assert decision.next_block()
        decision.add({"a": CellTimes(base_s=1e-3, head_s=3e-3)})
    found = decision.verdicts()["a"]
    assert found.verdict is Verdict.CANNOT_TELL
    assert "3 blocks" in found.why


def test_the_null_arm_takes_part_in_a_quarter_and_in_others_the_next_time():
    decision = Decision(CELLS, Rule(), seed=0)
    first = decision.next_block().with_null
    assert len(first) == 5
    draw = random.Random(0)
    while request := decision.next_block():
        if request.stage is Stage.CONFIRM:
            break
        decision.add(
            {c: CellTimes(base_s=1e-3, head_s=1.2e-3 * draw.uniform(0.9, 1.1)) for c in CELLS}
        )
    assert not request.with_null & first


def test_too_little_time_leaves_out_what_looks_least_like_a_regression():
    draw = random.Random(0)
    decision = Decision(["slow", "doubtful"], Rule(screen_blocks=4), seed=0)
    factors = {"slow": 1.5, "doubtful": 1.04}
    while decision.next_block().stage is Stage.SCREEN:
        decision.add(
            {
                cell: CellTimes(base_s=1e-3, head_s=1e-3 * factor * draw.uniform(0.98, 1.02))
                for cell, factor in factors.items()
            }
        )
    decision.afford(15)
    assert decision.next_block().cells == ("slow",)


def test_a_dropped_cell_is_asked_for_no_more():
    decision = Decision(["a", "b"], Rule())
    decision.add({"a": CellTimes(base_s=1e-3, head_s=1e-3)})
    decision.drop("b")
    assert decision.next_block().cells == ("a",)


def test_adjusted_p_is_benjamini_and_hochbergs():
    from scipy.stats import false_discovery_control

    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.5}
    wanted = false_discovery_control(list(p.values()))
    assert [adjusted_p(p, len(p))[cell] for cell in p] == pytest.approx(list(wanted))


def test_suspects_without_blocks_count_in_the_adjustment():
    assert adjusted_p({"a": 0.01}, 10) == {"a": pytest.approx(0.1)}


def test_a_change_below_a_microsecond_is_no_regression():
    rule = Rule()
    assert rule.limit(5e-6) == pytest.approx(math.log(1.2))
    assert rule.limit(1e-3) == pytest.approx(math.log(1.05))


def test_a_cell_dropped_after_its_screen_still_has_a_verdict():
    decision = Decision(["a"], Rule())
    for _ in range(5):
        decision.add({"a": CellTimes(base_s=1e-3, head_s=1.001e-3)})
    decision.drop("a")
    assert decision.next_block() is None
    assert decision.verdicts()["a"].verdict is Verdict.FINE


@pytest.mark.parametrize("factor", [3.0, 1.0])
def test_blocks_in_which_others_took_the_cores_decide_nothing(factor):
    """Neither a regression nor its absence: what was timed is mostly who waited for a core."""
    decision = Decision(["a"], Rule(), seed=0)
    while request := decision.next_block():
        times = CellTimes(base_s=1e-3, head_s=factor * 1e-3, disturbed=True)
        decision.add(dict.fromkeys(request.cells, times))

    verdict = decision.verdicts()["a"]
    assert verdict.verdict is Verdict.CANNOT_TELL
    assert verdict.why.startswith("others took the cores in 6 of 6 blocks, and 4 undisturbed")


def test_undisturbed_blocks_decide_beside_disturbed_ones():
    decision = Decision(["a"], Rule(), seed=0)
    number = 0
    while request := decision.next_block():
        number += 1
        is_disturbed = number % 3 == 0
        slower = 0.1 if is_disturbed else 3.0
        times = CellTimes(base_s=1e-3, head_s=slower * 1e-3, disturbed=is_disturbed)
        decision.add(dict.fromkeys(request.cells, times))

    verdict = decision.verdicts()["a"]
    assert verdict.verdict is Verdict.REGRESSED
    assert verdict.ratio == pytest.approx(3.0)


def test_a_suspect_whose_fresh_blocks_were_all_disturbed_says_so():
    decision = Decision(["a"], Rule(), seed=0)
    while request := decision.next_block():
        is_disturbed = request.stage is Stage.CONFIRM
        times = CellTimes(base_s=1e-3, head_s=3e-3, disturbed=is_disturbed)
        decision.add(dict.fromkeys(request.cells, times))

    verdict = decision.verdicts()["a"]
    assert verdict.verdict is Verdict.CANNOT_TELL
    assert verdict.why.startswith("others took the cores in ")
    assert verdict.disturbed > 0
