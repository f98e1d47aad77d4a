"""torch.compile and torch.export: a graph has the operator, or torch's own convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from quick_modules import by_torch, planned
from torch import nn

from suite.network import operator, quicken, refresh
from suite.network.packs import WORTHWHILE_CALLS

EXPORT_KNOWS_ITSELF = hasattr(torch.compiler, "is_exporting")
in_graphs = pytest.mark.skipif(not EXPORT_KNOWS_ITSELF, reason="graphs of this torch have none")


@pytest.fixture(autouse=True)
def _compiled_anew():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(model, **options):
    """Compile with what the graph is made of, and without a C++ compiler."""
    return torch.compile(model, backend="aot_eager", fullgraph=True, **options)


@in_graphs
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_compiled_module_calls_its_row_and_packs_once(conv, stub, x, mode):
    model = compiled(nn.Sequential(conv, nn.ReLU()))
    with mode():
        for _ in range(WORTHWHILE_CALLS + 3):
            torch.testing.assert_close(model(x), by_torch(conv, x).relu())
    assert stub.packed == 1
    assert stub.calls > WORTHWHILE_CALLS


@in_graphs
def test_a_compiled_module_sees_a_changed_weight(conv, stub, x):
    model = compiled(conv)
    with torch.no_grad():
        model(x)
        conv.weight.mul_(2)
        torch.testing.assert_close(model(x), by_torch(conv, x))
        conv.weight.data.mul_(2)
        torch.testing.assert_close(model(x), by_torch(conv, x))
        conv.weight = nn.Parameter(torch.randn_like(conv.weight))
        torch.testing.assert_close(model(x), by_torch(conv, x))


@in_graphs
def test_a_compiled_module_takes_other_sizes_and_formats(conv, x):
    model = compiled(conv)
    last = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for other in (x, x[:, :, 2:], x[:1], last, x[0]):
            output, expected = model(other), by_torch(conv, other)
            torch.testing.assert_close(output, expected)
            assert output.stride() == expected.stride()


def test_a_compiled_module_trains_as_torch_does(conv, stub, x):
    model = compiled(conv)
    leaf = x.clone().requires_grad_()
    operands = (leaf, conv.weight, conv.bias)
    mine = torch.autograd.grad(model(leaf).square().sum(), operands)
    expected = torch.autograd.grad(by_torch(conv, leaf).square().sum(), operands)
    for a, b in zip(mine, expected, strict=True):
        torch.testing.assert_close(a, b)
    assert stub.calls == 0


def test_a_compiled_module_computes_in_autocast_s_type(conv, stub, x):
    model = compiled(conv)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(x).dtype is torch.bfloat16
    assert stub.calls == 0


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(
    "options", [{"padding": "same", "kernel_size": 4}, {"padding": 1, "padding_mode": "circular"}]
)
def test_a_compiled_module_that_pads_by_itself_is_torch_s(stub, x, options):
    conv = nn.Conv2d(4, 6, **{"kernel_size": 3, **options})
    quicken(conv, [planned(conv, (2, 4, 9, 8))])
    with torch.no_grad():
        torch.testing.assert_close(compiled(conv)(x), by_torch(conv, x))


def test_vmap_compiles(conv, x):
    many = torch.stack((x, x + 1))
    with torch.no_grad():
        model = compiled(torch.vmap(conv.forward))
        torch.testing.assert_close(model(many), torch.stack([by_torch(conv, x) for x in many]))


@pytest.mark.parametrize("strict", [True, False])
def test_an_exported_program_has_torch_s_own_convolution(conv, stub, x, strict):
    with torch.no_grad():
        program = torch.export.export(conv, (x,), strict=strict)
    assert "convgauge" not in str(program.graph)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x), by_torch(conv, x))
    assert stub.calls == 0


def operands(requires_grad: bool, bias: bool = True, memory_format=torch.contiguous_format):
    shapes = [(2, 4, 7, 6), (6, 2, 3, 3)]
    x, weight = (
        torch.randn(shape).contiguous(memory_format=memory_format).requires_grad_(requires_grad)
        for shape in shapes
    )
    return x, weight, torch.randn(6, requires_grad=requires_grad) if bias else None


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_the_operator_keeps_the_rules_for_operators(requires_grad, memory_format):
    tensors = operands(requires_grad, memory_format=memory_format)
    torch.library.opcheck(operator.conv2d, (*tensors, [1, 2], [1, 0], [1, 1], 2, "no layer"))
    tensors = operands(requires_grad, bias=False)
    torch.library.opcheck(operator.conv2d, (*tensors, [2, 1], [2, 1], [2, 1], 2, "no layer"))


def test_the_operator_s_gradients_are_right():
    shapes = [(1, 2, 3, 2), (2, 1, 2, 2), (2,)]
    tensors = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]

    def convolve(*tensors):
        return operator.conv2d(*tensors, [1, 2], [1, 0], [1, 1], 2, "no layer")

    assert torch.autograd.gradcheck(convolve, tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(convolve, tensors, fast_mode=True)


def test_the_operator_computes_by_torch_where_the_named_layer_has_other_arguments(conv, stub, x):
    weight = conv.weight.detach()
    name = conv._quick.name
    output = operator.conv2d(x, weight, None, [2, 1], [0, 0], [1, 1], 1, name)
    torch.testing.assert_close(output, F.conv2d(x, weight, stride=(2, 1)))
    assert stub.calls == 0


def test_the_operator_under_vmap_is_torch_s(conv):
    x, weight, bias = operands(False)
    xs, biases = torch.stack((x, x + 1)), torch.stack((bias, bias + 1))
    arguments = [1, 1], [0, 0], [1, 1], 2

    def convolve(x, bias):
        return operator.conv2d(x, weight, bias, *arguments, "no layer")

    outputs = torch.vmap(convolve)(xs, biases)
    for output, x, bias in zip(outputs, xs, biases, strict=True):
        torch.testing.assert_close(output, F.conv2d(x, weight, bias, groups=2))


@pytest.mark.slow  # Inductor compiles C++ for it
@in_graphs
def test_inductor_s_code_calls_the_row(conv, stub, x):
    model = torch.compile(nn.Sequential(nn.ReLU(), conv, nn.ReLU()), fullgraph=True)
    with torch.no_grad():
        for _ in range(WORTHWHILE_CALLS + 3):
            torch.testing.assert_close(model(x), by_torch(conv, x.relu()).relu())
        refresh(conv)
        last = x.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(model(last), by_torch(conv, last.relu()).relu())
    assert stub.calls > WORTHWHILE_CALLS
