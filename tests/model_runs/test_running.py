"""`run --model`: a whole network in the same folder, table and gate as single convolutions."""

from __future__ import annotations

import csv
import itertools
import json

import pytest

from suite.results.folder import read_manifest
from suite.results.request import read_request
from tests.conftest import ROOT

MODEL = f"{ROOT / 'tests/models/whole.py'}:build"
SHORT = ("--input", "1x3x16x16", "--threads", "1", "--blocks", "1")


def rows_of(folder):
    with (folder / "results.csv").open(encoding="utf-8") as file:
        return {row["implementation"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def done(done_once):
    return done_once(
        *("run", "--model", MODEL, *SHORT, "--plugin", ROOT / "tests/faulty/wrong.py"),
        *("--impl", "channels_last", "--impl", "winograd_tile4", "--impl", "depthwise"),
        *("--impl", "wrong"),
    )


def test_every_arm_is_held_against_float64_and_a_wrong_one_gets_no_number(done):
    rows = rows_of(done.folder)

    assert done.said.code == 3
    assert {name: row["status"] for name, row in rows.items()} == {
        "eager": "passed",
        "channels_last": "passed",
        "winograd_tile4": "passed",
        "depthwise": "unsupported",
        "wrong": "incorrect",
    }
    assert "relative L2 error" in rows["wrong"]["reason"]
    assert "float64" in rows["wrong"]["reason"]
    assert rows["wrong"]["median_s"] == ""
    assert rows["depthwise"]["reason"] == "covers none of its 3 convolutions"


def test_the_table_has_the_networks_work_and_no_sizes_of_a_convolution(done):
    row = rows_of(done.folder)["winograd_tile4"]

    assert row["scenario"] == "whole-build/1x3x16x16"
    assert row["direct_flops"] == str(2 * 256 * (8 * 27 + 8 * 72 + 4 * 8))
    assert float(row["median_s"]) > 0
    assert float(row["speedup"]) > 0
    assert row["reference"] == "eager"
    assert row["kernel_h"] == row["in_channels"] == ""
    assert row["notes"].startswith("in 2 of 3 convolutions, torch's own in the others")
    assert int(row["workspace_bytes"]) > 0


def test_the_report_shows_the_network(done):
    assert (done.folder / "report.html").exists()
    assert "whole-build/1x3x16x16" in done.said.out


def threads_in(words):
    return [words[at + 1] for at, word in enumerate(words) if word == "--threads"]


def test_each_number_of_threads_is_a_scenario_and_one_cell_is_asked_for_again(command, tmp_path):
    said = command(
        *("run", "--model", MODEL, *SHORT, "--threads", "2", "--impl", "eager", "--out", "r")
    )

    with (tmp_path / "r/results.csv").open(encoding="utf-8") as file:
        threads = {row["scenario"]: row["threads"] for row in csv.DictReader(file)}
    request = read_request(read_manifest(tmp_path / "r"))
    one = request.of_cell("whole-build/1x3x16x16-t2", "eager")
    assert said.code == 0
    assert threads == {"whole-build/1x3x16x16-t1": "1", "whole-build/1x3x16x16-t2": "2"}
    assert request.thread_counts == (1, 2)
    assert one.thread_counts == (2,)
    assert threads_in(request.words()) == ["1", "2"]
    assert threads_in(one.words()) == ["2"]


CONTRADICTIONS = (
    "--model mine.py:other",
    "--input 1x3x8x8",
    "--dtype bfloat16",
    "--train",
    "--optimize-budget 5",
)


def test_a_model_is_resumed_as_it_was_asked_and_not_where_its_file_has_changed(command, tmp_path):
    model = tmp_path / "mine.py"
    text = (ROOT / "tests/models/whole.py").read_text(encoding="utf-8")
    model.write_text(text, encoding="utf-8")
    words = ("run", "--model", "mine.py:build", *SHORT, "--impl", "eager", "--out", "r")
    assert command(*words).code == 0

    again = command("run", "--out", "r", "--resume")
    for words in CONTRADICTIONS:
        said = command("run", *words.split(), "--out", "r", "--resume")
        assert said.code == 2
        assert f"{words} contradicts the run in r, which was asked" in said.err
    model.write_text(text.replace("0.5", "0.25"), encoding="utf-8")
    changed = command("run", "--out", "r", "--resume")

    assert again.code == 0
    assert changed.code == 2
    assert "mine.py: changed since the run in r began: line" in changed.err
    kept = json.loads((tmp_path / "r/manifest.json").read_text(encoding="utf-8"))
    assert kept["scenario_files"][0]["text"] == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", MODEL), "--model needs what it is called with: --input 1x3x224x224"),
        (("quick", "--model", MODEL, *SHORT), "are runs of their own; name one of them"),
        (("quick", "--input", "1x3x8x8"), "--input is about a model; name it with --model"),
        (("quick", "--train"), "--train is about a model"),
        (("--model", MODEL, *SHORT, "--shard", "1/2"), "--shard and --model do not go together"),
        (("--model", MODEL, *SHORT, "--device", "cuda"), "a model is run on the CPU only"),
        (
            ("--model", MODEL, *SHORT, "--env", "torch==2.14.*"),
            "--env and --model do not go together: its arms run in this environment",
        ),
        (("--model", "absent.py:build", *SHORT), "absent.py: no such file"),
        (("quick", "--threads", "1", "--threads", "2"), "a scenario file says `threads: [1, 2]`"),
        (("--model", MODEL, *SHORT, "--threads", "1"), "argument --threads: 1 was given twice"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_run(command, words, said):
    answer = command("run", *words)

    assert answer.code == 2
    assert said in answer.err


@pytest.mark.slow
def test_what_optimize_chose_before_the_blocks_is_kept_and_measured(done_once):
    done = done_once(
        *("run", "--model", MODEL, "--input", "1x3x64x64", "--threads", "1", "--blocks", "2"),
        *("--impl", "optimize", "--optimize-budget", "4"),
    )
    row = rows_of(done.folder)["optimize"]

    assert row["status"] == "passed"
    assert (done.folder / "optimised/optimize.json").exists()
    assert "convolutions" in row["notes"] or "left as it was" in row["notes"]


@pytest.mark.slow
def test_a_step_of_training_is_measured_and_its_gradients_are_gated(done_once):
    done = done_once(
        *("run", "--model", MODEL, *SHORT, "--train", "--impl", "channels_last"),
        *("--impl", "compile_frozen"),
    )
    rows = rows_of(done.folder)

    assert rows["eager"]["status"] == rows["channels_last"]["status"] == "passed"
    assert rows["compile_frozen"]["reason"] == "computes no gradients"


BUILT = """\
import os, time
from pathlib import Path
from torch import nn

def build():
    began = time.monotonic()
    time.sleep(0.7)
    with open({log!r}, "a") as file:
        file.write(f"{{began}} {{time.monotonic()}}\\n")
    return nn.Sequential(nn.Conv2d(3, 4, 3)).eval()
"""


def test_processes_of_a_block_build_the_model_side_by_side(command, tmp_path):
    log = tmp_path / "built"
    (tmp_path / "slow.py").write_text(BUILT.format(log=str(log)))
    said = command(
        *("run", "--model", tmp_path / "slow.py:build", "--input", "1x3x8x8", "--threads", "2"),
        *("--impl", "eager", "--impl", "channels_last", "--blocks", "1", "--out", "r"),
    )

    assert said.code == 0, said.err
    spans = sorted(tuple(map(float, line.split())) for line in log.read_text().splitlines())
    assert any(after[0] < before[1] for before, after in itertools.pairwise(spans))
