"""What docs/gate.md claims, held against the recorded samples. No timing: the data is fixed."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.studies.gate.replay import MARGIN, gate, rival
from tests.studies.gate.rivals import RIVALS
from tests.studies.gate.samples import FILE, Recording, read


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read()


@pytest.fixture(scope="module")
def ours(recording):
    return gate(recording, MARGIN)


def test_the_recording_is_as_large_as_the_document_says(recording):
    assert f"{len(recording.seconds)} blocks" in (ROOT / "docs/gate.md").read_text(encoding="utf-8")
    assert len(recording.cells) >= 20
    assert FILE.stat().st_size < 3e6


@pytest.mark.slow
def test_no_decision_on_equal_code_fails(ours):
    assert ours.same_runs >= 60
    assert ours.same_runs_failing == ours.same_cells_flagged == ours.blamed == 0


@pytest.mark.slow
def test_a_load_that_starts_halfway_fails_nothing(ours):
    assert ours.halfway_runs > 0
    assert ours.halfway_failing == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pytest-benchmark median:5%", "pytest-benchmark median:10%"])
def test_medians_of_separate_runs_fail_on_equal_code(recording, ours, name):
    rule = next(rule for rule in RIVALS if rule.name == name)
    found = rival(recording, rule, "its own", ours.power["plus05"])
    assert found.failing > 0.5
    assert found.failing_at_equal_power > 0.5
