"""Folding what torch.fx cannot trace: by torch.export, for the example's shapes."""

from __future__ import annotations

import pickle

import pytest
import torch
import torch.nn.functional as F
from foldable import ByShape, Residual, with_statistics
from torch import nn

import convgauge
from suite.errors import UsageError
from suite.modules.fused import FusedConv2d
from suite.network.folding.attempt import attempt
from suite.network.folding.exporting import exported_graph
from suite.network.folding.folding import fold
from suite.network.folding.tracing import NoGraph
from suite.network.twin import twin_of
from suite.network.verifying import reference_of

X = torch.randn(2, 3, 10, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return with_statistics(ByShape()).double()


@pytest.fixture(scope="module")
def folded(model):
    return fold(twin_of(model), (X,))


def require_same(own: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert own.keys() == right.keys()
    for name, tensor in right.items():
        torch.testing.assert_close(own[name], tensor, rtol=1e-9, atol=1e-9)


def test_a_network_whose_code_depends_on_shapes_is_folded_as_a_whole(model, folded):
    assert folded.parts == {"stem": ("bn", "relu6"), "conv": ("bn", "add", "relu")}
    assert folded.by_export.startswith("TraceError")
    assert [type(m) for m in folded.model.modules()].count(FusedConv2d) == 2
    with torch.no_grad():
        for _ in range(2):
            require_same(folded.model(X.clone()), model(X.clone()))
            require_same(folded.model(x=X.clone()), model(X.clone()))


def test_a_folded_one_keeps_names_and_can_be_stored_compiled_and_exported(model, folded):
    with torch.no_grad():
        right = model(X)
        require_same(pickle.loads(pickle.dumps(folded.model))(X), right)
        require_same(torch.compile(folded.model, backend="eager")(X), right)
        require_same(torch.export.export(folded.model, (X,)).module()(X), right)
    assert folded.model.state_dict().keys() < model.state_dict().keys() | {"stem.bias"}
    assert folded.model.head.weight.data_ptr()


@pytest.mark.parametrize(
    "call",
    [
        lambda net: net(torch.zeros(1, 3, 10, 10)),
        lambda net: net(torch.zeros(2, 3, 12, 12)),
        lambda net: net(X, torch.zeros(4)),
        lambda net: net(X, y=None),
        lambda net: net(X, x=X),
        lambda net: net(),
    ],
)
def test_another_call_than_the_examples_is_refused_with_both_shapes(folded, call):
    with pytest.raises(UsageError, match=r"by torch\.export, for x 2×3×10×10 alone; it was called"):
        call(folded.model)


def test_what_it_is_good_for_is_among_the_remarks(model):
    plain = with_statistics(ByShape())
    x = X.float()

    reference = reference_of(twin_of(plain), (x,), plain(x))
    result, remarks = attempt(plain, (x,), reference, None)

    assert result is not None
    assert remarks[0].startswith("its graph is one of torch.export; torch.fx has none: TraceError")
    assert result.limits == (
        "this copy is for inputs of the example's shapes alone, and refuses others",
    )


def test_explain_says_what_such_a_copy_is_good_for(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    model = with_statistics(ByShape())

    fast = convgauge.optimize(model, X.float(), fold=True, budget_s=0)

    said = " ".join(str(convgauge.explain(fast)).split())
    assert "its graph is one of torch.export" in said
    assert "this copy is for inputs of the example's shapes alone, and refuses others" in said
    assert convgauge.restore(fast) is model


def test_a_network_that_torch_fx_can_trace_is_left_to_it():
    torch.manual_seed(0)
    folded = fold(twin_of(with_statistics(Residual())), (torch.randn(1, 3, 9, 8),))

    assert not folded.by_export
    with torch.no_grad():
        assert folded.model(torch.randn(2, 3, 6, 6)).shape == (2, 4)


class ByValue(ByShape):
    def forward(self, x, y=None):
        return super().forward(x if x.sum() > 0 else -x, y)


class Constant(ByShape):
    def forward(self, x, y=None):
        return super().forward(x + torch.tensor(1.0, dtype=x.dtype), y)


class Variadic(ByShape):
    def forward(self, *all_of_them):
        return super().forward(*all_of_them)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ByValue, "GuardOnDataDependentSymNode|data-dependent"),
        (Constant, "makes tensors of its own"),
        (Variadic, "does not name its arguments"),
    ],
)
def test_what_neither_sees_is_folded_in_parts_if_at_all_and_both_say_why(kind, reason):
    torch.manual_seed(0)
    model = with_statistics(kind()).double()

    with pytest.raises(NoGraph, match=reason):
        exported_graph(twin_of(model), (X,))
    folded = fold(twin_of(model), (X,))

    assert not folded.by_export
    assert "; torch.export: " in folded.reasons[""]
    with torch.no_grad():
        require_same(folded.model(X), model(X))


def test_modules_with_hooks_or_arguments_that_are_no_tensors_are_not_exported(model):
    hooked = twin_of(model)
    hooked.conv.register_forward_hook(lambda *_: None)

    with pytest.raises(NoGraph, match="hooks"):
        exported_graph(hooked, (X,))
    with pytest.raises(NoGraph, match="no tensor"):
        exported_graph(model, (X, None))


class Same(nn.Module):
    """Weights that two convolutions share, one with another stride, and padding by reflection."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 3, 3, padding=1)
        self.two = nn.Conv2d(3, 3, 3, stride=2, padding=1)
        self.two.weight, self.two.bias = self.one.weight, self.one.bias
        self.three = nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")
        self.norm = nn.BatchNorm2d(3, track_running_stats=False)

    def forward(self, x):
        assert x.shape[-1] > 2
        return F.relu(self.three(F.relu(self.two(self.norm(F.relu(self.one(x)))))))


def test_an_operator_that_is_not_its_modules_own_call_stays_an_operator():
    torch.manual_seed(0)
    model = with_statistics(Same()).double()
    graph, _ = exported_graph(twin_of(model), (X,))

    folded = fold(twin_of(model), (X,))

    assert [str(n.target) for n in graph.nodes if n.op == "call_module"] == ["two"]
    with torch.no_grad():
        torch.testing.assert_close(folded.model(X), model(X), rtol=1e-9, atol=1e-9)
