"""`tune` as a user runs it: real processes, tiny budgets, wrong input."""

from __future__ import annotations

import json

import pytest

from suite.results.folder import RESULTS, read_results
from suite.tuning import store

ROWS = ("--impl", "kn2row", "--impl", "gemm_1x1")
LAYERS = """\
name: own
layers:
  - {id: a, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3, padding: 1}
  - {id: b, in_channels: 4, out_channels: 4, input_size: 6, kernel_size: 1}
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(LAYERS)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path / "tuning"))
    return tmp_path / "tuning"


def only_table(folder) -> store.TuningTable:
    (path,) = folder.glob("*.json")
    return store.read_table(path)


def test_measures_writes_a_table_and_says_what_it_learnt(command, own, folder):
    said = command("tune", own, *ROWS, "--budget", 60, "--threads", 1)
    assert said.code == 0, said.err
    trials = only_table(folder).trials
    assert len(trials) == 4  # two problems in two memory formats
    assert {trial.conditions.memory_format for trial in trials} == {"contiguous", "channels_last"}
    assert {trial.conditions.threads for trial in trials} == {1}
    rows = {seen.row.name: seen.row.module for trial in trials for seen in trial.measured}
    # A row whose times spread widely teaches nothing: it is measured, and in no trial.
    assert rows.items() <= {"kn2row": "impls.gemm", "gemm_1x1": "impls.gemm"}.items()
    measured = [cell for file in folder.rglob(RESULTS) for cell in read_results(file.parent)]
    assert {cell.implementation for cell in measured} == {"torch", "kn2row", "gemm_1x1"}
    for word in ("[4/4]", "dense", "pointwise", "all", "auto over torch", str(folder)):
        assert word in said.out
    for words in ("over torch on these 2 layers", "expected on layers that were not measured: "):
        assert said.out.count(words) == 2  # in each memory format
    assert "goes on from here" not in said.out

    again = command("tune", own, *ROWS, "--budget", 60, "--threads", 1)
    assert again.code == 0
    assert "[4/4]" not in again.out  # nothing left to measure


def test_a_budget_too_small_for_all_of_it_says_how_to_go_on(command, own, folder):
    one_format = ("--memory-format", "contiguous", "--threads", 1)
    said = command("tune", own, *ROWS, *one_format, "--budget", 0.01)
    assert said.code == 0, said.err
    assert "goes on from here" in said.out
    assert len(only_table(folder).trials) == 1
    said = command("tune", own, *ROWS, *one_format, "--budget", 60)
    assert "[2/2]" in said.out
    assert len(only_table(folder).trials) == 2


def test_fresh_forgets_what_was_measured(command, own, folder):
    one_format = (*ROWS, "--memory-format", "contiguous", "--threads", 1, "--budget", 0.01)
    command("tune", own, *one_format)
    (results,) = folder.glob("*/results.jsonl")
    before = results.read_text(encoding="utf-8")
    said = command("tune", own, *one_format, "--fresh")
    assert said.code == 0, said.err
    assert "[1/2]" in said.out
    assert results.read_text(encoding="utf-8") != before


def test_a_damaged_table_is_written_anew_from_what_was_measured(command, own, folder):
    one_format = (*ROWS, "--memory-format", "contiguous", "--threads", 1)
    command("tune", own, *one_format, "--budget", 0.01)
    (path,) = folder.glob("*.json")
    path.write_text("{")
    assert command("tune", own, *one_format, "--budget", 0).code == 0
    assert json.loads(path.read_text(encoding="utf-8"))["trials"]


WRONG = {
    "nothing measured": (("--budget", 0), "nothing measured yet"),
    "no such row": (("--impl", "unflod"), 'Did you mean "unfold"'),
    "only rows that it may not choose": (("--impl", "nnpack"), "error_factor of at most 4"),
    "a GPU": (("--device", "cuda"), "chooses on the CPU only"),
    "a negative budget": (("--budget", -1), "is not a number of 0 or more"),
    "an unknown format": (("--memory-format", "nhwc"), "invalid choice"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_told_in_one_message(command, own, words, message):
    said = command("tune", own, *words)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


def test_a_backward_scenario_is_refused(command, tmp_path):
    path = tmp_path / "back.yaml"
    path.write_text(LAYERS.replace("name: own", "name: own\ndefaults: {direction: backward_data}"))
    said = command("tune", path)
    assert said.code == 2
    assert "forward on the CPU only" in said.err


def test_values_that_auto_cannot_know_of_are_refused_and_a_network_s_own_are_not(command, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(LAYERS.replace("name: own", "name: own\ndefaults: {weight_values: denormal}"))
    said = command("tune", path)
    assert said.code == 2
    assert "own/a: denormal weights; auto chooses before it sees any" in said.err
    path.write_text(LAYERS.replace("name: own", "name: own\ndefaults: {values: trained}"))
    assert "nothing measured yet" in command("tune", path, *ROWS, "--budget", 0).err


def test_a_folder_that_cannot_be_made_is_named(command, own, folder):
    folder.write_text("in the way")
    said = command("tune", own, "--budget", 1)
    assert said.code == 2
    assert "CONVGAUGE_TUNING" in said.err


def test_a_run_with_auto_notes_what_was_chosen(command, own, tmp_path):
    """By what is told in test_auto: the fork server here has the environment of the first test."""
    said = command("run", own, "--impl", "auto", "--blocks", 1, "--out", "out", "--threads", 1)
    assert said.code == 0, said.err
    notes = [cell.notes for cell in read_results(tmp_path / "out") if cell.implementation == "auto"]
    assert len(notes) == 2
    assert all(note[0].startswith("chose ") for note in notes)
