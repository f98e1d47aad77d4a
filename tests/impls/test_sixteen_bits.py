"""Rows that compute float16 and bfloat16 in float32: right by the judge's bounds, everywhere."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle import all_implementations, draw, magnitude
from test_every_implementation import SHAPES
from test_other_kinds import ONE_TILE_IS_ENOUGH

from suite.conditions import MEMORY_FORMATS, SIXTEEN_BIT, Scenario
from suite.errors import Unsupported
from suite.judge import reference
from suite.judge.gates import judge_output
from suite.judge.tolerance import Tolerance
from suite.operands.tensors import DTYPES, Operands, in_format
from suite.problem import Problem
from suite.registry.widening import NOTE
from suite.worker.binding import bind
from tests.drawn_problems import operands_of, problems

ROWS = [entry for entry in all_implementations() if entry.via_float32]
OF_KINDS = [
    pytest.param(
        entry,
        kind,
        # As in test_other_kinds.py: the same code is compiled for half a minute again.
        marks=[pytest.mark.slow] * (entry.name in ONE_TILE_IS_ENOUGH and kind != "conv1d"),
    )
    for entry in ROWS
    for kind in entry.declaration.kinds
    if kind != "conv2d"
]
MOST_DRAWN = 20
"""Problems until a row supports one: some cover few kernels."""
every_row = pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
every_type = pytest.mark.parametrize("dtype", SIXTEEN_BIT)
FEW_SHAPES = (
    "one number",
    "no image at all",
    "3×3 groups",
    "3×3 larger than a register block",
    "3×3 stride 2",
    "3×3 dilation 2",
    "1×1 on one pixel of one image",
    "1×7",
    "depthwise 3×3",
    "depthwise with a multiplier",
    "5×5",
)


def in_type(problem: Problem, dtype: str, **conditions) -> Scenario:
    return Scenario(id="s", problem=problem, dtype=dtype, **conditions)


def judged(entry, scenario: Scenario, operands: Operands) -> str | None:
    """Return what the judge says of a row on operands in the scenario's type and format."""
    dtype = DTYPES[scenario.dtype]
    given = operands.each(lambda tensor: in_format(tensor.to(dtype), scenario.memory_format))
    with torch.no_grad():
        invocation = bind(entry, scenario, given)
        output = invocation.call(given.varying)
    assert (output.dtype, output.shape) == (dtype, scenario.result_shape)
    assert NOTE in invocation.note
    limits = Tolerance(scenario, entry.family, entry.error_factor, entry.precision)
    expected = reference.result(scenario, given)
    size = magnitude(scenario, limits, given)
    return judge_output("normal", limits, output.contiguous(), expected, size).fault


@every_type
@every_row
def test_passes_on_shapes_that_have_broken_convolutions(entry, dtype):
    for name, memory_format in itertools.product(FEW_SHAPES, MEMORY_FORMATS):
        scenario = in_type(SHAPES[name], dtype, memory_format=memory_format)
        if entry.why_unsupported(scenario) is None:
            assert judged(entry, scenario, Operands(*draw(SHAPES[name]))) is None, name


@pytest.mark.parametrize(("entry", "kind"), OF_KINDS, ids=lambda it: getattr(it, "name", it))
@given(data=st.data())
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_passes_on_drawn_problems_of_other_kinds(entry, kind, data):
    if reason := entry.of_kind(kind).why_unavailable():
        pytest.skip(reason)
    conditions = {
        "dtype": data.draw(st.sampled_from(SIXTEEN_BIT)),
        "memory_format": data.draw(st.sampled_from(MEMORY_FORMATS)),
    }
    drawn = (data.draw(problems([kind], (1, 2, 3, 33))) for _ in range(MOST_DRAWN))
    scenarios = (Scenario(id="s", problem=problem, **conditions) for problem in drawn)
    scenario = next((s for s in scenarios if entry.why_unsupported(s) is None), None)
    assume(scenario is not None)
    assert judged(entry, scenario, operands_of(scenario.problem, "forward")) is None


@pytest.mark.parametrize("direction", ["backward_data", "backward_weight"])
@every_row
def test_gradients_pass_too(entry, direction):
    shape = next(
        (
            SHAPES[name]
            for name in ("3×3 larger than a register block", "depthwise 3×3", "1×1 on one pixel")
            if entry.why_unsupported(in_type(SHAPES[name], "bfloat16")) is None
        ),
        None,
    )
    if shape is None:  # of another kind, or covers one pixel alone
        return
    for dtype in SIXTEEN_BIT:
        scenario = in_type(dataclasses.replace(shape, bias=False), dtype, direction=direction)
        grad = torch.randn(shape.output_shape, generator=torch.Generator().manual_seed(1))
        with contextlib.suppress(Unsupported):  # Winograd's where the gradient has a stride
            assert judged(entry, scenario, Operands(*draw(shape)[:2], None, grad)) is None


@pytest.mark.parametrize("name", ["depthwise", "onednn_prepacked"])
@every_type
def test_what_it_fuses_comes_before_the_only_rounding(name, dtype):
    (entry,) = (entry for entry in ROWS if entry.name == name)
    plain = dataclasses.replace(SHAPES["depthwise 3×3"], epilogue="add_relu")
    operands = Operands(*draw(plain), residual=draw(plain)[0])
    assert operands.residual.shape == plain.output_shape
    given = operands.each(lambda tensor: tensor.to(DTYPES[dtype]))
    output = bind(entry, in_type(plain, dtype), given).call(given.input)
    wide = given.each(lambda tensor: tensor.float())
    expected = bind(entry, in_type(plain, "float32"), wide).call(wide.input)
    assert torch.equal(output, expected.to(DTYPES[dtype]))


@every_row
def test_documents_the_memory_of_what_it_converts(entry):
    own = next(
        (
            (shape, in_float32)
            for shape in SHAPES.values()
            if entry.why_unsupported(in_type(shape, "float32")) is None
            if (in_float32 := entry.declared_workspace_bytes(shape, 4)) is not None
        ),
        None,
    )
    if own is None:  # of other kinds, or somebody else's
        return
    shape, in_float32 = own
    converted = shape.input_elements + shape.output_elements
    assert entry.declared_workspace_bytes(shape, 2) >= in_float32 + 4 * converted
