"""What `calibrate` says of blocks whose noise is known, and of a real process."""

from __future__ import annotations

import dataclasses
import json
import math
import random

import pytest

from suite.gate.calibration import calibrate, steady_cells
from suite.gate.decision import CellTimes
from suite.gate.rule import Rule

CELLS = ("calm", "wild")
SPREAD = {"calm": 0.01, "wild": 0.10}


def blocks(count: int, *, seed: int = 0, slower: float = 1.0) -> list[dict[str, CellTimes]]:
    """Draw blocks of three arms; `slower` is a factor of the second one."""
    draw = random.Random(seed)

    def times(cell: str) -> CellTimes:
        base = 1e-3 * math.exp(draw.gauss(0, 0.2))
        base_s, head_s, null_s = (
            base * math.exp(draw.gauss(0, SPREAD[cell] / math.sqrt(2))) for _ in range(3)
        )
        return CellTimes(base_s=base_s, head_s=slower * head_s, null_s=null_s)

    return [{cell: times(cell) for cell in CELLS} for _ in range(count)]


def test_spread_and_what_can_be_seen_follow_the_noise():
    found = calibrate(blocks(60), Rule(margin=0.05), wished=0.10, block_s=2.0)
    calm, wild = found.cells
    assert calm.spread == pytest.approx(0.01, rel=0.35)
    assert wild.spread == pytest.approx(0.10, rel=0.35)
    assert 0.05 < calm.visible < 0.07 < wild.visible
    assert calm.blocks_wished == Rule.least_blocks
    assert wild.blocks_wished > 20


def test_a_wish_within_the_noise_of_every_run_is_said_to_be_impossible():
    found = calibrate(blocks(20), Rule(margin=0.05), wished=0.0501, block_s=2.0)
    assert all(cell.blocks_wished is None for cell in found.cells)
    assert found.seconds_for(found.cells) is None


def test_seconds_count_the_screen_of_all_cells_and_the_blocks_of_those_asked_for():
    rule = Rule(margin=0.05)
    found = calibrate(blocks(60), rule, wished=0.10, block_s=4.0)
    calm = found.cells[0]
    assert found.seconds_for([calm]) == rule.screen_blocks * 4.0 + calm.blocks_wished * 2.0


def test_equal_code_gives_no_false_alarm_and_an_honest_bound():
    alarms = calibrate(blocks(24), Rule(), wished=0.10, block_s=1.0).false_alarms
    assert (alarms.runs, alarms.runs_failing, alarms.cells_flagged) == (24, 0, 0)
    assert alarms.most_failing == pytest.approx(1 - 0.05 ** (1 / 24), rel=1e-3)


def test_a_planted_slowdown_in_one_arm_shows_as_false_alarms():
    alarms = calibrate(blocks(40, slower=1.3), Rule(), wished=0.10, block_s=1.0).false_alarms
    assert alarms.runs_failing > 0
    assert alarms.cells_flagged > 0


@pytest.mark.slow
def test_the_command_measures_real_processes(command, tiny, tmp_path):
    words = ("--impl", "torch", "--threads", 1, "--scenario", "*/a", "--blocks", 8)
    said = command("calibrate", tiny, *words, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert "tiny/a × torch" in said.out
    assert "of 6 decisions on equal code failed" in said.out
    record = json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))
    assert record["cells"][0]["blocks"] == 8
    assert record["cells"][0]["base_s"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--margin", "0.05", "--see", "0.04"), "not beyond the margin"),
        (("--blocks", "3"), "not a whole number of 8 or more"),
        (("--impl", "torhc"), 'Did you mean "torch"?'),
    ],
)
def test_bad_input_is_one_message(command, tiny, words, said):
    answer = command("calibrate", tiny, *words)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_cells_that_others_disturbed_are_left_out_and_their_blocks_decide_nothing():
    measured = blocks(20)
    for number, block in enumerate(measured):
        block["wild"] = dataclasses.replace(block["wild"], disturbed=True)
        if number % 4 == 0:
            block["calm"] = dataclasses.replace(block["calm"], head_s=1.0, disturbed=True)

    found = calibrate(measured, Rule(margin=0.05), wished=0.10, block_s=1.0)

    assert [cell.cell for cell in found.cells] == ["calm"]
    assert found.cells[0].blocks == 15
    assert found.cells[0].spread < 0.02
    assert found.false_alarms.runs_failing == 0
    assert steady_cells([{"wild": block["wild"]} for block in measured]) == []
