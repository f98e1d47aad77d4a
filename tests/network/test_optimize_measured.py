"""`optimize` with a budget: real rows in real processes; nothing is said of how fast they are."""

from __future__ import annotations

import ast
import contextlib
import copy
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import torch.nn.functional as F
from quick_modules import planned
from small_networks import Small
from torch import nn

import convgauge
from suite.errors import UsageError
from suite.messages.network import Asked
from suite.network import candidates, optimising, proving
from suite.network.bench import Arm, ArmFailed, Bench
from suite.network.benches import FreshBenches, OwnBenches, benches_for
from suite.network.proving import prove
from suite.network.settling import LOSES, settle
from suite.tuning.candidates import candidates as known_rows
from suite.tuning.remembered import SUFFIX
from tests.conftest import ROOT

BUDGET_S = 4.0
QUICKLY_LOADED = ("onednn_prepacked", "kn2row", "gemm_1x1")
"""Rows that nothing is compiled for."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    yield tmp_path
    known_rows.cache_clear()


@pytest.fixture
def few_rows(monkeypatch):
    usual = candidates.usual_rows

    def few(entries):
        return [entry for entry in usual(entries) if entry.name in QUICKLY_LOADED]

    monkeypatch.setattr(candidates, "usual_rows", few)


def network(kind=Small):
    torch.manual_seed(0)
    return kind(16).eval(), torch.randn(1, 3, 20, 20)


def test_a_network_is_measured_in_fresh_processes_and_what_was_learnt_is_kept(few_rows, folder):
    model, x = network()
    plain = copy.deepcopy(model)
    convgauge.optimize(model, x, budget_s=BUDGET_S)
    explanation = convgauge.explain(model)

    with torch.no_grad():
        torch.testing.assert_close(model(x), plain(x))
    outcome = explanation.outcome
    assert outcome.whole.is_fresh
    assert outcome.whole.blocks >= 3
    assert {row["layer"] for row in explanation.rows} == {"stem", "deep"}
    assert outcome.is_changed == (not outcome.verdict)
    assert all(bool(row["reason"]) == (row["row"] == "torch") for row in explanation.rows)
    assert list(folder.glob(f"*{SUFFIX}"))
    assert list(explanation.to_frame().index) == ["stem", "deep"]
    assert max(map(len, str(explanation).splitlines())) <= 80


def test_a_class_that_no_other_process_can_load_is_measured_here_and_that_is_said(few_rows):
    class Local(Small):
        pass

    model, x = network(Local)
    convgauge.optimize(model, x, budget_s=BUDGET_S)
    outcome = convgauge.explain(model).outcome

    assert not outcome.whole.is_fresh
    assert any("no other can load the network" in remark for remark in outcome.remarks)


def test_a_network_that_crashes_its_process_is_an_arm_that_failed(tmp_path):
    model, x = network()
    benches, remark = benches_for(model, (x,), tmp_path, threads=1)
    assert isinstance(benches, FreshBenches)
    assert remark == ""
    with contextlib.closing(benches), pytest.raises(ArmFailed):
        prove(benches, {None: {"no such layer": ()}}, 0.0, lambda _: None)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


class Killing:
    """Kills the process that loads it."""

    def __reduce__(self):
        return _die, ()


def test_a_process_that_dies_is_an_arm_that_failed_and_the_next_is_fresh(tmp_path):
    model, x = network()
    benches, _ = benches_for(model, (x,), tmp_path, threads=1)
    asked = Asked(seconds=0, least_turns=1, most_turns=1, seed=0, whole=True, layers=("deep",))
    with contextlib.closing(benches):
        with benches.open() as bench, pytest.raises(ArmFailed, match="ended: SIGKILL"):
            bench.time([Killing()], asked)
        with benches.open() as bench:
            timings = bench.time([Arm()], asked)
    assert [len(samples) for samples in timings.whole_s] == [1]
    assert timings.layers_s[0]["deep"][0] > 0


class Telling(nn.Module):
    """Tells where it is run, in place of running."""

    def forward(self, x):
        said = os.getppid(), os.getpid(), torch.get_num_threads()
        raise RuntimeError(f"told {said}")


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked here")
@pytest.mark.parametrize("threads", [1, 2])
def test_each_block_is_a_fork_of_the_process_that_loaded_the_network(tmp_path, threads):
    benches, _ = benches_for(Telling(), (torch.zeros(1),), tmp_path, threads)
    asked = Asked(seconds=0, least_turns=1, most_turns=1, seed=0, whole=True, layers=())
    told = []
    with contextlib.closing(benches):
        for _ in range(2):
            with benches.open() as bench, pytest.raises(ArmFailed) as failed:
                bench.time([Arm()], asked)
            told.append(ast.literal_eval(str(failed.value).partition("told ")[2]))
    loaded, forks, of_each = map(set, zip(*told, strict=True))
    assert len(loaded) == 1
    assert len(forks) == 2
    assert of_each == {threads}


def test_of_an_arm_for_its_layers_no_whole_pass_is_timed():
    model, x = network()
    asked = Asked(seconds=0, least_turns=2, most_turns=2, seed=0, whole=True, layers=("deep",))
    timings = Bench(model, (x,)).time([Arm(), Arm(is_for_layers=True)], asked)
    assert [len(samples) for samples in timings.whole_s] == [2, 0]
    assert [len(samples["deep"]) for samples in timings.layers_s] == [2, 2]


def test_a_row_that_is_slow_is_rolled_back(register_row, monkeypatch):
    def slow(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        time.sleep(0.05)
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    register_row("slow", slow)
    monkeypatch.setattr(proving, "BLOCK_S", 0.0)
    model, x = network()
    plan = planned(model.deep, (1, 16, 20, 20), row="slow")
    result = settle(
        OwnBenches(model, (x,), None),
        {None: {"deep": (plan,)}},
        fitted=lambda _, rest: rest,
        until=0.0,
        watch=lambda _: None,
    )
    assert result.configuration == {}
    assert result.reasons == {"deep": LOSES}
    assert not result.is_faster


def test_another_run_on_this_machine_is_waited_for(few_rows, monkeypatch):
    def refuse(say):
        say("another run measures")
        raise UsageError("told")

    monkeypatch.setattr(optimising, "alone", refuse)
    model, x = network()
    with pytest.raises(UsageError, match="told"):
        convgauge.optimize(model, x, budget_s=1.0)
    convgauge.optimize(model, x, budget_s=0)


INTERRUPTED = """
import sys, torch
sys.path.insert(0, {folder!r})
import torch.nn.functional as F
from quick_modules import planned
from small_networks import Small
from suite.network import candidates
from suite.network.asking import checked_wish
from suite.network.optimising import optimise

usual = candidates.usual_rows
candidates.usual_rows = lambda entries: [e for e in usual(entries) if e.name in {rows!r}]

def watch(words):
    if words.startswith("trying"):
        print("trying", flush=True)

model, x = Small(16), torch.randn(1, 3, 20, 20)
text, state = str(model), {{k: v.clone() for k, v in model.state_dict().items()}}
try:
    optimise(model, (x,), checked_wish(model, 60, None, None), watch=watch)
except KeyboardInterrupt:
    same = all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    hooks = any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    is_same = str(model) == text and same and not hooks and model.training
    print("as it was" if is_same else "changed")
"""


def test_ctrl_c_while_rows_are_tried_leaves_the_network_as_it_was(tmp_path):
    script = tmp_path / "script.py"
    folder = str(ROOT / "tests" / "network")
    script.write_text(INTERRUPTED.format(folder=folder, rows=QUICKLY_LOADED))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "trying\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)

    assert out.splitlines()[-1] == "as it was"
    assert process.returncode == 0
