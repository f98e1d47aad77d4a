"""The replay on samples that are made up: what is planted must come out."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.gate.replay import gate, report, rival
from tests.studies.gate.rivals import RIVALS
from tests.studies.gate.samples import ARMS, SAMPLES, Recording

SHARES = {"plus03": 0.03, "plus05": 0.05, "plus10": 0.10}


def made_up(*, spread: float = 0.015, drift: float = 0.10, bias: float = 0.0) -> Recording:
    """Return 54 blocks of six cells: processes differ by `spread`, blocks drift by `drift`.

    `bias` makes the arm `same` slower than `base`, which the replay must report as false alarms.
    """
    draw = np.random.default_rng(0)
    blocks, cells = 54, 6
    times = np.exp(draw.normal(0, spread, (blocks, cells, len(ARMS), 1)))
    times = times * (1 + np.abs(draw.normal(0, 0.02, (blocks, cells, len(ARMS), SAMPLES))))
    times *= 1e-3 * np.exp(draw.normal(0, drift, (blocks, 1, 1, 1)))
    for number, arm in enumerate(ARMS):
        times[:, :, number] *= 1 + SHARES.get(arm, bias if arm == "same" else 0.0)
    return Recording(
        cells=tuple(f"scenario-{number} × vendor" for number in range(cells)),
        sitting_names=("one",),
        seconds=times,
        sittings=np.zeros(blocks, int),
        busy=np.arange(blocks) >= 40,
        wall_s=np.full(blocks, 12.0),
        start_s=np.full(blocks, 3.0),
        load_1min=np.zeros(blocks),
        machine={"cpu": "made up", "torch": "0"},
    )


def test_equal_arms_never_fail_and_slowed_ones_are_caught():
    found = gate(made_up(), margin=0.02)
    assert found.same_runs == 19 * 6
    assert found.same_runs_failing == found.same_cells_flagged == found.blamed == 0
    assert found.halfway_runs > 0
    assert found.power["plus10"] == 1.0
    assert found.power["plus05"] > 0.8


def test_an_arm_that_is_really_slower_shows_up_among_the_equal_ones():
    assert gate(made_up(bias=0.10), margin=0.02).same_runs_failing > 0


@pytest.mark.parametrize("schedule", ["its own", "ours"])
def test_medians_of_separate_processes_alarm_on_drift(schedule):
    rule = next(rule for rule in RIVALS if rule.name.endswith("median:5%"))
    found = rival(made_up(), rule, schedule, power_at_5=0.8)
    if schedule == "ours":
        assert found.power["plus10"] > 0.9
    else:
        assert found.failing > 0.3
        assert found.failing_at_equal_power > 0.3


def test_the_report_names_every_rule_on_both_schedules():
    for tool in ("asv", "pyperf"):  # of the extra `studies`
        pytest.importorskip(tool)
    text, numbers = report(made_up())
    assert len(numbers["theirs"]) == 2 * len(RIVALS)
    assert all(sum(rule.name in line for line in text) == 2 for rule in RIVALS)
    assert sum("**gate**" in line for line in text) == 2
