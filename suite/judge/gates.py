"""How wrong an output is, held against float64 by the bounds of `tolerance`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from suite.conditions import Scenario
from suite.input_kinds import described
from suite.judge.pieces import CACHED_ELEMENTS, Piece, pieces
from suite.judge.tolerance import (
    SPIKED_DEVIATIONS,
    Tolerance,
    integer_bounds,
    largest_of,
    norm_of,
)
from suite.messages.judge import Judgement
from suite.results.cell import Residuals, WorstElement
from suite.values import AS_ASKED

LEAST_NORM_ELEMENTS = 64


def judge_output(
    kind: str,
    tolerance: Tolerance,
    output: torch.Tensor,
    expected: torch.Tensor,
    size: torch.Tensor,
) -> Judgement:
    """Hold an output against float64 through the gates that the kind of input allows.

    Shapes: `output` and `expected` alike, `size` alike or one value a plane; `output` in the
    scenario's dtype.
    """
    if expected.numel() == 0:
        return Judgement(residuals=Residuals(rel_l2_error=0.0, worst_error_ratio=0.0))
    size = tolerance.shared_size(size).expand_as(expected)
    largest = largest_of(expected.numel())
    parts = [
        _judge_part(kind, tolerance, output[p], expected[p], size[p], largest).moved_by(p)
        for p in pieces(expected.shape, CACHED_ELEMENTS)
    ]
    furthest = max(parts, key=lambda part: part.worst_ratio)
    beyond = sum(part.beyond for part in parts)
    norms = [math.sqrt(sum(squares)) for squares in zip(*(p.squares for p in parts), strict=True)]
    rel_l2 = rel_l2_error(tolerance.scenario, *norms)
    residuals = Residuals(
        rel_l2_error=rel_l2, worst_error_ratio=furthest.worst_ratio, worst=furthest.worst
    )
    below = tolerance.share_below(norms[1], norms[2], expected.numel())
    fault = _fault(kind, tolerance, residuals, beyond, expected.numel(), below)
    return Judgement(residuals=residuals, fault=fault)


@dataclass(frozen=True)
class _Part:
    """What was found in one piece of an output; its worst element by its place in that piece."""

    squares: tuple[float, ...]
    """Summed, of the error, of what is expected and of S."""
    beyond: int
    """Elements whose error is not allowed."""
    worst_ratio: float
    worst: WorstElement

    def moved_by(self, piece: Piece) -> _Part:
        """Return the same with the worst element's place in the whole."""
        index = tuple(s.start + i for s, i in zip(piece, self.worst.index, strict=True))
        return replace(self, worst=replace(self.worst, index=index))


def _judge_part(
    kind: str,
    tolerance: Tolerance,
    output: torch.Tensor,
    expected: torch.Tensor,
    size: torch.Tensor,
    largest: float,
) -> _Part:
    error = output.double().sub_(expected).abs_()
    squares = tuple(float(torch.linalg.vector_norm(v)) ** 2 for v in (error, expected, size))
    bounds = tolerance.bounds_on(expected, size).mul_(largest)
    if kind == "integer":
        bounds = integer_bounds(tolerance, bounds)
    elif kind == "spiked" and not tolerance.is_norm_wise:
        bounds = SPIKED_DEVIATIONS * bounds
    ratio = _ratio(error, bounds)
    index = _unravel(int(ratio.argmax()), ratio.shape)
    worst_ratio = float(ratio[index])
    worst = WorstElement(
        index=index,
        got=float(output[index]),
        expected=float(expected[index]),
        bound=float(bounds[index]),
    )
    beyond = int((ratio > 1).sum()) if worst_ratio > 1 else 0
    return _Part(squares, beyond, worst_ratio, worst)


def rel_l2_error(scenario: Scenario, error: float, expected: float, size: float) -> float:
    """Return the error that the norm gate holds, from the norms of y - y₆₄, y₆₄ and S.

    Where sums happen to cancel, rounding is measured against what cancelled.
    """
    norm = norm_of(scenario, expected, size)
    return error / norm if norm else (0.0 if error == 0 else math.inf)


def error_ratio(got: torch.Tensor, expected: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    """Return each element's error over its bound, in float64; at most 1 is right.

    Shapes: all alike. Where the bound is 0 an exact element has ratio 0 and any other an infinite
    one; so has whatever is no number.
    """
    return _ratio((got - expected).abs_(), bounds)


def _ratio(error: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    ratio = error / bounds
    if math.isnan(ratio.sum()):  # seldom; 0 of 0 among others
        ratio.masked_fill_(error == 0, 0.0).nan_to_num_(math.inf, math.inf)
    return ratio


def _unravel(place: int, shape: torch.Size) -> tuple[int, ...]:
    """Return the index of a flat place; torch's own first imports sympy, for half a second."""
    index = []
    for size in reversed(shape):
        place, rest = divmod(place, size)
        index.append(rest)
    return tuple(reversed(index))


def allowed_words(bound: float) -> str:
    """Return the error that an element may have: 0 in place of the least that a bound can be."""
    if bound <= torch.finfo(torch.float64).tiny:
        return "allowed error 0: it has to be exact"
    return f"allowed error {bound:.2g}"


def _flushed(tolerance: Tolerance, worst: WorstElement) -> str:
    """Return what a zero says in the place of a number below the least normal one."""
    is_flushed = tolerance.is_denormal and worst.got == 0
    return "; denormal numbers count for zero in it" if is_flushed else ""


def _fault(
    kind: str,
    tolerance: Tolerance,
    residuals: Residuals,
    beyond: int,
    elements: int,
    below: float,
) -> str | None:
    """Return what is wrong, if anything.

    Args:
        beyond: elements, of so many, whose error is larger than its bound.
        below: what `Tolerance.share_below` adds to the relative L2 error.
    """
    worst = residuals.worst
    assert worst is not None
    if not residuals.worst_error_ratio <= 1:
        place = ", ".join(str(i) for i in worst.index)
        share = f"{beyond} of {elements} elements are beyond their bound"
        return (
            f"{described(kind)}: {share}; worst [{place}]: got {worst.got:.9g}, expected "
            f"{worst.expected:.9g}, {allowed_words(worst.bound)}{_flushed(tolerance, worst)}"
        )
    # Against spikes the element gate of a transform method is norm-wise already, and fairer: what
    # the spike should have contributed may be nothing. Expanded weights give equal channels.
    fair = kind != "expanded" and not (
        kind in ("spiked", AS_ASKED) and tolerance.is_norm_wise and not tolerance.is_denormal
    )
    limit = tolerance.rel_l2_limit * (SPIKED_DEVIATIONS if kind in ("spiked", AS_ASKED) else 1)
    limit += below
    if fair and elements >= LEAST_NORM_ELEMENTS and not residuals.rel_l2_error <= limit:
        return (
            f"{described(kind)}: relative L2 error {residuals.rel_l2_error:.2g}, "
            f"allowed {limit:.2g}"
        )
    return None
