"""Gate inputs: data with a purpose, each kind made to show one sort of fault."""

from __future__ import annotations

import math

import torch

from suite.conditions import Scenario
from suite.epilogues import adds
from suite.input_kinds import SPECIAL_KINDS
from suite.operands.tensors import DTYPES, WITH_AXES, Operands, empty_in_format, memory_format_of
from suite.operands.values import BITS, PIECE_ELEMENTS, Stored, draw_values, stored_of
from suite.values import AS_ASKED

DEVIATIONS = 8.0
"""Further from the mean no sum of a test lies."""

OFFSET_ELEMENTS = 3
"""In front of an operand with a storage offset: no vector of any width is aligned then."""


def _offset(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values in the middle of a longer storage, NaN before and behind them."""
    storage = tensor.new_full((OFFSET_ELEMENTS + tensor.numel() + OFFSET_ELEMENTS,), math.nan)
    return storage.as_strided(tensor.shape, tensor.stride(), OFFSET_ELEMENTS).copy_(tensor)


def _sliced(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values as the middle channels of a wider tensor, or every second element.

    NaN stands everywhere else. Samples and, in channels_last, pixels lie further apart then.
    """
    if tensor.dim() not in WITH_AXES:
        wide = tensor.new_full((*tensor.shape[:-1], 2 * tensor.shape[-1]), math.nan)
        return wide[..., ::2].copy_(tensor)
    n, channels, *sizes = tensor.shape
    wider = tensor.new_empty(()).expand(n, channels + 2, *sizes)
    wide = empty_in_format(wider, memory_format_of(tensor))
    return wide.fill_(math.nan)[:, 1:-1].copy_(tensor)


def _transposed(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values with the last two axes exchanged in memory: rows and columns.

    With one spatial axis these are channels and places.
    """
    if tensor.dim() not in WITH_AXES:
        return tensor
    return tensor.transpose(-2, -1).contiguous().transpose(-2, -1)


def _expanded(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values as a view that overlaps itself; they were drawn to allow it."""
    return tensor[:1].expand_as(tensor) if tensor.dim() in WITH_AXES and len(tensor) else tensor


_VIEWS = {
    "uniform": _offset,
    "large": _sliced,
    "transposed": _transposed,
    "expanded": _expanded,
}


def handed_over(kind: str, operands: Operands) -> Operands:
    """Return dense operands as an implementation gets them: see `suite.input_kinds.HANDED_OVER`."""
    return operands.each(_VIEWS[kind]) if kind in _VIEWS else operands


NOTHING = Stored()


def draw(
    kind: str,
    scenario: Scenario,
    into: Operands,
    generator: torch.Generator,
    stored: Stored = NOTHING,
) -> None:
    """Fill the shared dense tensors with gate inputs of one kind.

    integer: small integers whose sums are exact in any order, so that direct methods must be
        bit-equal; sparse where long sums would not fit.
    normal, uniform: the usual.
    large: magnitudes near the square root of the range, where transforms overflow first.
    What lies in memory otherwise than dense is so from a kind on that it costs nothing to add
    to: uniform has a storage offset, large consists of slices.
    spiked: normal with a few values 10⁴ times as large, which norm-wise bounds cannot hide.
    nan, inf: normal with one such value, of either sign, in the varying operand.
    transposed, expanded: normal, handed over as views; for expanded all samples are alike.
    as_asked: what the scenario's values are, as in timed calls.

    Args:
        stored: a network's own values, which `as_asked` takes.
    """
    if kind == AS_ASKED:
        _draw_as_asked(scenario, into, generator, stored)
        return
    scale = _large_scale(scenario)
    for tensor in (into.input, into.weight, into.bias, into.grad, into.residual):
        if tensor is None or tensor.numel() == 0:
            continue
        if kind == "integer":
            _draw_integers(tensor, scenario, generator)
        elif kind == "uniform":
            tensor.uniform_(-1, 1, generator=generator)
        else:
            tensor.normal_(generator=generator)
            if kind == "large":
                tensor.mul_(scale)
            elif kind == "spiked" and scenario.dtype != "float16":
                indices = torch.randint(0, tensor.numel(), (3,), generator=generator)
                tensor.view(-1)[indices] *= 1e4
            elif kind == "expanded" and tensor.dim() in WITH_AXES:
                tensor.copy_(tensor[:1].clone().expand_as(tensor))
            elif kind in SPECIAL_KINDS and tensor is into.varying:
                index = torch.randint(0, tensor.numel(), (1,), generator=generator)
                sign = torch.randint(0, 2, (1,), generator=generator) * 2.0 - 1
                tensor.view(-1)[index] = (sign * float(kind)).to(tensor.dtype)


def _draw_as_asked(
    scenario: Scenario, into: Operands, generator: torch.Generator, stored: Stored
) -> None:
    """Bias goes with the weight, gradient and residual with the input."""
    is_last = scenario.memory_format == "channels_last"
    for tensor, values, own in (
        (into.input, scenario.values, stored.input),
        (into.weight, scenario.weight_values, stored.weight),
        (into.bias, scenario.weight_values, stored.bias),
        (into.grad, scenario.values, None),
        (into.residual, scenario.values, None),
    ):
        if tensor is not None and tensor.numel():
            draw_values(tensor, values, generator, own, is_last=is_last and tensor is into.input)


def operands_as_asked(scenario: Scenario, generator: torch.Generator) -> Operands:
    """Return operands of the scenario's values, dense and row-major, in memory of one's own."""
    problem, dtype = scenario.problem, DTYPES[scenario.dtype]
    backward = scenario.direction != "forward"
    operands = Operands(
        torch.empty(problem.input_shape, dtype=dtype),
        torch.empty(problem.weight_shape, dtype=dtype),
        torch.empty(problem.out_channels, dtype=dtype) if problem.bias else None,
        torch.empty(problem.output_shape, dtype=dtype) if backward else None,
        torch.empty(problem.output_shape, dtype=dtype) if adds(problem.epilogue) else None,
    )
    draw(AS_ASKED, scenario, operands, generator, stored_of(scenario, dtype))
    return operands


def _large_scale(scenario: Scenario) -> float:
    """Return a power of two whose square times a sum of normal products the type still holds.

    In float16 that is little: no more than 65504.
    """
    if scenario.dtype != "float16":
        return 2.0**40
    deviation = math.sqrt(max(scenario.reduction_length, 1))
    most = math.sqrt(torch.finfo(torch.float16).max / (DEVIATIONS * deviation))
    return float(min(2.0**5, 2.0 ** math.floor(math.log2(most))))


def _draw_integers(tensor: torch.Tensor, scenario: Scenario, generator: torch.Generator) -> None:
    exact = 2 ** (BITS[DTYPES[scenario.dtype]].mantissa + 1)
    density = exact / (9 * max(scenario.reduction_length, 1))
    for piece in tensor.view(-1).split(PIECE_ELEMENTS):
        piece.copy_(torch.randint(-3, 4, piece.shape, generator=generator))
        if density < 1:
            keep = torch.rand(piece.shape, generator=generator) < density
            piece.mul_(keep.to(tensor.dtype))
