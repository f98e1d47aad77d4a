"""A budget is kept: steps are reckoned first, and what is remembered is not measured again."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from pretended_benches import PretendedBenches
from quick_modules import STUB
from small_networks import Small

import convgauge
from suite.network import candidates, optimising, trying
from suite.network.candidates import Candidate
from suite.tuning.candidates import candidates as known_rows
from suite.tuning.store import Row

ROWS = ("slow", "good")


class GivenRows:
    """The rows of these tests, for every layer; no process is asked for others."""

    def __init__(self, layers, log):
        pass

    def candidates(self, layer, threads):
        return [
            Candidate(
                row, tuple(candidates._plan(call, Row(row, STUB), threads) for call in layer.calls)
            )
            for row in ROWS
        ]


@pytest.fixture
def benches(monkeypatch, register_row, tmp_path):
    for row in ROWS:
        register_row(row, F.conv2d)
    times = {"torch": 2e-3, "good": 1e-3, "slow": 5e-3}
    pretended = PretendedBenches(dict.fromkeys(("stem", "deep"), times))
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    monkeypatch.setattr(optimising, "benches_for", lambda *_: (pretended, ""))
    monkeypatch.setattr(trying, "Rows", GivenRows)
    monkeypatch.setattr(optimising, "alone", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(optimising.noise, "measure", lambda *_: SimpleNamespace(warning=""))
    yield pretended
    known_rows.cache_clear()


def network(kind=Small):
    torch.manual_seed(0)
    return kind(16).eval(), torch.randn(1, 3, 20, 20)


def rows_of(model):
    return {row["layer"]: row["row"] for row in convgauge.explain(model).rows}


def test_what_was_measured_of_these_layers_before_is_not_measured_again_unless_asked(benches):
    model, x = network()
    convgauge.optimize(model, x, memory_format="contiguous")
    assert rows_of(model) == {"stem": "good", "deep": "good"}
    assert ["slow"] in benches.timed

    convgauge.restore(model)
    benches.timed.clear()
    convgauge.optimize(model, x, memory_format="contiguous")
    assert rows_of(model) == {"stem": "good", "deep": "good"}
    assert len(benches.timed) == convgauge.explain(model).outcome.whole.blocks
    assert all(rows == ["good"] for rows in benches.timed)

    convgauge.restore(model)
    convgauge.optimize(model, x, memory_format="contiguous", measure_again=True)
    assert ["slow"] in benches.timed


class Sleepy(Small):
    """Takes long whatever its convolutions do."""

    def forward(self, x):
        time.sleep(0.05)
        return super().forward(x)


def test_a_memory_format_that_there_is_no_time_to_prove_is_not_tried_and_that_is_said(benches):
    model, x = network(Sleepy)
    convgauge.optimize(model, x, budget_s=4.0)
    outcome = convgauge.explain(model).outcome

    assert outcome.memory_format is None
    assert any("channels_last was not tried" in remark for remark in outcome.remarks)
    assert any("give a larger budget_s" in remark for remark in outcome.remarks)


def test_with_time_for_one_format_it_is_the_one_in_which_torch_does_the_rest_sooner(benches):
    benches.formats = {"channels_last": 0.5}
    model, x = network(Sleepy)
    convgauge.optimize(model, x, budget_s=4.0)
    outcome = convgauge.explain(model).outcome

    assert outcome.memory_format == "channels_last"
    assert any("its own memory format was not tried" in remark for remark in outcome.remarks)


def test_a_memory_format_that_was_asked_for_and_gains_nothing_leaves_the_model_as_it_was(benches):
    benches.layers_s = dict.fromkeys(("stem", "deep"), dict.fromkeys(("torch", *ROWS), 1e-3))
    model, x = network()
    before = x.clone()
    convgauge.optimize(model, x, memory_format="channels_last")
    explained = convgauge.explain(model)

    assert explained.outcome.memory_format is None
    assert rows_of(model) == {"stem": "torch", "deep": "torch"}
    assert "nothing made the whole network surely faster" in str(explained)
    assert model.deep.weight.is_contiguous()
    assert torch.equal(x, before)


def test_with_time_both_memory_formats_are_tried(benches):
    model, x = network()
    convgauge.optimize(model, x, budget_s=60.0)
    assert not any("not tried" in remark for remark in convgauge.explain(model).outcome.remarks)
