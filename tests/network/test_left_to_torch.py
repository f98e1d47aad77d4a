"""Every call but the one that a plan is for is torch's own: right, and seen by what watches."""

from __future__ import annotations

import contextlib
import dataclasses
import threading

import pytest
import torch
import torch.nn.functional as F
from quick_modules import by_torch, planned
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from suite.network import plans_of, quicken, surroundings
from suite.tuning.store import Conditions


@pytest.fixture(params=["TensorGuards", "in Python"], autouse=True)
def _guards(request, monkeypatch):
    """Try each test with both ways of guarding a call."""
    if request.param == "in Python":
        monkeypatch.setattr(surroundings, "TensorGuards", None)


@pytest.fixture
def warm(conv, stub, x):
    """The convolution after a call by its row; its stub counts from there."""
    with torch.no_grad():
        conv(x)
    stub.calls = 0
    return conv


INPUTS = {
    "another batch size": lambda x: x[:1],
    "another size": lambda x: x[..., 1:],
    "one image without a batch": lambda x: x[0],
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "strided": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "expanded": lambda x: x[:1].expand(2, -1, -1, -1),
    "negative bit": torch._neg_view,
    "no image": lambda x: x[:0],
}


@pytest.mark.parametrize("made", INPUTS.values(), ids=INPUTS)
def test_another_input_is_torch_s(warm, stub, x, made):
    with torch.no_grad():
        torch.testing.assert_close(warm(made(x)), by_torch(warm, made(x)))
        assert stub.calls == 0
        torch.testing.assert_close(warm(x), by_torch(warm, x))
        assert stub.calls == 1


def test_the_same_input_from_inference_mode_is_the_row_s(warm, stub, x):
    with torch.inference_mode():
        output = warm(x + 0)
        assert output.is_inference()
    with torch.no_grad():
        torch.testing.assert_close(output, warm(x))
    assert stub.packed == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_another_dtype_is_torch_s(warm, stub, x, dtype):
    warm.to(dtype)
    with torch.no_grad():
        torch.testing.assert_close(warm(x.to(dtype)), by_torch(warm, x.to(dtype)))
    assert stub.calls == 0


def test_a_mismatch_raises_what_torch_raises(warm, x):
    with torch.no_grad(), pytest.raises(RuntimeError, match="expected input"):
        warm(torch.randn(2, 5, 9, 8))
    with torch.no_grad(), pytest.raises(RuntimeError, match="type"):
        warm(x.double())
    with torch.no_grad(), pytest.raises(TypeError):
        warm("no tensor")


def test_a_weight_without_memory_raises_what_torch_raises(warm, x):
    warm.weight.untyped_storage().resize_(0)
    with torch.no_grad(), pytest.raises(RuntimeError, match="not allocated"):
        warm(x)


def test_gradients_are_torch_s_own(warm, stub, x):
    leaf = x.clone().requires_grad_()
    operands = (leaf, warm.weight, warm.bias)
    mine = torch.autograd.grad(warm(leaf).square().sum(), operands)
    expected = torch.autograd.grad(by_torch(warm, leaf).square().sum(), operands)
    assert all(map(torch.equal, mine, expected))
    assert stub.calls == 0


def test_a_frozen_module_in_a_training_model_is_the_row_s_unless_its_input_needs_gradients(
    warm, stub, x
):
    warm.requires_grad_(False)
    torch.testing.assert_close(warm(x), by_torch(warm, x))
    assert (stub.packed, stub.calls > 0) == (1, True)
    stub.calls = 0
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(warm(leaf).sum(), leaf)
    (expected,) = torch.autograd.grad(by_torch(warm, leaf).sum(), leaf)
    assert torch.equal(gradient, expected)
    assert stub.calls == 0


def test_autocast_computes_in_its_own_type(warm, stub, x):
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        output = warm(x)
        torch.testing.assert_close(output, by_torch(warm, x))
    assert output.dtype is torch.bfloat16
    assert stub.calls == 0


class Watching(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        self.seen.append(function.__name__)
        return function(*arguments, **(named or {}))


class WatchingFunctions(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, arguments=(), named=None):
        self.seen.append(getattr(function, "__name__", ""))
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("mode", [Watching, WatchingFunctions])
def test_modes_see_torch_s_convolution(warm, stub, x, mode):
    with torch.no_grad(), mode() as watching:
        warm(x)
    assert any("conv" in name for name in watching.seen)
    assert stub.calls == 0


def test_fake_tensors_are_computed_by_no_row(warm, stub, x):
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as fake:
        assert warm(fake.from_tensor(x)).shape == (2, 6, 9, 8)
    assert stub.calls == 0


def test_a_tensor_subclass_is_asked_itself(warm, stub, x):
    seen = []

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), named=None):
            seen.append(function)
            return super().__torch_function__(function, types, arguments, named or {})

    with torch.no_grad():
        assert type(warm(x.as_subclass(Mine))) is Mine
    assert F.conv2d in seen or torch.conv2d in seen
    assert stub.calls == 0


def test_vmap_over_inputs(warm, stub, x):
    many = torch.stack((x, x + 1))
    with torch.no_grad():
        expected = torch.stack([by_torch(warm, one) for one in many])
        torch.testing.assert_close(torch.vmap(warm)(many), expected)
    assert stub.calls == 0


def test_vmap_over_parameters(warm, stub, x):
    stacked = {name: torch.stack((p, p * 2)) for name, p in warm.named_parameters()}
    with torch.no_grad():
        outputs = torch.vmap(lambda parameters: torch.func.functional_call(warm, parameters, (x,)))(
            stacked
        )
        torch.testing.assert_close(outputs[0], by_torch(warm, x))
        torch.testing.assert_close(
            outputs[1], F.conv2d(x, 2 * warm.weight, 2 * warm.bias, padding=1)
        )
    assert stub.calls == 0


@pytest.mark.parametrize("kind", [torch.Tensor.detach, nn.Parameter], ids=["tensor", "Parameter"])
def test_functional_call_computes_with_what_it_is_given(warm, x, kind):
    given = {name: kind(p * 2) for name, p in warm.named_parameters()}
    with torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(
                torch.func.functional_call(warm, given, (x,)),
                F.conv2d(x, given["weight"], given["bias"], padding=1),
            )
            torch.testing.assert_close(warm(x), by_torch(warm, x))


def test_transforms_see_through(warm, stub, x):
    with torch.no_grad():
        _, tangent = torch.func.jvp(warm, (x,), (torch.ones_like(x),))
        weight = warm.weight.detach()
        torch.testing.assert_close(tangent, F.conv2d(torch.ones_like(x), weight, padding=1))
    gradient = torch.func.grad(lambda x: warm(x).sum())(x)
    leaf = x.clone().requires_grad_()
    torch.testing.assert_close(gradient, torch.autograd.grad(by_torch(warm, leaf).sum(), leaf)[0])
    assert stub.calls == 0


def test_forward_derivatives_are_torch_s(warm, stub, x):
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        with torch.no_grad():
            warm(x)
        tangent = forward_ad.unpack_dual(warm(dual)).tangent
    torch.testing.assert_close(tangent, F.conv2d(torch.ones_like(x), warm.weight, padding=1))
    assert stub.calls == 0


@pytest.mark.filterwarnings("ignore:`torch.jit.trace")
def test_a_trace_has_torch_s_operators(warm, stub, x):
    with torch.no_grad():
        traced = torch.jit.trace(warm, x, check_trace=False)
        assert "_convolution" in str(traced.inlined_graph)
        torch.testing.assert_close(traced(x + 1), by_torch(warm, x + 1))
    assert stub.calls == 0


def test_deterministic_algorithms_are_torch_s(warm, stub, x):
    torch.use_deterministic_algorithms(True)
    try:
        with torch.no_grad():
            warm(x)
    finally:
        torch.use_deterministic_algorithms(False)
    assert stub.calls == 0


@contextlib.contextmanager
def threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_another_number_of_threads_is_torch_s_until_it_is_as_planned(warm, stub, x):
    with torch.no_grad():
        with threads(torch.get_num_threads() + 1):
            torch.testing.assert_close(warm(x), by_torch(warm, x))
            assert stub.calls == 0
        warm(x)
    assert (stub.packed, stub.calls) == (1, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": "another machine"},
        {"conditions": Conditions("float64", "contiguous", 1)},
    ],
    ids=str,
)
def test_plans_made_elsewhere_leave_all_to_torch(conv, stub, x, changed):
    (plan,) = plans_of(conv)
    quicken(conv, [dataclasses.replace(plan, **changed)])
    with torch.no_grad():
        torch.testing.assert_close(conv(x), by_torch(conv, x))
    assert stub.packed == 0


def test_a_row_that_is_gone_is_left_to_torch(conv, x):
    quicken(conv, [planned(conv, (2, 4, 9, 8), "was_here_once", "impls.gemm")])
    with torch.no_grad():
        torch.testing.assert_close(conv(x), by_torch(conv, x))


def test_a_profiler_changes_nothing(warm, stub, x):
    with torch.no_grad(), torch.profiler.profile():
        torch.testing.assert_close(warm(x), by_torch(warm, x))
    assert stub.calls == 1


def test_threads_at_once_are_each_right_and_pack_once(conv, stub, x):
    inputs = [x + i for i in range(4)]
    with torch.no_grad():
        expected = [by_torch(conv, one) for one in inputs]
    wrong = []

    def call(i):
        with torch.no_grad():
            for _ in range(25):
                if not torch.allclose(conv(inputs[i]), expected[i], atol=1e-5):
                    wrong.append(i)

    together = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert wrong == []
    assert stub.packed == 1
