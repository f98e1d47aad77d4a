"""Inner products and exact zeros, read once: what checks the outputs of timed calls.

torch would convert both tensors to float64 first, three more passes over memory for each timed
call; this took a tenth of a run's wall time. Nor is a call's operand written down to be projected:
it goes a piece at a time from the streams through the innermost cache.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import torch

from suite.conditions import Scenario
from suite.judge.form import Form, form_of, sides_of
from suite.judge.maps import given, spread
from suite.operands.tensors import Operands

SIGMAS = 8.0
"""A projection sums errors with random signs: its deviation is the root of their squares' sum,
taken from all elements' bounds, which honest errors stay well below. Chance never exceeds it, a
wrong row does."""

NOT_NUMBAS = (torch.float16, torch.bfloat16)
"""Numba has neither; float32 holds them exactly."""
PIECE = 2048
"""Elements of an operand at once."""


@numba.njit(cache=True, fastmath={"reassoc", "contract"}, nogil=True)
def _inner(values, weights):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(values.size):
        total += np.float64(values[i]) * weights[i]
    return total


def inner(values: torch.Tensor, weights: torch.Tensor) -> float:
    """Return ⟨values, weights⟩ in float64; NaN and infinity come through.

    Shapes: values (L,) of any floating-point type, weights (L,) of float64 or small integers; both
    dense.
    """
    if values.dtype in NOT_NUMBAS:
        values = values.float()
    return float(_inner(values.numpy(), weights.numpy()))


@numba.njit(cache=True, nogil=True)
def _write_xor(ours, theirs, bits):  # type: ignore[no-untyped-def]
    for i in range(bits.size):
        bits[i] = ours[i] ^ theirs[i]


@numba.njit(cache=True, nogil=True)
def _add_inner_of_xors(ours, theirs, starts, weights, bits, values, totals):  # type: ignore[no-untyped-def]
    for first in range(0, weights.size, bits.size):
        end = min(first + bits.size, weights.size)
        for call in range(totals.size):
            a, b = starts[call]
            _write_xor(ours[a + first : a + end], theirs[b + first : b + end], bits[: end - first])
            totals[call] += _inner(values[: end - first], weights[first:end])


def inner_of_xors(
    streams: tuple[torch.Tensor, torch.Tensor],
    starts: Sequence[tuple[int, int]],
    weights: torch.Tensor,
    dtype: torch.dtype,
) -> list[float]:
    """Return ⟨v, weights⟩ in float64 for each v whose bits are the XOR of two windows of streams.

    Windows overlap, and the weights are the same, so that all are summed piece by piece: memory is
    read once.

    Shapes: weights (L,) of float64, streams of integers as wide as `dtype`; all dense.

    Args:
        starts: where each one's windows begin in the two streams.
    """
    if not starts:
        return []
    if dtype in NOT_NUMBAS:
        of_ours, of_theirs = (stream.unfold(0, len(weights), 1) for stream in streams)
        xors = (torch.bitwise_xor(of_ours[a], of_theirs[b]) for a, b in starts)
        return [inner(xor.view(dtype), weights) for xor in xors]
    ours, theirs = (stream.numpy() for stream in streams)
    bits = np.empty(PIECE, ours.dtype)
    values = bits.view(np.dtype(f"f{bits.itemsize}"))
    totals = np.zeros(len(starts))
    _add_inner_of_xors(ours, theirs, np.array(starts), weights.numpy(), bits, values, totals)
    return [float(total) for total in totals]


@numba.njit(cache=True, nogil=True)
def _nonzero_among(values, chosen):  # type: ignore[no-untyped-def]
    count, first = 0, -1
    for start in range(0, values.size, chosen.size):
        for i in range(chosen.size):
            if chosen[i] and values[start + i] != 0:
                count += 1
                if first < 0:
                    first = start + i
    return count, first


def nonzero_among(values: torch.Tensor, chosen: torch.Tensor) -> tuple[int, int]:
    """Return how many of the chosen values are not 0, NaN included, and where the first is, or -1.

    Shapes: values (S · L,) of any floating-point type, chosen (L,) of bool, alike for every
    sample; both dense.
    """
    if values.dtype in NOT_NUMBAS:
        values = values.float()
    count, first = _nonzero_among(values.numpy(), chosen.numpy())
    return int(count), int(first)


@dataclass(frozen=True)
class Projection:
    """A random linear functional of the result: signs `u` ⊗ `s`, and what it must give.

    `signs` has the result's shape; for any varying operand v the functional of the result must
    be ⟨adjoint, v⟩ + offset, in float64.
    """

    signs: torch.Tensor
    adjoint: torch.Tensor
    offset: float


def projection(scenario: Scenario, operands: Operands, generator: torch.Generator) -> Projection:
    """Draw a random projection of `scenario`'s result and compute its adjoint."""
    form, sides = form_of(scenario), sides_of(scenario, operands)

    def signs(*shape: int) -> torch.Tensor:
        return torch.randint(0, 2, shape, generator=generator).double().mul_(2).sub_(1)

    n, channels, *sizes = form.shape(form.gives)
    if form.gives == "kernel":
        u, s = signs(n), signs(1, channels, *sizes)
        adjoint = _adjoint_of_kernel(form, sides[form.fixed], u, s)
        both = s * u.view(-1, 1, 1, 1, 1)
    else:
        u, s = signs(channels), signs(n, 1, *sizes)
        adjoint = _adjoint_of_side(form, sides["kernel"], u, s)
        both = s * u.view(1, -1, 1, 1, 1)
    offset = 0.0
    if scenario.direction == "forward" and operands.bias is not None:
        offset = float(operands.bias.double() @ u) * float(s.sum())
    of_result = both.view(scenario.result_shape)
    if operands.residual is not None:
        offset += float((operands.residual.double() * of_result).sum())
    return Projection(of_result, adjoint.view(operands.varying.shape), offset)


def _adjoint_of_side(
    form: Form, kernel: torch.Tensor, u: torch.Tensor, s: torch.Tensor
) -> torch.Tensor:
    """Return the adjoint of u ⊗ s over the small or the large side: u collapses that side."""
    weight = kernel.double().unflatten(0, (form.groups, -1))
    if form.gives == "small":
        collapsed = torch.einsum("gkcdrs,gk->gcdrs", weight, u.view(form.groups, -1))
        one = dataclasses.replace(form, small_channels=1, groups=1)
        return spread(one, s, collapsed.flatten(0, 1).unsqueeze(0))
    collapsed = torch.einsum("gkcdrs,gc->gkdrs", weight, u.view(form.groups, -1))
    one = dataclasses.replace(
        form, large_channels=1, groups=1, gives="small", varies="large", fixed="kernel"
    )
    return given(one, {"large": s, "kernel": collapsed.flatten(0, 1).unsqueeze(1)})


def _adjoint_of_kernel(
    form: Form, fixed: torch.Tensor, u: torch.Tensor, s: torch.Tensor
) -> torch.Tensor:
    """Return the adjoint of u ⊗ s over the kernel, u over the small side's channels."""
    if form.fixed == "large":
        one = dataclasses.replace(
            form, small_channels=form.groups, gives="small", varies="large", fixed="kernel"
        )
        kernels = s.expand(form.groups, -1, -1, -1, -1)
        planes = given(one, {"large": fixed, "kernel": kernels})
        each = planes.repeat_interleave(form.small_per_group, dim=1)
        return each.mul_(u.view(1, -1, 1, 1, 1))
    by_group = fixed.double().unflatten(1, (form.groups, -1))
    collapsed = torch.einsum("ngkdhw,gk->ngdhw", by_group, u.view(form.groups, -1))
    one = dataclasses.replace(form, small_channels=form.groups)
    return spread(one, collapsed, s.expand(form.groups, -1, -1, -1, -1))


def allowed_error(bounds: torch.Tensor, elements: int, places: torch.Tensor | None = None) -> float:
    """Return how far the projection of so many elements may be off.

    Args:
        bounds: of some of them; the others' are like these.
        places: for how many of them each bound stands, where that is not the same for all.
    """
    largest = float(bounds.max()) if bounds.numel() else 0.0
    if not largest:
        return 0.0
    # Relative to the largest: squares of denormal numbers are below any number.
    squares = (bounds.double() / largest).square()
    if places is None:
        return SIGMAS * largest * math.sqrt(float(squares.mean()) * elements)
    mean = float((squares * places).sum() / places.expand_as(squares).sum())
    return SIGMAS * largest * math.sqrt(mean * elements)


def checksum_fault(got: float, expected: float, allowed: float, elements: int) -> str | None:
    """Return how the projection of so many elements misses what it has to be, if it does."""
    if abs(got - expected) <= allowed:
        return None
    return (
        f"the checksum over all {elements} elements is {got:.9g}, expected {expected:.9g}, "
        f"allowed error {allowed:.2g}"
    )
