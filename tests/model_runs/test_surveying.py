"""A model is run once before it is measured: what it is, or why it is not, in its own words."""

from __future__ import annotations

import pytest

from suite.capture import parse_input
from suite.messages.models import SurveyModel
from suite.models.child import survey
from tests.conftest import ROOT

MODELS = ROOT / "tests/models/whole.py"


@pytest.fixture
def surveyed(monkeypatch):
    """Survey a model in this process, which goes on to be everybody's."""
    monkeypatch.setattr(survey, "refuse_network", lambda: None)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    torch = pytest.importorskip("torch")
    before = torch.is_grad_enabled()

    def ask(name, *inputs, train=False):
        return survey.answer(
            SurveyModel(
                module=str(MODELS),
                name=name,
                folder=str(ROOT),
                inputs=tuple(parse_input(text, None, asked_by="--input") for text in inputs),
                dtype=None,
                train=train,
                asked_by="--input",
            )
        )

    yield ask
    torch.set_grad_enabled(before)


def test_a_model_is_described_by_what_one_call_shows(surveyed):
    network = surveyed("build", "2x3x10x12").network

    assert network.convolutions == 3
    assert network.outputs == (2 * 4, 2 * 8 * 10 * 12)
    assert network.input_elements == 2 * 3 * 10 * 12
    assert network.direct_flops == 2 * 2 * 120 * (8 * 27 + 8 * 72 + 4 * 8)
    assert network.parameter_bytes == 4 * (8 * 27 + 8 + 16 + 8 * 72 + 8 + 4 * 8 + 4)


def test_a_step_of_training_is_judged_by_its_loss_and_all_gradients(surveyed):
    network = surveyed("build", "2x3x10x12", train=True).network

    assert network.outputs == (1, 8 * 27, 8, 8, 8, 8 * 72, 8, 4 * 8, 4)


def test_words_stay_the_same_in_every_call_and_numbers_do_not(surveyed):
    network = surveyed("Words", "[pixels]=1x3x8x8", "words=1x5:int64").network

    assert network.input_elements == 3 * 8 * 8
    assert [entry.dtype for entry in network.inputs] == ["float32", "int64"]


@pytest.mark.parametrize(
    ("name", "inputs", "train", "said"),
    [
        ("raises", ("1x3x8x8",), False, "whole.py:48: the model raised with --input 1x3x8x8"),
        ("build", ("1x5x8x8",), False, "whole.py:24: the model raised"),
        ("noisy", ("1x3x8x8",), False, "two calls with the same inputs differ in evaluation mode"),
        ("dropout_by_function", ("1x3x8x8",), True, "differ in training mode"),
        ("other_weights", ("1x3x8x8",), False, "builds other weights every time (first.weight)"),
        ("no_numbers", ("1x3x8x8",), False, "returns no floating-point tensor"),
        ("no_numbers", ("1x3x8x8",), True, "has no parameter, so that there is nothing to train"),
        ("build", ("1x3x8x8:int64",), False, "no input is floating-point"),
        ("biuld", ("1x3x8x8",), False, 'Did you mean "build"?'),
    ],
)
def test_what_cannot_be_measured_is_said_with_its_line_or_its_reason(
    surveyed, name, inputs, train, said
):
    failure = surveyed(name, *inputs, train=train).failure

    assert said in failure
    assert "suite/" not in failure
