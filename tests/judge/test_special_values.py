"""A NaN or infinity comes out where it must, and as what it must."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.conditions import DIRECTIONS, Scenario
from suite.input_kinds import SPECIAL_KINDS
from suite.judge.special_values import Spread, spread_fault, spread_of
from suite.judge.tolerance import Tolerance
from suite.operands.tensors import Operands
from suite.problem import Problem
from tests.judge.test_reference import by_autograd, operands_of, problems
from tests.judge.test_tolerance import DEEP, drawn

INF, NAN = float("inf"), float("nan")
DIRECT = ("loops", "direct", "im2col", "gemm", "depthwise", "reference", "vendor", "engine")
TRANSFORMS = {"fft": 2.0, "winograd": 4.0, "auto": 4.0, "vendor": 8.0, "engine": 8.0}


def limits(family: str = "direct", factor: float = 1.0, device: str = "cpu", precision=None):
    scenario = Scenario(id="s", problem=DEEP, device=device)
    return Tolerance(scenario, family=family, error_factor=factor, precision=precision)


def fault(
    kind: str, output: torch.Tensor, spread: Spread, policy: str = "receptive_field", **kind_of
):
    return spread_fault(kind, limits(**kind_of), policy, output, spread)


@pytest.mark.parametrize("kind", SPECIAL_KINDS)
def test_a_special_value_must_reach_its_receptive_field_and_no_more_than_declared(kind):
    operands = drawn(kind, Scenario(id="s", problem=DEEP))
    spread = spread_of(Scenario(id="s", problem=DEEP), operands)
    output = F.conv2d(operands.input, operands.weight, padding=1)

    assert fault(kind, output, spread) is None
    swallowed = output.nan_to_num(0, 0, 0)
    assert "came out finite" in str(fault(kind, swallowed, spread))
    everywhere = torch.where(spread.must, output, NAN)
    assert "beyond" in str(fault(kind, everywhere, spread))
    assert fault(kind, everywhere, spread, "plane") is None


def test_who_spreads_a_special_value_beyond_what_is_declared_is_told_what_to_declare():
    field = torch.zeros(1, 2, 40, 40, dtype=torch.bool)
    field[0, 0, 0, 0] = True
    everywhere = torch.full(field.shape, NAN)
    spread = Spread(field, field, everywhere.double())

    wider = str(fault("nan", everywhere, spread))
    assert 'nan_policy="tile" or "plane"' in wider
    assert 'nan_policy="plane"' in str(fault("nan", everywhere, spread, "tile"))


@pytest.mark.parametrize("kind", SPECIAL_KINDS)
def test_a_special_gradient_far_out_in_the_padding_may_spoil_its_channel_and_no_other(kind):
    problem = Problem.of_call((1, 1, 1, 3), (4, 1, 1, 3), padding=(0, 4))
    scenario = Scenario(id="s", problem=problem, direction="backward_weight")
    for column in range(problem.out_w):
        grad = torch.ones(problem.output_shape)
        grad[0, 2, 0, column] = float(kind)
        x = torch.ones(problem.input_shape)
        operands = Operands(x, torch.ones(problem.weight_shape), grad=grad)
        spread = spread_of(scenario, operands)
        output = torch.nn.grad.conv2d_weight(F.pad(x, (4, 4)), problem.weight_shape, grad)

        assert not output[2].isfinite().all()
        assert fault(kind, output, spread) is None
        skipped = torch.where(spread.must, output, 1.0)
        assert fault(kind, skipped, spread) is None
        output[1, 0, 0, 0] = float(kind)
        assert "beyond" in str(fault(kind, output, spread))


def with_one_infinity() -> tuple[torch.Tensor, Spread]:
    """Return what torch makes of an infinity, of both signs by the weights', and what is due."""
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("inf", scenario)
    output = F.conv2d(operands.input, operands.weight, padding=1)
    assert {INF, -INF} <= set(output[output.isinf()].tolist())
    return output, spread_of(scenario, operands)


OTHERWISE = {
    "nan": lambda y: torch.where(y.isinf(), NAN, y),
    "the other infinity": lambda y: torch.where(y.isinf(), -y, y),
    "always the positive one": lambda y: torch.where(y.isinf(), INF, y),
    "nan at one place": lambda y: y.index_put(tuple(y.isinf().nonzero()[-1]), torch.tensor(NAN)),
}


@pytest.mark.parametrize("family", DIRECT)
@pytest.mark.parametrize("policy", ["receptive_field", "tile", "plane"])
@pytest.mark.parametrize("otherwise", OTHERWISE.values(), ids=OTHERWISE)
def test_what_sums_directly_must_give_the_infinity_itself(family, policy, otherwise):
    output, spread = with_one_infinity()

    assert fault("inf", output, spread, policy, family=family) is None
    assert "another value; [0, " in str(
        fault("inf", otherwise(output), spread, policy, family=family)
    )


@pytest.mark.parametrize(
    "transform",
    [
        *({"family": family, "factor": factor} for family, factor in TRANSFORMS.items()),
        {"family": "direct", "precision": "approximate"},
    ],
    ids=str,
)
def test_a_transform_may_make_nan_of_an_infinity_and_nothing_finite(transform):
    output, spread = with_one_infinity()

    assert fault("inf", OTHERWISE["nan"](output), spread, "plane", **transform) is None
    assert "finite" in str(fault("inf", output.nan_to_num(0, 0, 0), spread, "plane", **transform))


def test_on_a_gpu_a_library_that_chooses_its_algorithm_unseen_may_have_chosen_a_transform():
    output, spread = with_one_infinity()
    nan = OTHERWISE["nan"](output)

    assert fault("inf", nan, spread, "tile", family="vendor", device="cuda") is None
    assert fault("inf", nan, spread, "receptive_field", family="vendor", device="cuda")
    assert fault("inf", nan, spread, "tile", family="gemm", device="cuda")


@pytest.mark.parametrize("family", [*DIRECT, "fft", "winograd"])
def test_nan_comes_out_as_nan_whatever_the_method(family):
    scenario = Scenario(id="s", problem=DEEP)
    operands = drawn("nan", scenario)
    output = F.conv2d(operands.input, operands.weight, padding=1)
    spread = spread_of(scenario, operands)

    assert fault("nan", output, spread, "plane", family=family) is None
    infinite = torch.where(output.isnan(), INF, output)
    assert "another value" in str(fault("nan", infinite, spread, "plane", family=family))


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(
    problem=problems().filter(lambda p: p.batch_size > 0),
    values=st.lists(st.sampled_from([INF, -INF, NAN]), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=30, deadline=None)
def test_what_is_due_is_what_autograd_computes(direction, problem, values, seed):
    """Several values at once, and zeros among the weights: signs cancel, and zero makes NaN."""
    scenario = Scenario(id="s", problem=problem, direction=direction, dtype="float64")
    operands = operands_of(problem, direction)
    generator = torch.Generator().manual_seed(seed)
    operands = operands.each(
        lambda t: t.masked_fill(torch.rand(t.shape, generator=generator) < 0.1, 0)
    )
    varying = operands.varying
    if not varying.numel():
        return
    places = torch.randperm(varying.numel(), generator=generator)[: len(values)]
    varying.view(-1)[places] = torch.tensor(values[: len(places)], dtype=torch.float64)

    spread = spread_of(scenario, operands)

    computed = by_autograd(problem, direction, operands)
    assert torch.equal(spread.must | spread.may, spread.may)
    if (
        direction == "backward_weight"
        and problem.pad_top + problem.pad_left + problem.pad_bottom + problem.pad_right
    ):
        return  # where a gradient meets padding and input, padding may make NaN
    torch.testing.assert_close(computed[spread.must], spread.value[spread.must], equal_nan=True)
    assert not spread.may.logical_not().logical_and(~computed.isfinite()).any()
