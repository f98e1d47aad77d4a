"""The other tools' rules say what these tools say; cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.gate.rivals import NEVER, RIVALS, asv_factor, change_of_median, clear_gap

EXTRA = ("asv", "pyperf")
"""What the extra `studies` brings."""


def samples(*values: float) -> np.ndarray:
    return np.array([values])


STEADY = np.linspace(1.0, 1.02, 12).reshape(1, -1)


@pytest.mark.parametrize("rule", RIVALS, ids=lambda rule: rule.name)
def test_every_rule_sees_double_time_and_passes_equal_samples(rule):
    if rule.name.startswith(EXTRA):
        pytest.importorskip(rule.name.split()[0])
    assert rule.score(STEADY, 2 * STEADY) > rule.threshold
    assert not rule.score(STEADY, STEADY) > rule.threshold
    assert not rule.score(2 * STEADY, STEADY) > rule.threshold


def test_pytest_benchmark_compares_medians():
    assert change_of_median(samples(1, 2, 9), samples(2.2, 0, 5)) == pytest.approx(0.1)


def test_asv_finds_six_against_six_samples_never_different():
    pytest.importorskip("asv")
    # Its check for enough data takes a one-sided p, its test a two-sided one.
    old = samples(1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    assert asv_factor(old, 10 * old) == NEVER


def test_nvbench_wants_a_gap_between_minimum_and_third_quartile():
    old, new = samples(1.0, 1.0, 1.0, 1.0), samples(1.1, 1.2, 1.3, 1.4)
    assert clear_gap(old, new) == pytest.approx(0.1)
    assert clear_gap(samples(1.0, 1.0, 1.2, 1.3), new) < 0
