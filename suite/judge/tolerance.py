"""How wrong an output may be, and how wrong it is. Expected values are float64, always.

Three gates, after the error analysis of each algorithm family:

1. exact: on small integers every sum is exact in any order, so direct methods must be bit-equal
   and transform methods equal after rounding (oneDNN's benchdnn does the former).
2. element: |y − y₆₄| ≤ 2u_out·|y₆₄| + α·√K·u_acc·S with S = |x| ⋆ |w| + |b|, K the products per
   element (√K: Ipsen & Zhou, arXiv 1906.10465) and α the family's factor. The error of transform
   methods is norm-wise: they get the maximum of S over the plane in place of S, and K + 64 in
   place of K, because their transforms round however short the sum is. √K is three deviations
   of one sum's error; the largest of n errors is √(2 ln n) deviations out, and where that is
   more the bound grows by as much (1.8 times for a million elements).
   On spiked inputs all partial sums are as large as the spike, so that all roundings are, and
   the largest of many errors is three deviations out: direct methods get three times the bound.
   They get as much in the norm, which a few outputs that meet the spike then are.
   In a transformed tile or plane a spike meets kernel taps that it never meets directly:
   transform methods get S of the planes' maxima. So they do where the plane is smaller than the
   kernel and is itself a spike (5×5 on one pixel, F(4×4, 5×5): 1 of 100 honest draws was beyond S).
   What approximates the weight mixes its channels as well: it gets the maximum of S over an image.
3. norm: L2 error relative to max(‖y‖, ‖S‖/√K), 1e-6 (α ≤ 2), 5e-6 (α ≤ 4) or 1.5e-5 in
   float32. Unlike the usual fixed limit it grows with √(K/576) beyond K = 576, where it was
   calibrated: a plain float32 sum of 4,608 products has 1.7e-6 and is not wrong. A norm over
   fewer than 64 values is left to the element gate.

An epilogue's residual counts as one more product of the sum. Its activation passes an error of the
sum on by at most its steepest slope, and the norm's limit grows by as much. One that is no maximum
or minimum (SiLU, GELU, ...) is itself computed with an error of a few u, of its result and, where
it cancels, of what it is applied to; beyond `BENT` there is nothing to cancel. On integers such a
one is not exact, and has its bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from suite.epilogues import EXACT, STEEPEST, activation_of
from suite.input_kinds import described
from suite.judge.pieces import pieces
from suite.messages.judge import Judgement
from suite.problem import Scenario
from suite.results.cell import Residuals, WorstElement

NORM_WISE_FAMILIES = ("fft", "winograd")
CALIBRATED_LENGTH = 576
TRANSFORM_LENGTH = 64
LEAST_NORM_ELEMENTS = 64
SPIKED_DEVIATIONS = 3.0
ACTIVATION_ROUNDINGS = 4.0
"""Of an activation that a library's functions compute: each is off by 1 u or 2, and up to three of
them are combined."""
BENT = 8.0
"""Further from zero an activation is a straight line, or flat."""
# Unit round-off of the stored type, and of the sums: 16-bit types accumulate in float32.
_U_OUT = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8}
_U_ACC = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-24, "bfloat16": 2.0**-24}
# Relative error of each product where an implementation declares a lower precision.
_DECLARED = {"tf32": 2.0**-10, "float16": 2.0**-10, "bfloat16": 2.0**-7, "approximate": 2.0**-6}
_NORM_16_BIT = {"float16": 1e-3, "bfloat16": 8e-3}


@dataclass(frozen=True)
class Tolerance:
    """What an implementation is held to in one scenario."""

    scenario: Scenario
    family: str
    error_factor: float
    precision: str | None = None
    largest_bias: float = 0.0
    """Largest magnitude of the bias. Libraries add it in a step of its own, to sums that were
    rounded to 16 bits before: an error of the sum's size, which is up to |y| + |b|."""

    @property
    def is_norm_wise(self) -> bool:
        return self.family in NORM_WISE_FAMILIES or self.error_factor > 1 or self._is_approximate

    @property
    def _is_approximate(self) -> bool:
        """Whether the weight is approximated as a whole, all its channels together."""
        return self.precision == "approximate"

    def element_bounds(self, expected: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        """Return the largest allowed error of each element, in float64.

        Shapes: `expected` and `size` (the S above) alike. Both whole, or 1-D for single elements,
        which are then bounded by their largest S.
        """
        return self.bounds_on(expected, self.shared_size(size))

    def shared_size(self, size: torch.Tensor) -> torch.Tensor:
        """Return the S that elements share, a plane's or an image's largest, or their own."""
        if not self.is_norm_wise or not size.numel():
            return size
        shared = self.scenario.problem.axes + self._is_approximate
        return size.amax(dim=tuple(range(size.dim()))[-shared:], keepdim=True)

    def bounds_on(self, expected: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        """Return `element_bounds` of any part of a result; `size` is of `shared_size`."""
        dtype = self.scenario.dtype
        length = self.scenario.reduction_length + (TRANSFORM_LENGTH if self.is_norm_wise else 0)
        per_size = self.error_factor * math.sqrt(length) * _U_ACC[dtype]
        if self.precision:
            per_size += _DECLARED[self.precision]
        apart = _U_OUT[dtype] * self.largest_bias if dtype in _NORM_16_BIT else 0.0
        bounds = 2 * _U_OUT[dtype] * expected.abs() + self.steepest * (per_size * size + apart)
        if self.is_exact_on_integers:
            return bounds
        bent = size.clamp(max=BENT)
        bounds += ACTIVATION_ROUNDINGS * (_U_OUT[dtype] * expected.abs() + _U_ACC[dtype] * bent)
        # Before an activation of its own a library rounds the sum to 16 bits.
        return bounds + self.steepest * _U_OUT[dtype] * bent if dtype in _NORM_16_BIT else bounds

    @property
    def steepest(self) -> float:
        """Largest slope of the epilogue's activation."""
        return STEEPEST[activation_of(self.scenario.problem.epilogue)]

    @property
    def is_exact_on_integers(self) -> bool:
        """Whether what follows the sum rounds nothing."""
        return activation_of(self.scenario.problem.epilogue) in EXACT

    @property
    def rel_l2_limit(self) -> float:
        dtype = self.scenario.dtype
        if dtype in _NORM_16_BIT:
            limit = _NORM_16_BIT[dtype]
        else:
            base = 1e-6 if self.error_factor <= 2 else 5e-6 if self.error_factor <= 4 else 1.5e-5
            growth = math.sqrt(self.scenario.reduction_length / CALIBRATED_LENGTH)
            limit = base * max(1.0, growth) * _U_ACC[dtype] / _U_ACC["float32"]
        limit *= max(1.0, self.steepest)
        return max(limit, _DECLARED[self.precision]) if self.precision else limit


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
    size = tolerance.shared_size(size)
    beyond, worst_ratio, worst = 0, -1.0, None
    squares = [0.0, 0.0, 0.0]
    """Summed, of the error, of what is expected and of S."""
    for piece in pieces(expected.shape):
        got, right = output[piece].double(), expected[piece]
        own_size = size.expand_as(expected)[piece]
        bounds = tolerance.bounds_on(right, own_size) * largest_of(expected.numel())
        if kind == "integer":
            bounds = integer_bounds(tolerance, bounds)
        elif kind == "spiked" and not tolerance.is_norm_wise:
            bounds = SPIKED_DEVIATIONS * bounds
        ratio = error_ratio(got, right, bounds)
        beyond += int((~(ratio <= 1)).sum())
        index = _unravel(int(ratio.argmax()), ratio.shape)
        if float(ratio[index]) > worst_ratio:
            worst_ratio = float(ratio[index])
            worst = WorstElement(
                index=tuple(s.start + i for s, i in zip(piece, index, strict=True)),
                got=float(got[index]),
                expected=float(right[index]),
                bound=float(bounds[index]),
            )
        for i, values in enumerate((got - right, right, own_size)):
            squares[i] += float(torch.linalg.vector_norm(values)) ** 2
    rel_l2 = rel_l2_error(tolerance.scenario, *map(math.sqrt, squares))
    residuals = Residuals(rel_l2_error=rel_l2, worst_error_ratio=worst_ratio, worst=worst)
    fault = _fault(kind, tolerance, residuals, beyond, expected.numel())
    return Judgement(residuals=residuals, fault=fault)


def rel_l2_error(scenario: Scenario, error: float, expected: float, size: float) -> float:
    """Return the error that the norm gate holds, from the norms of y - y₆₄, y₆₄ and S.

    Where sums happen to cancel, rounding is measured against what cancelled.
    """
    norm = max(expected, size / math.sqrt(max(scenario.reduction_length, 1)))
    return error / norm if norm else (0.0 if error == 0 else math.inf)


def error_ratio(got: torch.Tensor, expected: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    """Return each element's error over its bound, in float64; at most 1 is right.

    Shapes: all alike. Where the bound is 0 an exact element has ratio 0 and any other an infinite
    one; so has whatever is no number.
    """
    error = (got - expected).abs()
    ratio = torch.where(error == 0, 0.0, error / bounds)
    return torch.where(torch.isfinite(got), ratio, math.inf).nan_to_num(math.inf, math.inf)


def largest_of(number: int) -> float:
    """Return how much further out the largest of so many errors lies than three deviations."""
    return max(1.0, math.sqrt(2 * math.log(max(number, 1))) / 3)


def _unravel(place: int, shape: torch.Size) -> tuple[int, ...]:
    """Return the index of a flat place; torch's own first imports sympy, for half a second."""
    index = []
    for size in reversed(shape):
        place, rest = divmod(place, size)
        index.append(rest)
    return tuple(reversed(index))


def integer_bounds(tolerance: Tolerance, bounds: torch.Tensor) -> torch.Tensor:
    """Return the bounds on integer inputs: none for direct methods, half for the others.

    Those of a sum; what rounds after it has the bounds of any input.
    """
    if tolerance.precision or tolerance.scenario.dtype in _NORM_16_BIT:
        return bounds
    if not tolerance.is_exact_on_integers:
        return bounds.clamp(min=0.49 * tolerance.steepest) if tolerance.is_norm_wise else bounds
    if tolerance.is_norm_wise:
        return bounds.clamp(min=0.49)
    return torch.full_like(bounds, torch.finfo(torch.float64).tiny)


def allowed_words(bound: float) -> str:
    """Return the error that an element may have: 0 in place of the least that a bound can be."""
    if bound <= torch.finfo(torch.float64).tiny:
        return "allowed error 0: it has to be exact"
    return f"allowed error {bound:.2g}"


def _fault(
    kind: str, tolerance: Tolerance, residuals: Residuals, beyond: int, elements: int
) -> str | None:
    """Return what is wrong, if anything.

    Args:
        beyond: elements, of so many, whose error is larger than its bound.
    """
    worst = residuals.worst
    assert worst is not None
    if not residuals.worst_error_ratio <= 1:
        place = ", ".join(str(i) for i in worst.index)
        share = f"{beyond} of {elements} elements are beyond their bound"
        return (
            f"{described(kind)}: {share}; worst [{place}]: got {worst.got:.9g}, expected "
            f"{worst.expected:.9g}, {allowed_words(worst.bound)}"
        )
    # Against spikes the element gate of a transform method is norm-wise already, and fairer: what
    # the spike should have contributed may be nothing. Expanded weights give equal channels.
    fair = kind != "expanded" and not (kind == "spiked" and tolerance.is_norm_wise)
    limit = tolerance.rel_l2_limit * (SPIKED_DEVIATIONS if kind == "spiked" else 1)
    if fair and elements >= LEAST_NORM_ELEMENTS and not residuals.rel_l2_error <= limit:
        return (
            f"{described(kind)}: relative L2 error {residuals.rel_l2_error:.2g}, "
            f"allowed {limit:.2g}"
        )
    return None
