"""A quickened module is the module it was: same objects, same manners, nothing more in files."""

from __future__ import annotations

import copy
import io
import pickle
import weakref

import pytest
import torch
from quick_modules import by_torch, planned
from torch import fx, nn

from suite.errors import UsageError
from suite.network import as_called, pack_bytes, plans_of, quicken, refresh, slow_down


def saved_and_loaded(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "pickle, protocol 0": lambda model: pickle.loads(pickle.dumps(model, protocol=0)),
    "torch.save": saved_and_loaded,
}


def test_it_stays_the_same_object_with_the_same_parameters_and_is_a_conv2d(stub):
    conv = nn.Conv2d(4, 6, 3, padding=1)
    weight, bias, state = conv.weight, conv.bias, list(conv.state_dict())
    quicken(conv, [planned(conv, (2, 4, 9, 8))])
    assert isinstance(conv, nn.Conv2d)
    assert conv.weight is weight
    assert conv.bias is bias
    assert list(conv.state_dict()) == state
    assert [name for name, _ in conv.named_parameters()] == ["weight", "bias"]


def test_it_calls_its_row_packs_once_and_says_so(conv, stub, x):
    with torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(conv(x), by_torch(conv, x))
    assert stub.packed == 1
    assert stub.calls == 4  # one more, to see how its output lies
    assert "row=stub" in repr(conv)


def test_slow_down_leaves_nothing(conv, x):
    plain = nn.Conv2d(4, 6, 3, padding=1)
    with torch.no_grad():
        conv(x)
    slow_down(conv)
    assert type(conv) is nn.Conv2d
    assert vars(conv).keys() == vars(plain).keys()
    assert repr(conv) == repr(plain)
    assert plans_of(conv) == ()
    slow_down(conv)


def test_quickened_again_it_has_the_new_plans_alone(conv, stub, x):
    plan = planned(conv, (1, 4, 5, 5))
    quicken(conv, [plan])
    assert plans_of(conv) == (plan,)
    with torch.no_grad():
        conv(x)
    assert stub.calls == 0


def test_two_modules_of_a_kind_have_one_class(conv):
    other = nn.Conv2d(1, 1, 1)
    quicken(other, [])
    assert type(other) is type(conv)


def test_a_subclass_that_changes_no_call_keeps_its_name_and_methods(stub, x):
    class Named(nn.Conv2d):
        def twice(self):
            return 2 * self.weight

    conv = Named(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, (2, 4, 9, 8))])
    assert type(conv).__name__ == "QuickNamed"
    assert isinstance(conv, Named)
    torch.testing.assert_close(conv.twice(), 2 * conv.weight)
    with torch.no_grad():
        conv(x)
    assert stub.calls


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copies_and_files_keep_the_plans_and_no_packs(conv, stub, x, copied):
    with torch.no_grad():
        conv(x)
        other = copied(nn.Sequential(conv))[0]
        assert plans_of(other) == plans_of(conv)
        assert type(other) is type(conv)
        torch.testing.assert_close(other(x), conv(x))
        other.weight.mul_(2)
        torch.testing.assert_close(other(x), by_torch(other, x))
        torch.testing.assert_close(conv(x), by_torch(conv, x))


def test_a_file_does_not_grow_with_packs(conv, x):
    before = len(pickle.dumps(conv))
    with torch.no_grad():
        conv(x)
    assert len(pickle.dumps(conv)) == before


def test_hooks_run_and_may_replace_the_output(conv, stub, x):
    seen = []
    conv.register_forward_pre_hook(lambda module, inputs: seen.append("before"))
    conv.register_forward_hook(lambda module, inputs, output: output + 1)
    with torch.no_grad():
        torch.testing.assert_close(conv(x), by_torch(conv, x) + 1)
    assert seen == ["before"]
    assert stub.calls


def test_hooks_that_were_there_before_stay(stub, x):
    conv = nn.Conv2d(4, 6, 3, padding=1)
    handle = conv.register_forward_hook(lambda module, inputs, output: output * 2)
    quicken(conv, [planned(conv, (2, 4, 9, 8))])
    with torch.no_grad():
        torch.testing.assert_close(conv(x), 2 * by_torch(conv, x))
        handle.remove()
        torch.testing.assert_close(conv(x), by_torch(conv, x))


def test_train_and_eval_are_as_they_were(conv):
    assert not conv.training
    assert conv.train().training
    conv.requires_grad_(False)
    assert not conv.weight.requires_grad


@pytest.mark.parametrize(
    ("name", "value"),
    [("stride", (2, 1)), ("padding", (0, 2)), ("padding", "same"), ("dilation", (2, 1))],
)
def test_attributes_changed_later_are_seen(conv, stub, x, name, value):
    with torch.no_grad():
        conv(x)
        calls = stub.calls
        setattr(conv, name, value)
        torch.testing.assert_close(conv(x), by_torch(conv, x))
    assert (stub.calls > calls) is (value == "same")  # which is the padding that it had


PADDINGS = [
    {"padding": "same"},
    {"padding": "same", "kernel_size": (4, 3)},
    {"padding": "same", "kernel_size": (2, 5), "dilation": (1, 2)},
    {"padding": "valid"},
    {"padding": (2, 0), "stride": (2, 1)},
    {"padding": 1, "padding_mode": "reflect"},
    {"padding": (2, 1), "padding_mode": "circular", "stride": 2},
    {"padding": "same", "kernel_size": 4, "padding_mode": "replicate"},
    {"padding": "valid", "padding_mode": "reflect"},
    {"padding": 1, "groups": 2, "bias": False},
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("options", PADDINGS, ids=str)
def test_each_padding_means_what_it_means_to_torch(stub, x, options):
    conv = nn.Conv2d(4, 6, **{"kernel_size": 3, **options})
    expected = by_torch(conv, x)
    plan = planned(conv, (2, 4, 9, 8))
    quicken(conv, [plan])
    with torch.no_grad():
        torch.testing.assert_close(conv(x), expected)
    assert stub.calls == 2
    assert plan.problem.output_shape == expected.shape
    assert as_called(conv, (2, 4, 9, 8)) == plan.problem


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, "valid"])
def test_the_output_lies_as_torch_s_does_whatever_pads(stub, x, mode, padding):
    conv = nn.Conv2d(4, 6, 3, padding=padding, padding_mode=mode)
    last = x.contiguous(memory_format=torch.channels_last)
    expected = conv(last)
    quicken(conv, [planned(conv, (2, 4, 9, 8), memory_format="channels_last")])
    with torch.no_grad():
        assert conv(last).stride() == expected.stride()
    assert stub.calls


def test_what_cannot_be_quickened_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="Linear: Linear is no convolution"):
        quicken(nn.Linear(2, 2), [])


def test_packs_are_freed_with_their_module(stub, x):
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, (2, 4, 9, 8))])
    with torch.no_grad():
        conv(x)
    gone = weakref.ref(conv._quick)
    del conv
    assert gone() is None


def test_packs_are_dropped_when_their_module_moves(conv, x):
    with torch.no_grad():
        conv(x)
    assert pack_bytes(nn.Sequential(conv)) == conv.weight.nbytes
    conv.to(torch.float64)
    assert pack_bytes(conv) == 0


def test_refresh_drops_the_packs_of_a_whole_model(conv, stub, x):
    model = nn.Sequential(nn.ReLU(), conv)
    with torch.no_grad():
        model(x)
        refresh(model)
        assert pack_bytes(model) == 0
        model(x)
    assert stub.packed == 2


def test_torch_fx_still_takes_it_for_one_leaf(conv, stub, x):
    graph = fx.symbolic_trace(nn.Sequential(conv, nn.ReLU()))
    assert [node.op for node in graph.graph.nodes].count("call_module") == 2
    with torch.no_grad():
        torch.testing.assert_close(graph(x), by_torch(conv, x).relu())
    assert stub.calls


def test_a_parametrisation_added_later_is_obeyed(conv, stub, x):
    class Doubled(nn.Module):
        def forward(self, weight):
            return 2 * weight

    plain = copy.deepcopy(conv)
    nn.utils.parametrize.register_parametrization(conv, "weight", Doubled())
    with torch.no_grad():
        expected = 2 * by_torch(plain, x) - plain.bias.view(1, -1, 1, 1)
        torch.testing.assert_close(conv(x), expected)
        slow_down(conv)
        torch.testing.assert_close(conv(x), expected)
        nn.utils.parametrize.remove_parametrizations(conv, "weight")
        torch.testing.assert_close(conv(x), expected)


def test_weight_norm_added_later_is_obeyed(conv, stub, x):
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(conv)
    with torch.no_grad():
        conv.weight_g.mul_(3)
        conv(x)
        torch.testing.assert_close(conv(x), by_torch(conv, x))
    assert stub.calls == 0


def test_pruning_added_later_is_obeyed(conv, x):
    from torch.nn.utils import prune

    with torch.no_grad():
        conv(x)
        prune.l1_unstructured(conv, "weight", amount=0.5)
        torch.testing.assert_close(conv(x), by_torch(conv, x))
        prune.remove(conv, "weight")
        torch.testing.assert_close(conv(x), by_torch(conv, x))


def test_torchscript_takes_a_plain_module(conv, x):
    scripted = torch.jit.script(nn.Sequential(conv))
    with torch.no_grad():
        torch.testing.assert_close(scripted(x), by_torch(conv, x))
    assert "row=stub" in repr(conv)
