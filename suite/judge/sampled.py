"""Judging a gate by some elements of the result, where the whole would take longer than there is.

A large convolution's float64 result takes minutes. A run with a budget may not have them: then
some thousand elements are held against the definition, half of them on the edges, where most
faults live, and a random projection of all elements against what it has to be. That is how the
outputs of timed calls are judged, with many more elements. No projection sees through an
activation: behind one the elements are all that is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from suite.conditions import Scenario
from suite.epilogues import activation_of
from suite.input_kinds import described
from suite.judge import projection, reference
from suite.judge.gates import LEAST_NORM_ELEMENTS, allowed_words, error_ratio, rel_l2_error
from suite.judge.projection import inner
from suite.judge.tolerance import Tolerance, integer_bounds, largest_of
from suite.judge.usual import usual_elements
from suite.messages.judge import Judgement
from suite.operands.epilogue import activate_
from suite.operands.tensors import Operands
from suite.results.cell import Residuals, WorstElement
from suite.values import AS_ASKED

MOST_PRODUCTS = 4_000_000
"""Summed for all elements together, which takes a third of a second."""
PRODUCTS_AT_ONCE = 1_000_000
LEAST_ELEMENTS = 64
LEAST_BOUNDS = 16
"""Elements that must be allowed an error among those drawn evenly, for the rest to be like them."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the output of one kind of gate input has to be, as far as it was looked at."""

    scenario: Scenario
    kind: str
    index: torch.Tensor
    """(m, 2 + axes): the elements."""
    expected: torch.Tensor
    """(m,) in float64; so is `size`, their S."""
    size: torch.Tensor
    whole_size: torch.Tensor
    """S as a transform meets it: see `reference.reach`."""
    usual: tuple[torch.Tensor, torch.Tensor]
    """How large some elements are, and their S, as others are on the whole."""
    signs: torch.Tensor
    projected: float | None
    """What the projection by `signs` has to be; None where an activation hides it."""


def random_index(scenario: Scenario, number: int, generator: torch.Generator) -> torch.Tensor:
    """Draw places in the result, half of them on its edges. Shape: (number, 2 + axes)."""
    columns = []
    half = is_anywhere(number)
    for axis in scenario.result_shape:
        anywhere = torch.randint(0, axis, (number,), generator=generator)
        edge = torch.randint(0, 2, (number,), generator=generator) * (axis - 1)
        columns.append(torch.where(half, anywhere, edge))
    return torch.stack(columns, dim=1)


def is_anywhere(number: int) -> torch.Tensor:
    """Return which of so many random places are drawn evenly from the whole result."""
    return torch.arange(number) % 2 == 0


def draw(
    scenario: Scenario, kind: str, operands: Operands, elements: int, generator: torch.Generator
) -> Sample:
    """Choose elements of the result and compute what they have to be.

    Args:
        elements: how many at most; fewer where each sums very many products.
        generator: secret, so that nobody knows which.
    """
    length = max(scenario.reduction_length, 1)
    number = min(elements, max(LEAST_ELEMENTS, MOST_PRODUCTS // length))
    index = random_index(scenario, number, generator)
    pieces = [
        reference.elements(scenario, operands, piece)
        for piece in index.split(max(1, PRODUCTS_AT_ONCE // length))
    ]
    expected, size = (torch.cat(parts) for parts in zip(*pieces, strict=True))
    activate_(expected, scenario.problem.epilogue)
    whole_size = size
    if kind == AS_ASKED or reference.shows_too_little(scenario.problem):
        whole_size = reference.reach(scenario, operands).amax().expand_as(size)
    varying = operands.varying
    evenly = is_anywhere(number)
    usual = expected[evenly], size[evenly]
    if int((usual[1] > 0).sum()) < LEAST_BOUNDS:  # most elements sum nothing but padding
        norm = float(torch.linalg.vector_norm(varying, dtype=torch.float64))
        rms = norm / math.sqrt(max(varying.numel(), 1))
        kept = usual_elements(scenario, operands, rms)
        usual = kept.whole(kept.expected), kept.whole(kept.size)
    drawn = projection.projection(scenario, operands, generator)
    flat = varying.contiguous().view(-1)
    return Sample(
        scenario=scenario,
        kind=kind,
        index=index,
        expected=expected,
        size=size,
        whole_size=whole_size,
        usual=usual,
        signs=drawn.signs.contiguous().view(-1),
        projected=None
        if activation_of(scenario.problem.epilogue)
        else inner(flat, drawn.adjoint.contiguous().view(-1)) + drawn.offset,
    )


def judge(sample: Sample, limits: Tolerance, output: torch.Tensor) -> Judgement:
    """Hold an output against what was looked at. Shapes: `output` of the result, dense."""
    got = output[tuple(sample.index.T)].double()
    size = sample.whole_size if limits.is_norm_wise else sample.size
    bounds = _bounds(sample, limits, sample.expected, size, got.numel())
    ratio = error_ratio(got, sample.expected, bounds)
    worst = int(ratio.argmax())
    index = tuple(int(i) for i in sample.index[worst])
    values = (got - sample.expected, sample.expected, sample.size)
    norms = (float(torch.linalg.vector_norm(each)) for each in values)
    residuals = Residuals(
        rel_l2_error=rel_l2_error(sample.scenario, *norms),
        worst_error_ratio=float(ratio[worst]),
        worst=WorstElement(
            index=index,
            got=float(got[worst]),
            expected=float(sample.expected[worst]),
            bound=float(bounds[worst]),
        ),
    )
    fault = _element_fault(sample, residuals, ratio) or _norm_fault(sample, limits, residuals)
    fault = fault or _projection_fault(sample, limits, output)
    return Judgement(residuals=residuals, fault=fault)


def _bounds(
    sample: Sample, limits: Tolerance, expected: torch.Tensor, size: torch.Tensor, number: int
) -> torch.Tensor:
    bounds = limits.element_bounds(expected, size).expand_as(expected) * largest_of(number)
    return integer_bounds(limits, bounds) if sample.kind == "integer" else bounds


def _element_fault(sample: Sample, residuals: Residuals, ratio: torch.Tensor) -> str | None:
    worst = residuals.worst
    assert worst is not None
    if residuals.worst_error_ratio <= 1:
        return None
    wrong = int((~(ratio <= 1)).sum())
    return (
        f"{described(sample.kind)}: {wrong} of {ratio.numel()} elements that were looked at are "
        f"beyond their bound; worst {list(worst.index)}: got {worst.got:.9g}, expected "
        f"{worst.expected:.9g}, {allowed_words(worst.bound)}"
    )


def _norm_fault(sample: Sample, limits: Tolerance, residuals: Residuals) -> str | None:
    few = sample.expected.numel() < LEAST_NORM_ELEMENTS
    expected, size = (float(torch.linalg.vector_norm(e)) for e in (sample.expected, sample.size))
    limit = limits.deviations * limits.rel_l2_limit
    limit += limits.share_below(expected, size, sample.expected.numel())
    if few or residuals.rel_l2_error <= limit:
        return None
    return (
        f"{described(sample.kind)}: relative L2 error {residuals.rel_l2_error:.2g} of the elements "
        f"that were looked at, allowed {limit:.2g}"
    )


def _projection_fault(sample: Sample, limits: Tolerance, output: torch.Tensor) -> str | None:
    if sample.projected is None:
        return None
    expected, size = sample.usual
    bounds = _bounds(sample, limits, expected, size, output.numel())
    allowed = projection.allowed_error(bounds, output.numel())
    projected = inner(output.contiguous().view(-1), sample.signs)
    fault = projection.checksum_fault(projected, sample.projected, allowed, output.numel())
    return fault and f"{described(sample.kind)}: {fault}"
