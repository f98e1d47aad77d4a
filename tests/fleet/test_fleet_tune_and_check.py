"""`tune --on` and `check --on` with real workers."""

from __future__ import annotations

import time

import pytest

from suite.errors import EXIT_INCONCLUSIVE
from suite.results.folder import read_results
from suite.tuning import store

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

MOST_S = 900
"""For which `tune` is repeated while others take the cores."""

LAYERS = """\
name: own
layers:
  - {id: a, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3, padding: 1}
  - {id: b, in_channels: 4, out_channels: 4, input_size: 6, kernel_size: 1}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path / "tuning"))
    path = tmp_path / "own.yaml"
    path.write_text(LAYERS)
    return path


def test_tune_learns_a_table_here_from_what_workers_measured(command, own, tmp_path):
    words = ("tune", own, "--impl", "kn2row", "--memory-format", "contiguous", "--threads", "1")
    until, said = time.monotonic() + MOST_S, None
    while said is None or (said.code == EXIT_INCONCLUSIVE and time.monotonic() < until):
        said = command(*words, "--on", "local:2", "--budget", "900")

    assert said.code == 0, said.err
    (path,) = (tmp_path / "tuning").glob("*.json")
    assert {trial.problem.kernel for trial in store.read_table(path).trials} == {(3, 3), (1, 1)}
    assert {result.machine for result in read_results(path.with_suffix(""))} != {None}


def test_check_finds_what_is_wrong_on_workers_too(command, own, tmp_path):
    plugin = tmp_path / "wrong.py"
    plugin.write_text(
        "import torch.nn.functional as F\n"
        "from suite import register\n"
        '@register("wrong", family="direct")\n'
        "def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):\n"
        "    return F.conv2d(input, weight, bias, stride, padding, dilation, groups) + 1\n"
    )
    said = command("check", own, "--plugin", plugin, "--on", "local:1")

    assert said.code == 3, said.err
    assert "wrong: 2 of 2 shapes failed" in said.out
    assert "--on" not in said.out.partition("again: ")[2].splitlines()[0]


def test_rows_of_other_kinds_are_not_waited_for(command, own):
    own.write_text(
        LAYERS + "  - {id: c, kind: conv1d, in_channels: 4, out_channels: 4, input_size: 9, "
        "kernel_size: 3}\n"
    )
    chosen = ("--impl", "torch", "--impl", "kn2row", "--impl", "fft_sequence")
    said = command("check", own, *chosen, "--on", "local:2")

    assert said.code == 0, said.out + said.err
    assert "given back" not in said.out + said.err
    passed = [line.split() for line in said.out.splitlines() if " √K·u·S " in line]
    assert {words[0]: words[-6] for words in passed} == {"torch": "3", "kn2row": "2"}
