"""Counted operations and bytes, against closed forms and torch's own counter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from suite.conditions import Scenario
from suite.problem import Problem
from suite.profiling.child import operator_view, traffic
from suite.profiling.child.subject import Subject
from suite.registry import registering
from tests.profiling.subjects import subject_of


def counts_of(subject: Subject) -> traffic.Counts:
    with torch.no_grad():
        seen = operator_view.watch(subject, 2, shapes=True)
    declared = subject.implementation.executed_flops
    flops = float(declared(subject.scenario.problem)) if declared else None
    return traffic.counts(seen, subject.scenario, flops, None, 0.0)


@pytest.mark.parametrize(
    ("name", "direction", "sizes"),
    [
        ("unfold", "forward", {}),
        ("unfold", "forward", {"groups": 4}),
        ("im2row", "forward", {"stride_h": 2}),
        ("mec", "forward", {}),
        ("winograd_4x4", "forward", {}),
        ("torch", "forward", {"stride_w": 2, "dilation_h": 2}),
        ("torch", "forward", {"groups": 8}),
        ("torch", "backward_data", {}),
        ("torch", "backward_weight", {}),
        ("torch", "backward_data", {"groups": 8}),
    ],
)
def test_operations_are_those_of_torchs_own_counter(name, direction, sizes):
    subject = subject_of(name, direction, **sizes)
    with FlopCounterMode(display=False) as mode:
        subject.call()

    assert counts_of(subject).counted_flops == mode.get_total_flops() > 0


def test_products_in_place_count_which_torchs_counter_leaves_out():
    subject = subject_of("kn2row")
    with FlopCounterMode(display=False) as mode:
        subject.call()

    assert mode.get_total_flops() == 0
    problem = subject.scenario.problem
    assert counts_of(subject).counted_flops == subject.implementation.executed_flops(problem)


def test_the_weights_gradient_of_groups_is_counted_by_its_closed_form_where_torchs_is_wrong():
    subject = subject_of("torch", "backward_weight", groups=8)
    with FlopCounterMode(display=False) as mode:
        subject.call()
    counts = counts_of(subject)

    assert counts.counted_flops == subject.scenario.problem.direct_flops
    assert mode.get_total_flops() == 8 * counts.counted_flops
    assert "forgets groups" in counts.note
    assert f"{mode.get_total_flops():,}" in counts.note


def test_agreement_with_the_closed_form_is_told_and_so_is_a_wrong_formula():
    subject = subject_of("unfold")
    assert "agree" in counts_of(subject).note
    with torch.no_grad():
        seen = operator_view.watch(subject, 1, shapes=True)
    planted = traffic.counts(
        seen, subject.scenario, 2.0 * subject.scenario.problem.direct_flops, 0, 0
    )
    assert "50.0% of the closed form" in planted.note


def test_bytes_are_those_that_the_operators_read_and_write():
    subject = subject_of("torch", kernel_h=1, kernel_w=1, pad_top=0, pad_bottom=0, pad_left=0,
                     pad_right=0)  # fmt: skip
    counts = counts_of(subject)

    assert counts.bytes_source == "operators"
    least = subject.scenario.least_bytes
    assert least <= counts.moved_bytes <= 3 * least


def subject_of_function(function: Callable[..., torch.Tensor]) -> Subject:
    implementation = registering.Implementation(
        name="hidden", family="direct", function=function, source="here"
    )
    problem = Problem(
        batch_size=1, in_channels=3, height=8, width=8, out_channels=3, kernel_h=1, kernel_w=1
    )
    return Subject(implementation, Scenario(id="t/h", problem=problem))


def in_a_foreign_kernel(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    values = np.einsum("nchw,kc->nkhw", input.numpy(), weight.numpy()[:, :, 0, 0])
    torch.mm(input[0, :, :, 0].T, weight[:1, :, 0, 0].T)  # a little that torch's counter knows
    return torch.from_numpy(values)


def by_element(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return (input[:, None] * weight[None, :, :, 0, 0, None, None]).sum(2)


@pytest.mark.parametrize("function", [in_a_foreign_kernel, by_element])
def test_work_that_torchs_counter_does_not_see_counts_as_the_direct_sum(function):
    subject = subject_of_function(function)
    seen = operator_view.watch(subject, 1, shapes=True)

    counts = traffic.counts(seen, subject.scenario, None, None, 1.0)

    assert counts.executed_flops == subject.scenario.problem.direct_flops
    assert counts.flops_source == "direct sum"
    assert "counted as the direct sum's" in counts.note


def test_an_algorithm_of_operators_that_saves_work_counts_as_it_does():
    subject = subject_of("winograd_4x4")
    counts = traffic.counts(
        operator_view.watch(subject, 1, shapes=True), subject.scenario, None, None, 1.0
    )

    assert counts.flops_source == "torch's counter"
    assert counts.executed_flops < subject.scenario.problem.direct_flops


def test_work_outside_torchs_operators_is_counted_by_the_formulas():
    def hidden(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return torch.from_numpy(input.numpy()[:, :1].repeat(3, axis=1))

    subject = subject_of_function(hidden)
    seen = operator_view.watch(subject, 1, shapes=True)

    counts = traffic.counts(seen, subject.scenario, 123.0, 1000, 1.0)

    assert counts.executed_flops == 123.0
    assert counts.counted_flops is None
    assert counts.bytes_source == "formula"
    assert counts.moved_bytes == subject.scenario.least_bytes + 2000
