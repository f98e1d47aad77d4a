"""Commands with --device cuda, from the command line to the report, on cards that are pretended.

What no stand-in for a single part shows: that the parts fit together on this way, too.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite.results.cell import Status
from suite.results.folder import read_profiles, read_results
from tests.conftest import FAULTY, NOBODY_ELSE, ROOT

CARD = ROOT / "tests" / "pretended_card"
CHEATERS = ROOT / "tests" / "cheaters"
TWO = """\
name: two
defaults: {in_channels: 8, out_channels: 8, input_size: 12, batch_size: 2, padding: same}
grid: {kernel_size: [3], dtype: [float32, float16], cache: [cold]}
"""
ROWS = ("cudnn", "cudnn_tf32", "native_cuda", "unfold", "fft", "winograd_2x2")


def on_card(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    (folder / "two.yaml").write_text(TWO)
    return subprocess.run(
        [sys.executable, NOBODY_ELSE, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CARD)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of rows on the second card, profiled too."""
    folder = tmp_path_factory.mktemp("run")
    rows = [word for name in ROWS for word in ("--impl", name)]
    few = ("--blocks", "2", "--threads", "1")
    words = ("run", "two.yaml", "--device", "cuda:1", *few, "--energy", "--out", "r")
    done = on_card(folder, *words, *rows)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "r"


def test_every_row_passes_on_the_card_that_was_asked_for(run):
    found = {(r.scenario.dtype, r.implementation): r for r in read_results(run)}

    assert len(found) == 2 * (len(ROWS) + 1)
    for (dtype, name), result in found.items():
        assert result.scenario.device == "cuda:1"
        covers = dtype == "float32" or name in ("torch", "cudnn", "native_cuda", "unfold")
        assert result.status is (Status.PASSED if covers else Status.UNSUPPORTED), result.reason
        assert len(result.blocks) == 2 * covers


def test_what_only_a_card_has_is_in_the_table_or_says_why_not(run):
    with (run / "results.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "passed"]

    assert rows
    for row in rows:
        output_bytes = 2 * 8 * 12 * 12 * (4 if row["dtype"] == "float32" else 2)
        assert row["device"] == "cuda:1"
        assert int(row["measured_workspace_bytes"]) == 2**20 - output_bytes
        assert row["joules_per_call"] == ""
        assert "clocks, temperature and energy are not read" in row["notes"]
        assert "no energy counter" in row["notes"]
    assert (run / "report.html").stat().st_size > 0


@pytest.mark.slow
def test_profiling_leaves_out_what_tells_of_the_host_alone(tmp_path):
    words = ("profile", "two.yaml/float32", "--device", "cuda", "--impl", "unfold", "--blocks", "2")
    done = on_card(tmp_path, *words, "--out", "r")

    assert done.returncode == 0, done.stdout + done.stderr
    profiles = {p.implementation: p for p in read_profiles(tmp_path / "r")}
    for profile in profiles.values():
        assert profile.phases is not None
        assert profile.operators is not None
        assert profile.memory is not None
        assert {"threads", "counters", "instructions"} <= profile.missing.keys()
        assert "a GPU computes" in profile.missing["threads"]
    assert set(profiles["unfold"].phases.phases_s) == {"transform", "product", "unpack"}


def test_check_holds_rows_on_the_card_against_float64(tmp_path):
    rows = ("--impl", "cudnn", "--impl", "separable")
    wrong = ("--plugin", FAULTY / "wrong.py", "--impl", "wrong")
    done = on_card(tmp_path, "check", "two.yaml", "--device", "cuda", *rows, *wrong)

    assert done.returncode == 3, done.stdout + done.stderr
    assert "wrong" in done.stdout


@pytest.mark.slow
def test_one_that_switches_on_tf32_for_everyone_is_caught_on_the_card(tmp_path):
    cheat = ("--plugin", CHEATERS / "switches_on_tf32.py", "--impl", "switches_on_tf32")
    done = on_card(tmp_path, "run", "two.yaml", "--device", "cuda", *cheat, "--out", "r")

    assert done.returncode == 3, done.stdout + done.stderr
    for result in read_results(tmp_path / "r"):
        if result.implementation == "torch":
            assert result.status is Status.PASSED
        elif result.status is not Status.UNSUPPORTED:
            assert result.status is Status.INCORRECT
            assert "tf32 False → True" in result.reason or "matmul precision" in result.reason
