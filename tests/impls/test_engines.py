"""Where an engine alone goes wrong."""

from __future__ import annotations

import pytest
from oracle import call, draw, implementations, worst_ratio

from suite.kinds import KINDS
from suite.problem import Problem

ENTRIES = {entry.name: entry for entry in implementations()}
PROBLEMS = {
    "1×1": Problem.of_call((1, 34, 7, 9), (26, 17, 1, 1), groups=2),
    "3×3": Problem.of_call((2, 9, 5, 5), (18, 3, 3, 3), groups=3),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_ncnn_takes_groups_apart_where_planes_are_no_whole_16_bytes(problem):
    entry = ENTRIES["ncnn"]
    if reason := entry.why_unavailable():
        pytest.skip(reason)
    input, weight, bias = draw(problem)
    output = call(entry, problem, input, weight, bias)
    assert worst_ratio(entry, problem, output, input, weight, bias) <= 1


def transposed(**sizes):
    return Problem.of_call((1, 8, 9), (8, 4, 3), transposed=True, stride=(2,), **sizes)


def test_what_an_engine_refuses_or_computes_wrongly_is_unsupported_and_the_rest_is_not():
    beyond = transposed(output_padding=(2,), dilation=(3,))
    padded = transposed(output_padding=(2,), dilation=(3,), padding=(7,))

    assert "smaller than the stride" in ENTRIES["onnxruntime"].why_unsupported_problem(beyond)
    assert ENTRIES["onnxruntime"].why_unsupported_problem(transposed(output_padding=(1,))) is None
    assert "wrong where" in ENTRIES["openvino"].why_unsupported_problem(padded)
    assert ENTRIES["openvino"].why_unsupported_problem(beyond) is None


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "jax"])
def test_an_engine_is_there_for_every_kind(name):
    assert set(ENTRIES[name].declaration.kinds) == set(KINDS)
