"""What was measured in a network is what is said of these very problems, and of no others."""

from __future__ import annotations

import pytest
from building import USUAL, layer, trial

from suite.tuning.advice import advise
from suite.tuning.remembered import SUFFIX, _known, recall, remember


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    _known.cache_clear()
    return tmp_path


def named(problem):
    return [prediction.row.name for prediction in advise(problem, USUAL, "2.6").predictions]


def test_a_measured_problem_gets_the_row_that_was_fastest_on_it():
    remember([trial(layer(80), {"quick": 1.5, "quicker": 2.0, "slow": 0.7})], "2.6")

    assert named(layer(80)) == ["quicker", "quick"]
    assert advise(layer(80), USUAL, "2.6").source == "what was measured on it in a network"
    assert "quicker" not in named(layer(96))


def test_a_problem_on_which_nothing_won_stays_torch_s():
    remember([trial(layer(80), {"slow": 0.7})], "2.6")

    assert named(layer(80)) == []


def test_what_is_measured_again_replaces_what_was_and_the_rest_stays():
    remember([trial(layer(80), {"quick": 2.0}), trial(layer(96), {"other": 1.2})], "2.6")
    remember([trial(layer(80), {"quick": 0.8})], "2.6")

    assert named(layer(80)) == []
    assert named(layer(96)) == ["other"]


def test_another_torch_or_other_conditions_know_nothing_of_it():
    remember([trial(layer(80), {"quick": 2.0})], "2.6")

    assert recall(layer(80), USUAL, "2.7") is None
    assert recall(layer(80), USUAL._replace(threads=7), "2.6") is None


def test_a_damaged_file_is_replaced_by_the_next(folder):
    path = remember([trial(layer(80), {"quick": 2.0})], "2.6")
    path.write_text("{")
    _known.cache_clear()
    assert recall(layer(80), USUAL, "2.6") is None

    remember([trial(layer(96), {"quick": 2.0})], "2.6")
    assert recall(layer(96), USUAL, "2.6") is not None


def test_a_copy_of_another_machine_s_file_is_not_believed(folder):
    path = remember([trial(layer(80), {"quick": 2.0})], "2.6")
    text = path.read_text().replace(path.stem, "another")
    path.write_text(text)
    _known.cache_clear()

    assert path.suffix == SUFFIX
    assert recall(layer(80), USUAL, "2.6") is None
