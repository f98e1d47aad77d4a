"""How wrong an output may be; `gates` says how wrong it is. Expected values are float64, always.

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

Inputs of other values than normal ones (`suite.values`) have what spiked ones have: of few or
heavy-tailed products one may be as large as all others. Below the least normal number no bound is
relative any more: numbers there are multiples of the least subnormal η, whatever their size, and
each rounding is off by up to η/2. A direct sum rounds each of its K products and partial sums; a
transform rounds what it makes of the operands, K + 64 of them as above, and multiplies that with
the other operand. So where values are denormal an element may be off by α·(K + 64)·η times the
operands' largest magnitude, if that is above 1, and by another 2η, in 16 bits of that type's own,
for what is stored. Its products are 2²² η, so that a dropped one is beyond that, and so is whatever
flushes denormals to zero. By definition right is who returns zeros where operands and weights are
denormal, as each product is below η/2; or flushes where a normal bias is added. And flushing is
what the hardware does in bfloat16 (the dot products of AVX512-BF16 and AMX take denormals for zero,
whatever the thread's mode says) and libraries on CUDA may: there S is allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from suite.conditions import Scenario
from suite.epilogues import EXACT, STEEPEST, activation_of
from suite.values import DENORMAL

NORM_WISE_FAMILIES = ("fft", "winograd")
CALIBRATED_LENGTH = 576
TRANSFORM_LENGTH = 64
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
# The least subnormal number of the stored type, and of the sums.
_LEAST_OUT = {
    "float32": 2.0**-149,
    "float64": 2.0**-1074,
    "float16": 2.0**-24,
    "bfloat16": 2.0**-133,
}
_LEAST_ACC = {"float32": 2.0**-149, "float64": 2.0**-1074} | dict.fromkeys(_NORM_16_BIT, 2.0**-149)
_FLUSHED_IN = ("bfloat16",)
"""Types whose denormals processors flush to zero by themselves."""


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
    as_asked: bool = False
    """Whether operands are of the scenario's own values, which may be other than normal ones."""
    largest_operand: float = 0.0
    """Largest magnitude of what is multiplied, where that counts: see `is_denormal`."""

    @property
    def deviations(self) -> float:
        """By how much bounds are wider than for normal values."""
        is_other = self.as_asked and not self.scenario.has_usual_values
        return SPIKED_DEVIATIONS if is_other else 1.0

    @property
    def is_denormal(self) -> bool:
        """Whether some of the operands are below the least normal number."""
        values = (self.scenario.values, self.scenario.weight_values)
        return self.as_asked and DENORMAL in values

    @property
    def may_flush(self) -> bool:
        """Whether denormals may count for zero."""
        return self.is_denormal and (self.scenario.on_cuda or self.scenario.dtype in _FLUSHED_IN)

    @property
    def absolute(self) -> float:
        """What an element may be off by below the least normal number, whatever its size."""
        scenario = self.scenario
        if not self.is_denormal:
            # Of few products a sum may be small enough for its type to have no digits left.
            return _LEAST_OUT[scenario.dtype] if self.deviations > 1 else 0.0
        terms = self.error_factor * (scenario.reduction_length + TRANSFORM_LENGTH)
        largest = max(1.0, self.largest_operand)
        return 2 * _LEAST_OUT[scenario.dtype] + terms * largest * _LEAST_ACC[scenario.dtype]

    def share_below(self, expected: float, size: float, elements: int) -> float:
        """Return how much larger the relative L2 error may be by that.

        Args:
            expected: norm of what so many elements have to be; `size` of their S.
        """
        allowed = self.absolute * math.sqrt(elements) + (size if self.may_flush else 0.0)
        norm = norm_of(self.scenario, expected, size)
        return allowed / norm if norm else 0.0

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
        # In place: a large result's bounds take longer to write than to work out.
        rounded = expected.abs().mul_(2 * _U_OUT[dtype])
        bounds = torch.add(rounded, size, alpha=self.steepest * per_size)
        if apart:
            bounds += self.steepest * apart
        if self.deviations > 1:
            below = self.absolute + (size if self.may_flush else 0.0)
            # Nothing is allowed where nothing is summed.
            bounds = self.deviations * bounds + self.steepest * below * (size > 0)
        elif dtype == "float16":
            # Below 6e-5 its numbers are as far apart as its least one, and an honest product of two
            # small numbers is off by half of that. Nobody gets near to where other types end.
            bounds = torch.add(bounds, size > 0, alpha=_LEAST_OUT[dtype] / 2)
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


def norm_of(scenario: Scenario, expected: float, size: float) -> float:
    """Return what an error's norm is relative to, from the norms of y₆₄ and of S."""
    return max(expected, size / math.sqrt(max(scenario.reduction_length, 1)))


def largest_of(number: int) -> float:
    """Return how much further out the largest of so many errors lies than three deviations."""
    return max(1.0, math.sqrt(2 * math.log(max(number, 1))) / 3)


def integer_bounds(tolerance: Tolerance, bounds: torch.Tensor) -> torch.Tensor:
    """Return the bounds on integer inputs: none for direct methods, half for the others.

    Those of a sum; what rounds after it has the bounds of any input.
    """
    if tolerance.scenario.dtype in _NORM_16_BIT and not tolerance.is_norm_wise:
        return bounds
    if tolerance.precision:
        return bounds
    if not tolerance.is_exact_on_integers:
        return bounds.clamp(min=0.49 * tolerance.steepest) if tolerance.is_norm_wise else bounds
    if tolerance.is_norm_wise:
        return bounds.clamp(min=0.49)
    return torch.full_like(bounds, torch.finfo(torch.float64).tiny)
