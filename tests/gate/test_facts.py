"""What is worse without a clock, and what is not."""

from __future__ import annotations

import dataclasses

import pytest

from suite.gate.facts import Check, Facts, findings
from suite.results.cell import Status

BASE = Facts(
    status=Status.PASSED,
    rel_l2_error=2e-7,
    worst_error_ratio=0.2,
    peak_bytes=10 * 2**20,
    most_peak_bytes=10 * 2**20 + 4096,
    operators=("conv2d", "mkldnn_convolution"),
    vendor="mkldnn_convolution",
)


def checks(**changes: object) -> list[Check]:
    head = dataclasses.replace(BASE, **changes)
    return [found.check for found in findings(BASE, head, "float32")]


def test_equal_facts_give_no_finding():
    assert checks() == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"status": Status.INCORRECT}, Check.CORRECTNESS),
        ({"status": Status.CRASHED}, Check.CORRECTNESS),
        ({"status": Status.UNSUPPORTED}, Check.COVERAGE),
        ({"rel_l2_error": 4e-7}, Check.ACCURACY),
        ({"peak_bytes": 12 * 2**20}, Check.MEMORY),
        ({"operators": ("conv2d", "mkldnn_convolution", "neg")}, Check.OPERATORS),
        ({"vendor": "slow_conv2d_forward"}, Check.ALGORITHM),
    ],
)
def test_each_way_of_being_worse_is_one_finding(changes, check):
    assert checks(**changes) == [check]


@pytest.mark.parametrize(
    "changes",
    [
        {"rel_l2_error": 1e-8},
        {"rel_l2_error": 2.4e-7},
        {"peak_bytes": 5 * 2**20},
        {"peak_bytes": 10 * 2**20 + 4096},
        {"peak_bytes": 10 * 2**20 + 350_000},
        {"operators": ("conv2d",)},
        {"vendor": None},
        {"peak_bytes": None, "operators": None, "rel_l2_error": None},
    ],
)
def test_better_equal_or_unknown_is_no_finding(changes):
    assert checks(**changes) == []


def test_what_base_could_not_do_either_is_no_finding():
    wrong = dataclasses.replace(BASE, status=Status.INCORRECT)
    assert findings(wrong, wrong, "float32") == []
    assert findings(wrong, BASE, "float32") == []


def test_an_added_operator_is_named():
    head = dataclasses.replace(BASE, operators=(*BASE.operators, "neg"))
    assert findings(BASE, head, "float32")[0].text == "operator calls 2 → 3: neg"
