"""Whose table is believed, and what is said where none is."""

from __future__ import annotations

import dataclasses

import pytest
from building import USUAL, layer, table, trial

from suite.tuning import store
from suite.tuning.advice import _find, _selector_for, advise

CHANNELS = (16, 24, 32, 48, 64, 96, 128, 192)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    _find.cache_clear()
    _selector_for.cache_clear()
    return tmp_path


def write_own(speedups, torch="2.6"):
    facts = store.machine_facts(torch)
    fingerprint = store.fingerprint_of(facts)
    own_table = dataclasses.replace(
        table([trial(layer(c), speedups) for c in CHANNELS], fingerprint), machine=facts
    )
    path = store.table_path(fingerprint)
    store.write_table(own_table, path)
    return path


def test_this_machine_s_table_is_believed():
    write_own({"gemm": 1.8})
    advice = advise(layer(80), USUAL, "2.6")
    assert [prediction.row.name for prediction in advice.predictions] == ["gemm"]
    assert "the table of 2026" in advice.source


def test_without_a_table_the_built_in_model_answers_and_says_how_to_get_one():
    advice = advise(layer(80), USUAL, "2.6")
    assert "built-in model (no table yet: python run_bench.py tune)" in advice.source


def test_another_machine_s_table_is_ignored_with_a_note(folder):
    store.write_table(table([trial(layer(c), {"gemm": 1.8}) for c in CHANNELS]), folder / "x.json")
    advice = advise(layer(80), USUAL, "2.6")
    assert "of another machine or another torch" in advice.source
    assert all(prediction.row.name != "gemm" for prediction in advice.predictions)


def test_a_copied_table_that_only_bears_this_machine_s_name_is_ignored(folder):
    path = write_own({"gemm": 1.8})
    store.write_table(table([trial(layer(c), {"gemm": 1.8}) for c in CHANNELS], "there"), path)
    assert "another machine" in advise(layer(80), USUAL, "2.6").source


def test_another_torch_s_table_is_ignored():
    write_own({"gemm": 1.8}, torch="2.5")
    assert "another torch" in advise(layer(80), USUAL, "2.6").source


def test_a_damaged_table_is_said_to_be_so_and_does_not_stop_anybody():
    path = write_own({"gemm": 1.8})
    path.write_text(path.read_text(encoding="utf-8")[:-40])
    advice = advise(layer(80), USUAL, "2.6")
    assert "not a tuning table" in advice.source
    assert str(path) in advice.source


@pytest.mark.parametrize(
    "other",
    [
        USUAL._replace(dtype="float64"),
        USUAL._replace(memory_format="channels_last"),
        USUAL._replace(threads=1),
    ],
    ids=str,
)
def test_what_was_learnt_under_other_conditions_does_not_count(other):
    write_own({"gemm": 1.8})
    assert f"nothing was tuned for {other}" in advise(layer(80), other, "2.6").source
