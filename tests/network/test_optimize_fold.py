"""`optimize(fold=True)`: a copy with rows that fuse, verified; the model itself stays as it is."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import pytest
import torch
import torch.nn.functional as F
from foldable import Partly, Residual, with_statistics
from quick_modules import STUB, planned
from torch import nn

import convgauge
from suite.errors import UsageError
from suite.messages.network import Asked
from suite.modules import as_called, plans_of, quicken
from suite.modules.fused import fused_from
from suite.network import candidates as candidates_of_network
from suite.network.bench import Arm, Bench
from suite.network.folding.folding import fold
from suite.network.twin import twin_of
from suite.operands.epilogue import finish_
from suite.tuning import remembered
from suite.tuning.candidates import candidates
from suite.tuning.store import Conditions, Measured, Row, Trial

FUSES = ("relu", "add_relu", "silu")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    yield
    candidates.cache_clear()


def residual_network(seed=0):
    torch.manual_seed(seed)
    return with_statistics(Residual()), torch.randn(2, 3, 10, 9)


def remember(model, x, row):
    """Remember a row as twice as fast in every convolution of the folded network."""
    folded = fold(twin_of(model), (x,)).model
    trials = []

    def note(module, args):
        conditions = Conditions("float32", "contiguous", torch.get_num_threads())
        problem = as_called(module, tuple(args[0].shape))
        gain = Measured(Row(row, STUB), math.log(2), 0.03)
        trials.append(Trial(problem.as_called(), conditions, (gain,)))

    for module in folded.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(note)
    with torch.no_grad():
        folded(x)
    remembered.remember(trials, torch.__version__)
    candidates.cache_clear()


def optimized(model, x, **words):
    return convgauge.optimize(model, x, budget_s=0, fold=True, **words)


def of(model, key):
    return {row["layer"]: row[key] for row in convgauge.explain(model).rows}


def row_with(compute, asked=None):
    """Return a row that convolves as torch does, and finishes as `compute` has it."""

    def convolve(
        input, weight, bias, stride, padding, dilation, groups, epilogue=None, residual=None
    ):
        if asked is not None:
            asked.append((epilogue, residual is not None))
        output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        return output if epilogue is None else compute(output, epilogue, residual)

    return convolve


def test_rows_compute_what_was_folded_and_the_model_stays(register_row):
    asked, problems = [], []
    register_row(
        "good",
        row_with(finish_, asked),
        epilogues=FUSES,
        prepare=lambda weight, problem: problems.append(problem.epilogue) or weight.clone(),
    )
    model, x = residual_network()
    remember(model, x, "good")
    before, text = copy.deepcopy(model.state_dict()), str(model)
    with torch.no_grad():
        right = copy.deepcopy(model).double()(x.double())

    fast = optimized(model, x)

    assert fast is not model
    assert str(model) == text
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert of(fast, "row") == {"conv1": "good", "conv2": "good"}
    assert of(fast, "fused") == {"conv1": "bn+relu", "conv2": "bn+add+relu"}
    assert set(problems) == {"relu", "add_relu"}
    asked.clear()
    with torch.no_grad():
        got = fast(x)
    assert {("relu", False), ("add_relu", True)} == set(asked)
    torch.testing.assert_close(got.double(), right, rtol=1e-5, atol=1e-5)
    shown = str(convgauge.explain(fast))
    assert "2 batch norms, 1 sums and 2 activations into 2 convolutions" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_row_that_fuses_nothing_is_followed_by_torch(register_row):
    def plain(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    problems = []
    register_row(
        "plain",
        plain,
        prepare=lambda weight, problem: problems.append(problem.epilogue) or weight,
    )
    model, x = residual_network()
    remember(model, x, "plain")
    fast = optimized(model, x)
    assert set(of(fast, "row").values()) == {"plain"}
    assert set(problems) == {"none"}
    with torch.no_grad():
        torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)


FAULTS = {
    "another activation": lambda z, epilogue, residual: F.silu(finish_(z, "none", residual)),
    "the residual twice": lambda z, epilogue, residual: finish_(
        z, epilogue, None if residual is None else 2 * residual
    ),
    "no residual": lambda z, epilogue, residual: finish_(z, epilogue),
}


@pytest.mark.parametrize("compute", FAULTS.values(), ids=FAULTS)
def test_a_row_that_finishes_wrong_stays_torchs(register_row, compute):
    register_row("wrong", row_with(compute), epilogues=FUSES)
    model, x = residual_network()
    remember(model, x, "wrong")
    fast = optimized(model, x)
    assert of(fast, "row")["conv2"] == "torch"
    assert "wrong is wrong here" in of(fast, "reason")["conv2"]
    with torch.no_grad():
        torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)


def test_other_residuals_and_shapes_are_torchs(register_row):
    asked = []
    register_row("good", row_with(finish_, asked), epilogues=FUSES)
    model, x = residual_network()
    remember(model, x, "good")
    fast = optimized(model, x)
    conv = fast.conv2
    assert plans_of(conv)[0].problem.epilogue == "add_relu"
    given = torch.randn(2, 8, 10, 9)
    residuals = (
        torch.randn(2, 8, 10, 9),
        torch.randn(8, 1, 1),
        torch.randn(2, 8, 10, 9, dtype=torch.float64),
        3,
    )
    weight, bias = conv.weight, conv.bias
    for number, residual in enumerate(residuals):
        asked.clear()
        with torch.no_grad():
            got = conv(given, residual)
            right = F.relu(F.conv2d(given, weight, bias, padding=1) + residual)
        torch.testing.assert_close(got, right)
        assert bool(asked) == (number == 0)
    with torch.no_grad():
        for other in (x[:1], torch.randn(2, 3, 12, 7), x.double()):
            network = fast if other.dtype is torch.float32 else copy.deepcopy(fast).double()
            plain = model if other.dtype is torch.float32 else copy.deepcopy(model).double()
            torch.testing.assert_close(network(other), plain(other), rtol=1e-4, atol=1e-5)


def test_restore_gives_the_model_and_a_file_says_where_it_is(register_row):
    register_row("good", row_with(finish_), epilogues=FUSES)
    model, x = residual_network()
    remember(model, x, "good")
    fast = optimized(model, x)
    assert convgauge.restore(fast) is model
    assert convgauge.restore(copy.deepcopy(fast)) is model
    arrived = pickle.loads(pickle.dumps(fast))
    assert of(arrived, "row") == of(fast, "row")
    with torch.no_grad():
        torch.testing.assert_close(arrived(x), fast(x))
    with pytest.raises(UsageError, match="use the model that it was made of"):
        convgauge.restore(arrived)
    with pytest.raises(UsageError, match="for inference"):
        fast.train()


def test_weights_that_change_are_seen(register_row):
    register_row(
        "good", row_with(finish_), epilogues=FUSES, prepare=lambda weight, _: weight.clone()
    )
    model, x = residual_network()
    remember(model, x, "good")
    fast = optimized(model, x)
    with torch.no_grad():
        fast(x)
        fast.conv1.weight.mul_(2)
        fast.conv2.bias.add_(1)
        y = fast.conv1(x)
        right = F.conv2d(x, fast.conv1.weight, fast.conv1.bias, padding=1).relu()
        torch.testing.assert_close(y, right)
        last = F.relu(F.conv2d(y, fast.conv2.weight, fast.conv2.bias, padding=1) + y)
        torch.testing.assert_close(fast.conv2(y, y), last)


def test_what_has_no_graph_is_said_and_the_rest_optimised(register_row):
    register_row("good", row_with(finish_), epilogues=FUSES)
    torch.manual_seed(0)
    model, x = with_statistics(Partly()), torch.randn(1, 3, 9, 9)
    remember(model, x, "good")
    fast = optimized(model, x)
    assert of(fast, "row") == {"body.0": "good", "list.0": "good"}
    assert of(fast, "fused") == {"body.0": "bn+silu", "list.0": ""}
    (remark,) = convgauge.explain(fast).outcome.remarks
    assert "the whole is folded in parts" in remark
    assert "control flow" in remark
    with pytest.raises(UsageError, match="for inference"):
        fast.train()
    assert type(convgauge.restore(fast)) is Partly


def test_a_network_that_is_left_alone_comes_back_as_a_plain_copy():
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            self.conv(x)

    model = Silent().train()
    other = optimized(model, torch.randn(1, 3, 4, 4))
    assert other is not model
    assert other.training
    assert "returns no tensor" in convgauge.explain(other).outcome.verdict
    assert convgauge.restore(other) is model


@pytest.mark.parametrize("fold_word", [1, "yes", None])
def test_fold_is_true_or_false(fold_word):
    model, x = residual_network()
    with pytest.raises(UsageError, match="accepted: False to change the model in place"):
        convgauge.optimize(model, x, fold=fold_word)


def test_a_bench_times_the_unfolded_network_beside_the_folded_one():
    model, x = residual_network()
    folded = fold(twin_of(model), (x,)).model
    asked = Asked(seconds=0.0, least_turns=1, most_turns=1, seed=0, whole=True, layers=("conv2",))
    timings = Bench(folded, (x,), model).time((Arm(is_original=True), Arm()), asked)
    assert [len(samples) for samples in timings.whole_s] == [1, 1]
    assert [list(samples) for samples in timings.layers_s] == [[], ["conv2"]]


def test_a_folded_network_is_measured_against_the_plain_one(monkeypatch):
    usual = candidates_of_network.usual_rows
    monkeypatch.setattr(
        candidates_of_network,
        "usual_rows",
        lambda entries: [e for e in usual(entries) if e.name == "onednn_prepacked"],
    )
    model, x = residual_network()
    fast = convgauge.optimize(model, x, fold=True, budget_s=2.0)
    outcome = convgauge.explain(fast).outcome
    assert outcome.whole is not None
    assert outcome.whole.is_fresh
    assert outcome.is_folded == (not outcome.verdict)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)


def test_what_a_row_might_fuse_torch_computes_where_that_was_found_to_be_better(register_row):
    asked, packed = [], []
    register_row(
        "both",
        row_with(finish_, asked),
        epilogues=FUSES,
        prepare=lambda weight, problem: packed.append(problem.epilogue) or weight.clone(),
    )
    torch.manual_seed(0)
    conv, x = nn.Conv2d(4, 4, 3, padding=1), torch.randn(1, 4, 6, 5)
    fused = fused_from(conv, conv.weight.detach(), conv.bias.detach(), "add_relu")
    plan = planned(fused, tuple(x.shape), row="both")
    residual = torch.randn(1, 4, 6, 5)
    right = torch.relu(conv(x) + residual).detach()
    for apart, seen in ((False, ("add_relu", True)), (True, (None, False))):
        asked.clear()
        quick = copy.deepcopy(fused)
        quicken(quick, (dataclasses.replace(plan, apart=apart),))
        with torch.no_grad():
            torch.testing.assert_close(quick(x, residual), right)
        assert set(asked) == {seen}
    assert packed == ["add_relu", "none"]


def compiled_alike(model, x, fast, **options):
    torch.compiler.reset()
    compiled = torch.compile(fast, **options)
    with torch.no_grad():
        for each in (x, torch.randn(3, 3, 7, 12)):
            torch.testing.assert_close(compiled(each), model(each), rtol=1e-5, atol=1e-5)


def test_a_folded_copy_compiles_and_the_compiler_fuses_by_itself(register_row):
    register_row("good", row_with(finish_, asked := []), epilogues=FUSES)
    model, x = residual_network()
    remember(model, x, "good")
    fast = optimized(model, x)
    asked.clear()
    compiled_alike(model.eval(), x, fast, backend="aot_eager", fullgraph=True)
    assert not asked


@pytest.mark.slow
def test_a_folded_copy_compiles_to_code_of_the_compilers_own(register_row):
    register_row("good", row_with(finish_), epilogues=FUSES)
    model, x = residual_network()
    remember(model, x, "good")
    compiled_alike(model.eval(), x, optimized(model, x))
