import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from suite.conditions import Scenario
from suite.errors import UsageError
from suite.problem import Problem
from suite.records import from_plain

SMALL = {"batch_size": 1, "in_channels": 4, "height": 9, "width": 7, "out_channels": 6}
SMALL |= {"kernel_h": 3, "kernel_w": 3}


def problem(**changes):
    return Problem(**{**SMALL, **changes})


@st.composite
def problems(draw):
    groups = draw(st.integers(1, 3))
    sizes = {
        "batch_size": draw(st.integers(0, 2)),
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    for axis, names in {"h": ("height", "top", "bottom"), "w": ("width", "left", "right")}.items():
        size, before, after = names
        sizes[size] = draw(st.integers(1, 9))
        sizes[f"pad_{before}"] = draw(st.integers(0, 3))
        sizes[f"pad_{after}"] = draw(st.integers(0, 3))
        sizes[f"kernel_{axis}"] = draw(st.integers(1, 4))
        sizes[f"stride_{axis}"] = draw(st.integers(1, 5))
        sizes[f"dilation_{axis}"] = draw(st.integers(1, 3))
        padded = sizes[size] + sizes[f"pad_{before}"] + sizes[f"pad_{after}"]
        assume((sizes[f"kernel_{axis}"] - 1) * sizes[f"dilation_{axis}"] < padded)
    return Problem(**sizes)


@given(problems())
def test_the_output_has_as_many_rows_and_columns_as_the_kernel_has_places(p):
    def count_places(padded, covered, stride):
        return sum(start + covered <= padded for start in range(0, padded, stride))

    assert p.out_h == count_places(p.padded_h, p.effective_kernel_h, p.stride_h)
    assert p.out_w == count_places(p.padded_w, p.effective_kernel_w, p.stride_w)


@given(problems())
@settings(deadline=None, max_examples=60)
def test_shapes_are_those_that_torch_computes(p):
    pads = (p.pad_left, p.pad_right, p.pad_top, p.pad_bottom)
    padded = F.pad(torch.zeros(p.input_shape), pads)
    output = F.conv2d(
        padded,
        torch.zeros(p.weight_shape),
        torch.zeros(p.out_channels) if p.bias else None,
        p.stride,
        (0, 0),
        p.dilation,
        p.groups,
    )
    assert tuple(output.shape) == p.output_shape
    assert p.output_elements == output.numel()


@given(problems())
@settings(deadline=None, max_examples=60)
def test_direct_flops_count_a_multiply_and_an_add_of_each_product(p):
    products = 0
    for _ in range(p.output_elements):
        for _ in range(p.in_channels // p.groups):
            products += p.kernel_h * p.kernel_w
    assert p.direct_flops == 2 * products


def test_least_bytes_count_each_tensor_once():
    p = problem(bias=True)
    tensors = (p.input_shape, p.weight_shape, p.output_shape, (p.out_channels,))
    assert p.least_bytes(8) == sum(8 * torch.zeros(shape).numel() for shape in tensors)
    assert p.least_bytes(8) - problem().least_bytes(8) == 8 * p.out_channels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": -1}, "batch_size is -1, it must be 0 or more"),
        ({"pad_left": -2}, "pad_left is -2, it must be 0 or more"),
        ({"stride_w": 0}, "stride_w is 0, it must be 1 or more"),
        ({"kernel_h": 0}, "kernel_h is 0, it must be 1 or more"),
        ({"groups": 3}, "groups 3 does not divide in_channels 4"),
        ({"groups": 4}, "groups 4 does not divide out_channels 6"),
        ({"kernel_h": 10}, "the kernel covers 10 along the height, the padded input has only 9"),
        ({"dilation_w": 4}, "the kernel covers 9 along the width, the padded input has only 7"),
    ],
)
def test_sizes_that_make_no_convolution_are_refused_with_the_reason(changes, message):
    with pytest.raises(UsageError) as caught:
        problem(**changes)
    assert str(caught.value).startswith(message)


def test_all_faults_are_told_in_one_message():
    with pytest.raises(UsageError) as caught:
        problem(stride_h=0, pad_top=-1)
    assert str(caught.value).count("it must be") == 2


def test_a_kernel_as_large_as_the_padded_input_has_one_place():
    assert problem(kernel_h=11, kernel_w=7, pad_top=2).output_shape == (1, 6, 1, 1)


def test_asymmetric_padding_is_applied_before_an_implementation_is_called():
    p = problem(pad_top=1, pad_left=2, pad_right=2)
    assert p.is_asymmetric
    assert p.padding == (0, 0)
    called = p.as_called()
    assert (called.height, called.width, called.padding) == (10, 11, (0, 0))
    assert called.output_shape == p.output_shape


def test_depthwise_means_one_input_channel_a_group():
    assert problem(groups=4, out_channels=8).is_depthwise
    assert not problem(groups=2).is_depthwise
    assert not problem(in_channels=1).is_depthwise


@given(problems())
def test_a_problem_is_found_again_from_the_arguments_of_its_call(p):
    called = p.as_called()
    again = Problem.of_call(
        called.input_shape,
        called.weight_shape,
        bias=called.bias,
        stride=called.stride,
        padding=called.padding,
        dilation=called.dilation,
        groups=called.groups,
    )
    assert again == called


def scenario(**changes):
    p = problem(groups=2, bias=True)
    return Scenario(**{"id": "x/a", "problem": p, "dtype": "float64", **changes})


def test_a_scenario_survives_its_record():
    given_scenario = scenario(threads=2, cache="cold", occurrences=3, source="x")
    assert from_plain(Scenario, given_scenario.to_dict()) == given_scenario


@pytest.mark.parametrize("direction", ["forward", "backward_data", "backward_weight"])
def test_the_result_has_the_shape_that_autograd_gives(direction):
    p = problem(groups=2, pad_top=1, pad_bottom=1)
    x = torch.zeros(p.input_shape, requires_grad=True)
    w = torch.zeros(p.weight_shape, requires_grad=True)
    y = F.conv2d(x, w, None, p.stride, p.padding, p.dilation, p.groups)
    y.sum().backward()
    result = {"forward": y, "backward_data": x.grad, "backward_weight": w.grad}[direction]
    assert scenario(problem=p, direction=direction).result_shape == tuple(result.shape)


@pytest.mark.parametrize("direction", ["forward", "backward_data", "backward_weight"])
def test_the_reduction_length_is_the_most_products_summed_into_one_element(direction):
    p = problem(batch_size=2, groups=2)
    x = torch.ones(p.input_shape, requires_grad=True)
    w = torch.ones(p.weight_shape, requires_grad=True)
    y = F.conv2d(x, w, None, p.stride, p.padding, p.dilation, p.groups)
    y.sum().backward()
    result = {"forward": y, "backward_data": x.grad, "backward_weight": w.grad}[direction]
    assert scenario(problem=p, direction=direction).reduction_length == int(result.max())
