"""pytest-benchmark over scenario files, by a real pytest in a process and a folder of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from suite.machine.alone import lock_path
from tests.conftest import ROOT, TINY
from tests.processes.test_lock import held

PLUGIN = """\
import torch.nn.functional as F
from suite import register


@register("honest", family="direct")
def honest(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


@register("forgets_bias", family="direct")
def forgets_bias(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, None, stride, padding, dilation, groups)


@register("needs_bias", family="direct", supports=lambda p: None if p.bias else "needs a bias")
def needs_bias(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""
OWN_TESTS = """\
from convgauge import convolutions


@convolutions("tiny.yaml", implementations=["honest"], plugins=["mine.py"])
def test_speed(convolution, benchmark):
    output = benchmark(convolution)
    assert tuple(output.shape) == convolution.scenario.result_shape
"""
QUICKLY = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=2")


def made(folder: Path) -> Path:
    """Make a user's folder: a scenario file and a plug-in file."""
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "mine.py").write_text(PLUGIN)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path)


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    process = start_pytest(folder, *words)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start_pytest(folder: Path, *words: str) -> subprocess.Popen[str]:
    points = importlib.metadata.entry_points(group="pytest11", name="convgauge")
    load = () if points else ("-p", "suite.pytest_plugin")
    environment = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *load, "--benchmark-only", *QUICKLY, *words],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def saved(folder: Path) -> list[dict[str, object]]:
    (path,) = folder.glob(".benchmarks/*/*.json")
    return json.loads(path.read_text(encoding="utf-8"))["benchmarks"]


def make_faster(folder: Path, factor: float) -> None:
    """Change the saved run, so that a comparison with it must find a regression."""
    (path,) = folder.glob(".benchmarks/*/*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    for benchmark in document["benchmarks"]:
        benchmark["stats"]["min"] /= factor
    path.write_text(json.dumps(document))


@pytest.mark.slow
def test_a_scenario_file_is_timed_cell_by_cell_and_compares_with_the_saved_run(folder):
    words = ("tiny.yaml", "--convgauge-plugin", "mine.py", "--convgauge-impl", "honest")
    first = run_pytest(folder, *words, "--benchmark-autosave")
    assert first.returncode == 0, first.stdout
    benchmarks = saved(folder)
    assert [b["fullname"] for b in benchmarks] == [
        "tiny.yaml::test_convolution[tiny/a-honest]",
        "tiny.yaml::test_convolution[tiny/b-honest]",
    ]
    assert [b["group"] for b in benchmarks] == ["tiny/a", "tiny/b"]
    assert benchmarks[0]["extra_info"]["implementation"] == "honest"
    assert all(b["stats"]["rounds"] >= 2 for b in benchmarks)

    make_faster(folder, 1000)
    second = run_pytest(folder, *words, "--benchmark-compare", "--benchmark-compare-fail=min:50%")
    assert second.stdout.count("(NOW)") == 2
    assert "Performance has regressed" in second.stderr + second.stdout
    assert second.returncode


@dataclass(frozen=True)
class Session:
    """One that times, started while a run measured."""

    folder: Path
    holder: int
    """The process that measured."""
    named: str
    """What was said of it."""
    returncode: int
    stdout: str


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Session:
    """Cells of a file, wrong and not covered ones among them, and a test of one's own."""
    folder = made(tmp_path_factory.mktemp("session"))
    (folder / "test_mine.py").write_text(OWN_TESTS)
    rows = [word for name in ("forgets_bias", "needs_bias") for word in ("--convgauge-impl", name)]
    words = ("tiny.yaml", "test_mine.py", "--convgauge-plugin", "mine.py", *rows)
    with held(lock_path()) as first:
        process = start_pytest(folder, *words, "--benchmark-autosave", "-rs", "-v")
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        named = next((line for line in lines if "another run measures" in line), "")
    out, err = process.communicate(timeout=120)
    return Session(folder, first.pid, named, process.returncode, out + err)


def test_a_wrong_cell_gets_no_time_and_one_that_is_not_covered_says_why(session):
    assert session.returncode == 1
    assert "tiny/b-forgets_bias: incorrect" in session.stdout
    assert {b["name"] for b in saved(session.folder)} == {
        "test_convolution[tiny/a-forgets_bias]",
        "test_convolution[tiny/b-needs_bias]",
        "test_speed[tiny/a-honest]",
        "test_speed[tiny/b-honest]",
    }
    assert "4 passed, 1 skipped, 1 error" in session.stdout
    assert "needs a bias" in session.stdout


def test_ones_own_test_takes_cells_by_parametrisation(session):
    assert "test_speed[tiny/a-honest] PASSED" in session.stdout
    assert "test_speed[tiny/b-honest] PASSED" in session.stdout


def test_a_session_that_times_waits_for_a_run_that_measures_and_names_it(session):
    named = "ConvGauge: another run measures on this machine: process "
    assert session.named.startswith(f"{named}{session.holder}, ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tiny.yaml", "--convgauge-impl", "torhc"), 'Did you mean "torch"?'),
        (("tiny.yaml", "--convgauge-plugin", "gone.py"), "gone.py: no such plug-in file"),
        (("broken.yaml",), "in_chanels"),
    ],
)
def test_bad_input_is_one_message_without_a_traceback(folder, words, message):
    broken = (folder / "tiny.yaml").read_text(encoding="utf-8").replace("in_channels", "in_chanels")
    (folder / "broken.yaml").write_text(broken)
    completed = run_pytest(folder, *words)
    assert completed.returncode == 2
    assert message in completed.stdout
    assert "Traceback" not in completed.stdout + completed.stderr


def test_yaml_files_that_were_not_named_are_left_alone(folder):
    (folder / "test_other.py").write_text("def test_nothing():\n    pass\n")
    completed = run_pytest(folder, "--benchmark-disable", ".", "-o", "addopts=")
    assert "tiny.yaml" not in completed.stdout
