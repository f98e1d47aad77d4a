"""`optimize` with what is known already: verified, atomic, undone by `restore`."""

from __future__ import annotations

import copy
import math
import pickle
import signal

import pytest
import torch
import torch.nn.functional as F
from quick_modules import STUB
from small_networks import Drifting, Flattening, Functional, LeftOn, Shared, Silent, Small
from torch import nn

import convgauge
from suite.errors import UsageError
from suite.modules import as_called, plans_of
from suite.network import bench
from suite.tuning import remembered
from suite.tuning.candidates import candidates
from suite.tuning.store import Conditions, Measured, Row, Trial


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Let every test know what it remembers itself, and nothing else."""
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    yield
    candidates.cache_clear()


@pytest.fixture
def known_to_win():
    """Return a function that remembers a row as twice as fast, for a layer's calls."""

    def remember(module, *shapes, row="good", memory_format="contiguous"):
        conditions = Conditions("float32", memory_format, torch.get_num_threads())
        gain = Measured(Row(row, STUB), math.log(2), 0.03)
        remembered.remember(
            [Trial(as_called(module, shape).as_called(), conditions, (gain,)) for shape in shapes],
            torch.__version__,
        )
        candidates.cache_clear()

    return remember


@pytest.fixture
def good(register_row):
    """A row named "good" that is right; gives the shapes that it was called with."""
    calls = []

    def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        calls.append(tuple(input.shape))
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    register_row("good", convolve, prepare=lambda weight, problem: weight.clone())
    return calls


def small(seed=0):
    torch.manual_seed(seed)
    return Small(), torch.randn(1, 3, 10, 9)


def known(model, *inputs, **words):
    return convgauge.optimize(model, *inputs, budget_s=0, **words)


def reasons(model):
    return {row["layer"]: row["reason"] for row in convgauge.explain(model).rows}


def rows(model):
    return {row["layer"]: row["row"] for row in convgauge.explain(model).rows}


def test_what_is_known_to_win_computes_and_all_else_stays(good, known_to_win):
    model, x = small()
    before = model(x)
    parameters, keys = list(model.parameters()), list(model.state_dict())
    known_to_win(model.deep, (1, 8, 10, 9))

    assert known(model, x) is model

    assert rows(model) == {"stem": "torch", "deep": "good"}
    assert "no row is known" in reasons(model)["stem"]
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert list(model.state_dict()) == keys
    assert model.training, "modes are the caller's"
    good.clear()
    with torch.no_grad():
        after = model.eval()(x)
    assert set(good) == {(1, 8, 10, 9)}
    torch.testing.assert_close(after, copy.deepcopy(convgauge.restore(model)).eval()(x))
    assert before.shape == after.shape


def test_restore_gives_everything_back(good, known_to_win):
    model, x = small()
    text, hooks = str(model), dict(model._forward_pre_hooks)
    state = copy.deepcopy(model.state_dict())
    known_to_win(model.deep, (1, 8, 10, 9), memory_format="channels_last")

    known(model, x, memory_format=torch.channels_last)
    assert rows(model)["deep"] == "good"
    assert model.deep.weight.is_contiguous(memory_format=torch.channels_last)
    assert convgauge.restore(model) is model

    assert str(model) == text
    assert dict(model._forward_pre_hooks) == hooks
    assert model.deep.weight.is_contiguous()
    assert type(model.deep) is nn.Conv2d
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name])
    with pytest.raises(UsageError, match="was not optimised"):
        convgauge.explain(model)
    assert convgauge.restore(model) is model, "there is nothing left to restore"


def test_copies_and_pickles_know_what_was_done(good, known_to_win):
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9))
    known(model, x)

    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert rows(other)["deep"] == "good"
        assert type(convgauge.restore(other).deep) is nn.Conv2d
    assert rows(model)["deep"] == "good"


def test_the_second_call_begins_from_the_original(good, known_to_win):
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9))
    known(model, x)
    known_to_win(model.deep, (1, 8, 10, 9), row="gone")
    known(model, x)

    assert rows(model)["deep"] == "torch"
    assert type(model.deep) is nn.Conv2d


def test_a_row_that_computes_wrong_stays_torchs(register_row, known_to_win):
    def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        output[0, 0, 0, 0] += 1e-3
        return output

    register_row("wrong", wrong)
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9), row="wrong")
    known(model, x)

    assert rows(model)["deep"] == "torch"
    assert "wrong is wrong here: the network's own inputs: 1 of 720" in reasons(model)["deep"]
    assert type(model.deep) is nn.Conv2d


def test_a_row_that_refuses_the_weight_stays_torchs(register_row, known_to_win):
    def refuse(weight, problem):
        raise convgauge.Unsupported("not of low rank")

    register_row("picky", F.conv2d, prepare=refuse)
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9), row="picky")
    known(model, x)

    assert rows(model)["deep"] == "torch"
    assert "picky refuses" in reasons(model)["deep"]


def test_a_tolerance_is_tighter_than_the_gate(register_row, known_to_win):
    def rough(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        return output * (1 + 3e-7)

    register_row("rough", rough)
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9), row="rough")

    assert rows(known(model, x))["deep"] == "rough"
    known(model, x, tolerance=2e-7)
    assert rows(model)["deep"] == "torch"
    assert "beyond the tolerance" in reasons(model)["deep"]


def test_packs_beyond_the_limit_are_left_out(register_row, known_to_win):
    def large(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(input, weight[0], bias, stride, padding, dilation, groups)

    register_row("large", large, prepare=_three_times)
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9), row="large")
    known(model, x)

    assert rows(model)["deep"] == "torch"
    assert "2.5 times the weights" in reasons(model)["deep"]


def _three_times(weight, problem):
    return weight.clone(), weight.clone(), weight.clone()


def test_a_module_called_with_several_shapes_gets_a_plan_for_each(good, known_to_win):
    model, x = Shared(), torch.randn(1, 4, 12, 12)
    known_to_win(model.conv, (1, 4, 12, 12), (1, 4, 6, 6))
    known(model, x)

    assert rows(model) == {"conv": "good"}
    assert len(plans_of(model.conv)) == 2
    good.clear()
    with torch.no_grad():
        model(x)
    assert set(good) == {(1, 4, 12, 12), (1, 4, 6, 6)}


def test_a_network_that_fails_in_a_memory_format_is_not_taken_there():
    model, x = Flattening(), torch.randn(1, 3, 9, 9)
    known(model, x, memory_format="channels_last")

    assert "cannot be taken to channels_last: view size is not" in str(convgauge.explain(model))
    assert model.conv.weight.is_contiguous()
    assert not model._forward_pre_hooks


def test_tensors_of_five_dimensions_have_no_such_format():
    class OfTwoKinds(nn.Module):
        def __init__(self):
            super().__init__()
            self.flat, self.deep = nn.Conv2d(3, 4, 3), nn.Conv3d(1, 1, 3)

        def forward(self, x):
            return self.deep(self.flat(x).unsqueeze(1))

    model = OfTwoKinds()
    known(model, torch.randn(1, 3, 9, 9), memory_format="channels_last")

    assert model.flat.weight.is_contiguous(memory_format=torch.channels_last)
    assert "Conv3d: only 2-D" in reasons(model)["deep"]


def test_functional_calls_are_named():
    model, x = Functional(), torch.randn(1, 4, 9, 9)
    known(model, x)

    assert convgauge.explain(model).rows[-1]["reason"].startswith("conv2d called once by function")


LEFT_ALONE = {
    "no convolution": (lambda: nn.Linear(3, 3), (3,), "no convolution"),
    "no tensor": (Silent, (1, 3, 8, 8), "returns no tensor"),
    "random": (LeftOn, (1, 3, 8, 8), "dropout"),
    "own weights": (Drifting, (1, 3, 8, 8), "changes its own weights in forward: conv.weight"),
    "scripted": (
        lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3))),
        (1, 3, 8, 8),
        "ScriptModule",
    ),
    "meta": (lambda: nn.Conv2d(3, 4, 3, device="meta"), (1, 3, 8, 8), "meta device"),
    "lazy": (lambda: nn.LazyConv2d(4, 3), (1, 3, 8, 8), "none of its convolutions"),
    "16-bit": (lambda: nn.Conv2d(3, 4, 3).bfloat16(), (1, 3, 8, 8), "none of its convolutions"),
    "1-D": (lambda: nn.Conv1d(3, 4, 3), (1, 3, 8), "none of its convolutions"),
}


@pytest.mark.parametrize(("build", "shape", "reason"), LEFT_ALONE.values(), ids=LEFT_ALONE)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_a_network_that_cannot_be_optimised_is_left_alone_and_says_why(build, shape, reason):
    model = build()
    kinds = [type(module) for module in model.modules()]
    tensors = [*model.parameters()]
    values = [t.detach().clone() for t in tensors if t.device.type != "meta" and not _lazy(t)]
    x = torch.zeros(shape)
    if any(not _lazy(t) and t.dtype is torch.bfloat16 for t in tensors):
        x = x.bfloat16()

    assert known(model, x) is model

    assert [type(module) for module in model.modules()] == kinds
    kept = [t for t in tensors if t.device.type != "meta" and not _lazy(t)]
    assert all(torch.equal(a, b) for a, b in zip(kept, values, strict=True))
    explanation = convgauge.explain(model)
    assert "left as it was" in str(explanation)
    assert reason in explanation.outcome.verdict


def _lazy(tensor):
    return torch.nn.parameter.is_lazy(tensor)


LEFT_LAYERS = {
    "weight_norm": (nn.utils.parametrizations.weight_norm, "parametrisation"),
    "old weight_norm": (nn.utils.weight_norm, "weight_norm"),
    "spectral_norm": (nn.utils.parametrizations.spectral_norm, "parametrisation"),
    "16 bits": (lambda conv: conv.half(), "float16"),
    "inference": (lambda conv: _made_in_inference_mode(), "inference mode"),
}


def _made_in_inference_mode():
    with torch.inference_mode():
        return nn.Conv2d(3, 8, 1)


@pytest.mark.parametrize(("change", "reason"), LEFT_LAYERS.values(), ids=LEFT_LAYERS)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_a_layer_that_cannot_be_replaced_is_named_and_the_others_are(
    good, known_to_win, change, reason
):
    class WithAnother(nn.Module):
        def __init__(self):
            super().__init__()
            self.odd = change(nn.Conv2d(3, 8, 1))
            self.plain = nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, x):
            weight = self.odd.weight
            return self.plain(self.odd(x.to(weight.dtype)).float())

    model, x = WithAnother(), torch.randn(1, 3, 10, 9)
    known_to_win(model.plain, (1, 8, 10, 9))
    known(model, x)

    assert rows(model) == {"odd": "torch", "plain": "good"}
    assert reason in reasons(model)["odd"]


def test_hooks_that_replace_inputs_and_outputs_are_part_of_the_network(good, known_to_win):
    model, x = small()
    model.deep.register_forward_pre_hook(lambda _, inputs: (inputs[0][:, :, :5].contiguous(),))
    model.deep.register_forward_hook(lambda _, inputs, output: output * 2)
    known_to_win(model.deep, (1, 8, 5, 9))
    plain = copy.deepcopy(model).eval()
    known(model, x)

    assert rows(model)["deep"] == "good"
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), plain(x))


def test_a_network_that_cannot_be_run_is_an_error_that_names_its_own_line():
    model, _ = small()
    with pytest.raises(UsageError, match=r"small_networks\.py:\d+: raised with .*channels"):
        known(model, torch.randn(1, 5, 8, 8))
    with pytest.raises(UsageError, match="optimize\\(model, \\*example_inputs\\)"):
        known(model)
    assert type(model.stem) is nn.Conv2d


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"budget_s": -1}, "budget_s is -1"),
        ({"budget_s": "fast"}, "budget_s is 'fast'"),
        ({"memory_format": "nhwc"}, "memory_format is 'nhwc'; accepted: None"),
        ({"tolerance": 0}, "tolerance is 0"),
    ],
)
def test_bad_arguments_are_named_with_what_is_accepted(words, message):
    model, x = small()
    with pytest.raises(UsageError, match=message):
        convgauge.optimize(model, x, **{"budget_s": 0, **words})


def test_something_else_than_a_module_is_refused():
    with pytest.raises(UsageError, match="this is a function"):
        convgauge.optimize(lambda x: x, torch.zeros(1))


def test_it_works_in_inference_mode_too(good, known_to_win):
    model, x = small()
    known_to_win(model.deep, (1, 8, 10, 9))
    with torch.inference_mode():
        known(model, torch.randn_like(x))

    assert rows(model)["deep"] == "good"
    assert not model.deep.weight.is_inference()


def test_random_numbers_and_inputs_are_the_callers():
    model, x = small()
    before, state = x.clone(), torch.get_rng_state()
    known(model, x)

    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before)


def test_an_error_in_the_last_step_leaves_the_network_as_it_was(good, known_to_win, monkeypatch):
    model, x = small()
    text = str(model)
    known_to_win(model.deep, (1, 8, 10, 9), memory_format="channels_last")

    def fail(*_):
        raise RuntimeError("in the middle")

    monkeypatch.setattr("suite.network.committing.apply", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        known(model, x, memory_format="channels_last")

    assert str(model) == text
    assert model.deep.weight.is_contiguous()
    assert not model._forward_pre_hooks


def test_ctrl_c_in_the_last_step_leaves_the_network_as_it_was(good, known_to_win, monkeypatch):
    model, x = small()
    text = str(model)
    known_to_win(model.deep, (1, 8, 10, 9))
    changed = []

    def interrupted(network, configuration):
        signal.raise_signal(signal.SIGINT)
        bench.apply(network, configuration)
        changed.append(str(network) != text)

    monkeypatch.setattr("suite.network.committing.apply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        known(model, x)

    assert changed == [True], "the step is not cut in two"
    assert str(model) == text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
