"""What holds for every convolution, whoever computes it: Hypothesis draws the shapes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import call, draw, implementations

from suite.conditions import Scenario
from suite.problem import Problem

SLOW = ("compile",)  # about 10 s a shape
ENTRIES = [
    entry
    for entry in implementations()
    if not entry.why_unavailable() and entry.name not in SLOW and "cpu" in entry.devices
]
every = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
few = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    scale = float(b.abs().max()) if b.numel() else 0.0
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=1e-4 * max(1.0, scale))


def covers(entry, problem: Problem) -> bool:
    return not entry.why_unsupported(Scenario(id="property", problem=problem))


@st.composite
def problems(draw, entry, **fixed) -> Problem:
    """Draw a problem that the implementation covers, from what it is likely to cover."""
    groups = draw(st.sampled_from((1, 2, "depthwise")))
    c = draw(st.sampled_from((4, 6)))
    kernel = draw(st.sampled_from(((3, 3), (1, 1), (5, 5), (2, 2), (1, 3))))
    stride = draw(st.sampled_from((1, 2)))
    padding = draw(st.sampled_from((0, 1)))
    size = draw(st.integers(5, 9)), draw(st.integers(5, 9))
    candidates = [
        (kernel, stride, padding, groups, 0),
        (kernel, kernel[0], 0, groups, 0),
        ((3, 3), 1, padding, 1, 0),
        ((1, 1), stride, 0, groups, 0),
        ((3, 3), 1, padding, "depthwise", 0),
        ((2, 2), 2, 0, 1, 0),
        ((3, 3), 1, padding, 1, 16),  # NNPACK wants that many channels
    ]
    for kernel, stride, usual_padding, groups, least in candidates:
        padding = fixed.get("padding", usual_padding)
        c_in = max(c, least)
        g = c_in if groups == "depthwise" else groups
        problem = Problem.of_call(
            (draw(st.integers(1, 2)), c_in, *size),
            (c_in, c_in // g, *kernel),
            stride=(stride, stride),
            padding=(padding, padding),
            groups=g,
        )
        if covers(entry, problem):
            return problem
    pytest.skip("covers none of the shapes that this property needs")


@every
@few
@given(data=st.data())
def test_a_sum_of_inputs_gives_the_sum_of_outputs(entry, data):
    problem = data.draw(problems(entry))
    (x, w, _), (z, _, _) = draw(problem, seed=1), draw(problem, seed=2)
    together = call(entry, problem, 2 * x - 3 * z, w, None)
    apart = 2 * call(entry, problem, x, w, None) - 3 * call(entry, problem, z, w, None)
    assert close(together, apart)


@every
@few
@given(data=st.data())
def test_a_kernel_with_a_single_one_copies_its_channel(entry, data):
    problem = data.draw(problems(entry))
    x, w, _ = draw(problem)
    w.zero_()
    r, s = problem.kernel_h // 2, problem.kernel_w // 2
    w[:, 0, r, s] = 1
    y = call(entry, problem, x, w, None)
    padded = torch.nn.functional.pad(x, (problem.pad_left,) * 2 + (problem.pad_top,) * 2)
    shifted = padded[:, :: problem.in_channels // problem.groups, r:, s:]
    taken = shifted[:, :, :: problem.stride_h, :: problem.stride_w]
    taken = taken[:, :, : problem.out_h, : problem.out_w]
    assert close(y, taken.repeat_interleave(problem.out_channels // problem.groups, dim=1))


@every
@few
@given(data=st.data())
def test_a_shifted_input_gives_a_shifted_output(entry, data):
    problem = data.draw(problems(entry, padding=0))
    x, w, _ = draw(problem)
    step = problem.stride_h
    if problem.out_h < 2:
        return
    moved = torch.roll(x, -step, dims=2)
    y, z = call(entry, problem, x, w, None), call(entry, problem, moved, w, None)
    assert close(z[:, :, : problem.out_h - 1], y[:, :, 1:])


@every
@few
@given(data=st.data())
def test_padding_equals_zeros_around_the_input(entry, data):
    problem = data.draw(problems(entry, padding=1)) if pads(entry) else None
    if problem is None:
        return
    x, w, _ = draw(problem)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    bare = Problem.of_call(
        tuple(padded.shape), tuple(w.shape), stride=problem.stride, groups=problem.groups
    )
    assert close(call(entry, problem, x, w, None), call(entry, bare, padded, w, None))


def pads(entry) -> bool:
    shapes = [
        Problem.of_call((1, 16, 8, 8), (16, 16 // g, 3, 3), padding=(1, 1), groups=g)
        for g in (1, 16)
    ]
    return any(covers(entry, shape) for shape in shapes)


@every
@few
@given(data=st.data())
def test_groups_equal_separate_convolutions(entry, data):
    problem = data.draw(problems(entry))
    per_in = problem.in_channels // problem.groups
    per_out = problem.out_channels // problem.groups
    alone = Problem.of_call(
        (problem.batch_size, per_in, problem.height, problem.width),
        (per_out, per_in, *problem.kernel),
        stride=problem.stride,
        padding=problem.padding,
    )
    if not covers(entry, alone):
        return
    x, w, _ = draw(problem)
    separate = [
        call(entry, alone, xs.contiguous(), ws.contiguous(), None)
        for xs, ws in zip(x.split(per_in, 1), w.split(per_out), strict=True)
    ]
    assert close(call(entry, problem, x, w, None), torch.cat(separate, dim=1))


@every
def test_a_1x1_kernel_is_a_matrix_product(entry):
    problem = Problem.of_call((2, 16, 5, 7), (8, 16, 1, 1))
    if not covers(entry, problem):
        return
    x, w, _ = draw(problem)
    assert close(call(entry, problem, x, w, None), torch.einsum("nchw,kc->nkhw", x, w[:, :, 0, 0]))
