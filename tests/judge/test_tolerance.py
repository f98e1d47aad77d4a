"""The gates: honest rounding passes, planted errors do not."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from suite.conditions import Scenario
from suite.input_kinds import CHECK_KINDS, SPECIAL_KINDS
from suite.judge import gates, reference
from suite.judge.gates import error_ratio, judge_output
from suite.judge.tolerance import Tolerance
from suite.messages.judge import Judgement
from suite.operands import gate_inputs, tensors
from suite.operands.tensors import Operands
from suite.problem import Problem

DEEP = Problem(
    batch_size=1,
    in_channels=64,
    height=14,
    width=14,
    out_channels=32,
    kernel_h=3,
    kernel_w=3,
    pad_top=1,
    pad_bottom=1,
    pad_left=1,
    pad_right=1,
)


def drawn(kind: str, scenario: Scenario, seed: int = 0) -> Operands:
    dtype = tensors.DTYPES[scenario.dtype]
    problem = scenario.problem
    operands = Operands(
        torch.empty(problem.input_shape, dtype=dtype),
        torch.empty(problem.weight_shape, dtype=dtype),
    )
    gate_inputs.draw(kind, scenario, operands, torch.Generator().manual_seed(seed))
    return operands


def judged(
    kind: str, output: torch.Tensor, operands: Operands, scenario: Scenario, **declared: object
) -> Judgement:
    tolerance = Tolerance(scenario, **{"family": "direct", "error_factor": 1.0, **declared})
    expected = reference.result(scenario, operands)
    is_uneven = kind == "spiked" or reference.shows_too_little(scenario.problem)
    size = reference.reach if tolerance.is_norm_wise and is_uneven else reference.magnitude
    return judge_output(kind, tolerance, output, expected, size(scenario, operands))


@pytest.mark.parametrize("kind", [kind for kind in CHECK_KINDS if kind not in SPECIAL_KINDS])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("seed", range(3))
def test_torch_itself_passes_every_kind_of_input(kind, dtype, seed):
    scenario = Scenario(id="s", problem=DEEP, dtype=dtype)
    operands = drawn(kind, scenario, seed)
    output = F.conv2d(operands.input, operands.weight, padding=1)

    assert judged(kind, output, operands, scenario).fault is None


def test_what_approximates_the_weight_is_held_to_the_largest_sum_of_its_image():
    """Its channels are mixed: where one has nothing to sum, the others' error shows."""
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("integer", scenario)
    operands.weight[0] = 0
    off = F.conv2d(operands.input, operands.weight, padding=1)
    off[0, 0] += 1e-6

    assert judged("integer", off, operands, scenario).fault is not None
    assert judged("integer", off, operands, scenario, precision="approximate").fault is None
    off[0, 0] += off.abs().max()
    assert judged("integer", off, operands, scenario, precision="approximate").fault is not None


@pytest.mark.parametrize("kind", ["integer", "normal", "uniform", "large"])
def test_bfloat16_inside_a_float32_row_fails_unless_it_is_declared(kind):
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn(kind, scenario)
    low = F.conv2d(operands.input.bfloat16(), operands.weight.bfloat16(), padding=1).float()

    assert judged(kind, low, operands, scenario).fault is not None
    assert judged("normal", low, operands, scenario, precision="bfloat16").fault is None


def test_tf32_sized_errors_fail_the_norm_gate():
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("normal", scenario)

    def truncated(tensor: torch.Tensor) -> torch.Tensor:
        return (tensor.view(torch.int32) & ~0x1FFF).view(torch.float32)

    output = F.conv2d(truncated(operands.input), truncated(operands.weight), padding=1)

    assert judged("normal", output, operands, scenario).fault is not None


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), 1.0])
def test_one_wrong_element_is_found_and_named(value):
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("normal", scenario)
    output = F.conv2d(operands.input, operands.weight, padding=1)
    output[0, 31, 13, 12] = value

    found = judged("normal", output, operands, scenario)

    assert found.fault is not None
    assert "1 of 6272 elements" in found.fault
    assert "[0, 31, 13, 12]" in found.fault
    assert found.residuals.worst is not None
    assert found.residuals.worst.index == (0, 31, 13, 12)


def test_wrong_elements_in_several_pieces_are_counted_and_the_worst_is_named(monkeypatch):
    monkeypatch.setattr(gates, "CACHED_ELEMENTS", 100)
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("normal", scenario)
    output = F.conv2d(operands.input, operands.weight, padding=1)
    output[0, 3, 1, 2] += 1
    output[0, 31, 13, 12] += 2

    found = judged("normal", output, operands, scenario)

    assert "2 of 6272 elements" in found.fault
    assert found.residuals.worst.index == (0, 31, 13, 12)


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_constants_never_pass(constant):
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("normal", scenario)

    output = torch.full(DEEP.output_shape, constant)

    assert judged("normal", output, operands, scenario).fault is not None


def test_direct_methods_must_be_exact_on_integers_and_transforms_nearly():
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("integer", scenario)
    output = F.conv2d(operands.input, operands.weight, padding=1)
    output[0, 0, 0, 0] += 1e-4

    assert judged("integer", output, operands, scenario).fault is not None
    fft = {"family": "fft", "error_factor": 2.0}
    assert judged("integer", output, operands, scenario, **fft).fault is None


@pytest.mark.parametrize("windows", [1, 2, 5])
def test_a_transform_rounds_with_values_that_its_few_windows_hardly_use(windows):
    problem = Problem.of_call((1, 12_800, windows + 1, 1), (12_800, 1, 2, 1), groups=12_800)
    scenario = Scenario(id="s", problem=problem)
    operands = drawn("transposed", scenario)
    length = windows + 1
    lines = torch.fft.rfft(operands.input[0, ..., 0], length)
    taps = torch.fft.rfft(operands.weight[:, 0, :, 0], length).conj()
    output = torch.fft.irfft(lines * taps, length)[:, :windows].view(problem.output_shape)

    fft = {"family": "fft", "error_factor": 2.0}
    assert judged("transposed", output.contiguous(), operands, scenario, **fft).fault is None


def test_the_largest_of_a_million_honest_errors_is_not_called_wrong():
    problem = Problem(
        batch_size=1,
        in_channels=32,
        height=200,
        width=200,
        out_channels=32,
        kernel_h=3,
        kernel_w=3,
        groups=32,
    )
    scenario = Scenario(id="s", problem=problem)
    for seed in range(3):
        operands = drawn("normal", scenario, seed)
        columns = F.unfold(operands.input, 3).view(32, 9, -1)
        output = torch.zeros(32, columns.shape[-1])
        for tap in range(9):
            output += columns[:, tap] * operands.weight.view(32, 9)[:, tap, None]

        assert judged("normal", output.view(1, 32, 198, 198), operands, scenario).fault is None


def test_a_plain_sum_of_many_products_is_not_called_wrong():
    problem = Problem(
        batch_size=1, in_channels=4608, height=4, width=4, out_channels=2, kernel_h=1, kernel_w=1
    )
    scenario = Scenario(id="s", problem=problem)
    operands = drawn("normal", scenario)
    output = torch.zeros(problem.output_shape)
    for c in range(problem.in_channels):
        output += operands.weight[None, :, c] * operands.input[:, c : c + 1]

    assert judged("normal", output, operands, scenario).fault is None


def test_where_no_error_is_allowed_the_exact_value_is_right_and_nothing_else():
    got = torch.tensor([0.0, 1e-30, 1.0, float("nan"), float("inf")], dtype=torch.float64)
    none = torch.zeros(5, dtype=torch.float64)

    assert error_ratio(got, none, none).tolist() == [0.0, *[float("inf")] * 4]
    assert error_ratio(got[:0], none[:0], none[:0]).numel() == 0


def test_an_empty_output_has_nothing_wrong():
    scenario = Scenario(id="s", problem=dataclasses.replace(DEEP, batch_size=0))
    operands = drawn("normal", scenario)

    assert judged("normal", torch.empty(0, 32, 14, 14), operands, scenario).fault is None


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transform_methods_share_a_plane_of_as_many_axes_as_there_are(axes):
    problem = Problem.of_call((2, 3, *(4,) * axes), (5, 3, *(3,) * axes), padding=1)
    limits = Tolerance(Scenario(id="s", problem=problem), family="fft", error_factor=2)
    assert limits.shared_size(torch.rand(problem.output_shape)).shape == (2, 5, *(1,) * axes)


def test_a_small_product_in_float16_may_be_off_by_half_of_the_least_step():
    problem = Problem.of_call((1, 1, 40, 50), (1, 1, 1, 1))
    scenario = Scenario(id="s", problem=problem, dtype="float16")
    x = torch.ones(2000)
    x[:50] = torch.linspace(1e-3, 3e-3, 50)
    operands = Operands(
        x.view(problem.input_shape).half(), torch.full((1, 1, 1, 1), 2e-3, dtype=torch.float16)
    )
    rounded = (operands.input.float() * operands.weight.float()).half()
    assert judged("normal", rounded, operands, scenario).fault is None
    spoilt = rounded.clone()
    spoilt[0, 0, 0, 3] += 2.0**-23
    assert judged("normal", spoilt, operands, scenario).fault is not None


def test_a_transform_in_16_bits_has_whole_numbers_right_after_rounding_too():
    scenario = Scenario(id="s", problem=DEEP, dtype="float16")
    operands = drawn("integer", scenario)
    operands.weight[0] = 0
    off = F.conv2d(operands.input.float(), operands.weight.float(), padding=1).half()
    off[0, 0] += 1e-6
    transform = {"family": "winograd", "error_factor": 4.0}

    assert judged("integer", off, operands, scenario, **transform).fault is None
    assert judged("integer", off, operands, scenario).fault is not None
    off[0, 0] += 1
    assert judged("integer", off, operands, scenario, **transform).fault is not None
