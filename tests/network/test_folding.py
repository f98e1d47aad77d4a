"""What folding makes of a network: the same outputs, and nothing fused that others read."""

from __future__ import annotations

import copy
import operator
import pickle

import pytest
import torch
import torch.nn.functional as F
from foldable import Masked, Partly, Residual, Two, by_value, with_statistics
from torch import nn

from suite.errors import UsageError
from suite.modules.fused import FusedConv2d
from suite.network.folding.folding import fold
from suite.network.twin import twin_of

X = torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def folded_and_same(model: nn.Module, *inputs: torch.Tensor):
    """Fold a network in float64, require that it returns the same twice, and return what folded."""
    model = with_statistics(model).double()
    inputs = inputs or (X,)
    folded = fold(twin_of(model), inputs)
    with torch.no_grad():
        for _ in range(2):
            right = model(*(i.clone() for i in inputs))
            torch.testing.assert_close(
                folded.model(*(i.clone() for i in inputs)), right, rtol=1e-9, atol=1e-9
            )
    return folded


def parts_of(compute, **norm: object) -> dict[str, tuple[str, ...]]:
    torch.manual_seed(0)
    return folded_and_same(Two(compute, **norm)).parts


def read_twice(net, x):
    y = F.relu(net.bn(net.conv(x)))
    return y + y.mean()


def read_before_the_activation(net, x):
    y = net.bn(net.conv(x))
    return net.other(y) + F.relu(y)


def seen_by_others_after_it(net, x):
    y = net.bn(net.conv(x))
    return net.relu(y) + y


def read_before_the_batch_norm(net, x):
    y = net.conv(x)
    return net.bn(y) * y


def added_to_itself(net, x):
    y = net.conv(x)
    return y + y


def added_into_another(net, x):
    y = before = x.clone()
    y += net.conv(x)
    return y * before


def changed_between(net, x):
    y = x.clone()
    z = net.conv(y)
    y.mul_(3)
    return z + y


FUSES = {
    "a batch norm": (lambda n, x: n.bn(n.conv(x)), ("bn",)),
    "a module that is an activation": (lambda n, x: n.relu(n.conv(x)), ("relu",)),
    "a function": (lambda n, x: F.relu(n.bn(n.conv(x)), inplace=True), ("bn", "relu")),
    "torch's function": (lambda n, x: torch.sigmoid(n.bn(n.conv(x))), ("bn", "sigmoid")),
    "a method": (lambda n, x: n.bn(n.conv(x)).relu_(), ("bn", "relu")),
    "ReLU6": (lambda n, x: F.relu6(n.conv(x)), ("relu6",)),
    "SiLU": (lambda n, x: F.silu(n.conv(x), inplace=True), ("silu",)),
    "Hardswish": (lambda n, x: F.hardswish(n.conv(x)), ("hardswish",)),
    "GELU": (lambda n, x: F.gelu(n.conv(x)), ("gelu",)),
    "dropout between": (lambda n, x: n.relu(n.dropout(n.bn(n.conv(x)))), ("bn", "relu")),
    "a sum": (lambda n, x: n.bn(n.conv(x)) + x, ("bn", "add")),
    "a sum the other way round": (lambda n, x: torch.add(x, n.conv(x)), ("add",)),
    "a sum in place": (lambda n, x: n.relu(operator.iadd(n.conv(x), x)), ("add", "relu")),
    "a sum by a method": (lambda n, x: F.silu(n.bn(n.conv(x)).add_(x)), ("bn", "add", "silu")),
    "what is broadcast": (lambda n, x: n.conv(x) + x.mean((2, 3), keepdim=True), ("add",)),
    "a number": (lambda n, x: F.relu(n.conv(x) + x.shape[0]), ("add", "relu")),
    "what is read twice after the activation": (read_twice, ("bn", "relu")),
    "functional batch norm": (
        lambda n, x: F.batch_norm(n.conv(x), n.bn.running_mean, n.bn.running_var, n.bn.weight),
        ("bn",),
    ),
}


@pytest.mark.parametrize(("compute", "fused"), FUSES.values(), ids=FUSES)
def test_what_follows_a_convolution_alone_becomes_part_of_it(compute, fused):
    assert parts_of(compute)["conv"] == fused


KEEPS = {
    "a value that is read before the activation": (read_before_the_activation, ("bn",)),
    "an activation in place that others see": (seen_by_others_after_it, ("bn",)),
    "a value that is read before the batch norm": (read_before_the_batch_norm, None),
    "GELU by tanh": (lambda n, x: F.gelu(n.conv(x), approximate="tanh"), None),
    "a sum with itself": (added_to_itself, None),
    "a weighted sum": (lambda n, x: torch.add(n.conv(x), x, alpha=2), None),
    "a sum into another": (added_into_another, None),
    "a sum with what was changed meanwhile": (changed_between, None),
    "a batch norm of something else": (lambda n, x: F.relu(n.bn(n.conv(x).exp())), None),
    "a batch norm by the batch's statistics": (
        lambda n, x: F.batch_norm(n.conv(x), None, None, training=True),
        None,
    ),
}


@pytest.mark.parametrize(("compute", "fused"), KEEPS.values(), ids=KEEPS)
def test_what_others_read_or_change_stays(compute, fused):
    assert parts_of(compute).get("conv") == fused


@pytest.mark.parametrize("eps", [1e-5, 1e-12])
def test_a_variance_near_zero_folds(eps):
    model = with_statistics(Two(lambda n, x: n.bn(n.conv(x)), eps=eps)).double()
    model.bn.running_var.fill_(1e-14)
    folded = fold(twin_of(model), (X,))
    assert folded.parts == {"conv": ("bn",)}
    with torch.no_grad():
        torch.testing.assert_close(folded.model(X), model(X), rtol=1e-9, atol=1e-3)


def test_what_the_weights_type_cannot_hold_is_not_folded():
    model = Two(lambda n, x: n.bn(n.conv(x)), eps=0.0).eval()
    model.bn.running_var.fill_(0.0)
    assert fold(twin_of(model), (X.float(),)).parts == {}


def test_batch_norms_without_weights_fold_and_those_without_statistics_do_not():
    assert parts_of(lambda n, x: n.bn(n.conv(x)), affine=False) == {"conv": ("bn",)}
    assert parts_of(lambda n, x: n.bn(n.conv(x)), track_running_stats=False) == {}


def test_a_convolution_that_is_called_twice_becomes_two():
    parts = parts_of(lambda n, x: n.norm(n.conv(F.relu(n.bn(n.conv(x))))))
    assert parts == {"conv": ("bn", "relu"), "conv__2": ("bn",)}
    parts = parts_of(lambda n, x: F.relu(n.conv(x)) + n.conv(x + 1).exp() + n.bn(n.conv(x)).exp())
    assert parts == {"conv__2": ("relu",), "conv__3": ("bn",)}, "one call has nothing after it"


def test_a_shared_batch_norm_folds_into_both():
    parts = parts_of(lambda n, x: n.bn(n.other(n.bn(n.conv(x)))))
    assert parts == {"conv": ("bn",), "other": ("bn",)}


def test_of_two_convolutions_that_are_added_the_later_takes_the_sum():
    parts = parts_of(lambda n, x: F.relu(n.bn(n.conv(x)) + n.norm(n.other(x))))
    assert parts == {"conv": ("bn",), "other": ("bn", "add", "relu")}


def test_hooks_of_others_go_on_and_see_what_they_saw():
    model = with_statistics(Residual()).double()
    seen = []
    model.bn1.register_forward_hook(lambda *it: seen.append(it[2].clone()))
    model.register_forward_hook(lambda *it: seen.append(it[2]))
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    folded = fold(twin_of(model), (x,))
    assert folded.parts == {"conv2": ("bn", "add", "relu")}
    seen.clear()
    with torch.no_grad():
        model(x)
        folded.model(x)
    ours, theirs = seen[2:], seen[:2]
    for mine, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, right)


def test_a_container_with_hooks_is_called_as_a_whole_and_folded_inside():
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)), nn.Conv2d(4, 4, 1), nn.ReLU()
    )
    calls = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    folded = folded_and_same(model)
    assert folded.parts == {"0.0": ("bn",), "1": ("relu",)}
    calls.clear()
    folded.model(X)
    assert calls == [1]


def test_what_has_no_graph_is_folded_in_parts_and_says_why():
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    folded = folded_and_same(Partly(), x)
    assert folded.parts == {"body.0": ("bn", "silu")}
    assert list(folded.reasons) == [""]
    assert "control flow" in folded.reasons[""]
    assert parts_of(by_value) == {}


def test_tensors_that_a_forward_makes_for_itself_are_made_anew_in_every_call():
    def compute(net, x):
        total = torch.zeros(1, dtype=torch.float64)
        total += F.relu(net.conv(x)).mean()
        return total

    assert parts_of(compute) == {"conv": ("relu",)}  # by torch.export; torch.fx keeps the tensor


def test_arguments_that_are_no_tensors_are_as_in_the_example():
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    folded = folded_and_same(Masked(), x)
    assert folded.parts == {"conv": ("relu",)}
    with pytest.raises(AssertionError, match="mask has been specialized"):
        folded.model(x, torch.ones(1, dtype=torch.float64))
    masked = folded_and_same(Masked(), x, torch.rand(4, 1, 1, dtype=torch.float64))
    assert masked.parts == {"conv": ("relu",)}


def test_copies_and_files_compute_the_same():
    model = with_statistics(Residual())
    x = torch.randn(2, 3, 9, 9)
    folded = fold(twin_of(model), (x,)).model
    with torch.no_grad():
        right = folded(x)
        for other in (copy.deepcopy(folded), pickle.loads(pickle.dumps(folded))):
            assert torch.equal(other(x), right)
            other.load_state_dict(folded.state_dict())


@pytest.mark.parametrize("kind", [Residual, Partly])
def test_training_and_unfolded_weights_are_refused_before_anything_is_changed(kind):
    model = with_statistics(kind())
    folded = fold(twin_of(model), (torch.randn(1, 3, 9, 9),)).model
    for other in (folded, copy.deepcopy(folded), pickle.loads(pickle.dumps(folded))):
        before = copy.deepcopy(other.state_dict())
        with pytest.raises(UsageError, match="for inference"):
            other.train()
        assert not any(module.training for module in other.modules())
        with pytest.raises(UsageError, match="unfolded network"):
            other.load_state_dict(model.state_dict(), strict=False)
        for key, value in other.state_dict().items():
            assert torch.equal(value, before[key])
        assert other.eval() is other


def test_gradients_of_the_input_flow_through_what_was_fused():
    model = with_statistics(Residual()).double()
    x = torch.randn(1, 3, 8, 8, dtype=torch.float64)
    folded = fold(twin_of(model), (x,)).model
    gradients = []
    for network in (model, folded):
        given = x.clone().requires_grad_()
        network(given).sum().backward()
        gradients.append(given.grad)
    torch.testing.assert_close(*gradients)
    assert isinstance(folded.conv2, FusedConv2d)
    assert not any(parameter.requires_grad for parameter in folded.parameters())
