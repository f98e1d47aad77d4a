"""Drawing numbers of each kind in `suite.values`: whole tensors, and the streams of timed calls.

    normal    standard normal; of timed calls a random mantissa and sign, magnitudes from 1/4 to 2
    trained   what was stored of a network; otherwise heavy-tailed: Student's t with 4 degrees of
              freedom, of timed calls the same shares of magnitudes between powers of two. Such
              tails were found in trained weights of fully connected layers (Fortuin et al., arXiv
              2102.06571); of convolutions they differ by network and layer. The 4 is a choice with
              few large values in it, which set the size of all that is relative to a plane's
              largest: a network's own are what `capture` stores.
    denormal  not zero, and from half the least normal number up to it: where a processor needs
              help from its microcode, and what flushing to zero loses
    sparse90  9 of 10 are exactly zero, the others normal
    zeros     all of them

Timed calls get two streams of random bits combined (`suite.operands.streams`). Where values are
zeros, or those of a network, no XOR keeps them: there the second stream is a mask, and what is
fresh in each call are the mantissas' last bits, and which values are left.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch

from suite.conditions import Scenario
from suite.operands.random_bits import RandomBits
from suite.stored_values import Array, read_arrays
from suite.values import DENORMAL, NORMAL, SPARSE, TAIL_DEGREES, TRAINED, ZEROS

PIECE_ELEMENTS = 2**16
"""Drawn at once: a core's own cache holds what that takes on the way."""
KEPT = 0.1
"""Of sparse values: the share that is no zero."""
LEAST_POWER, MOST_POWER = -8, 6
"""Powers of two between which magnitudes of heavy-tailed streams lie; 1 of 5,000 is beyond 2⁴."""
_STEP_BITS = 16
_STEPS = 1 << _STEP_BITS
"""Random numbers of so many bits."""
_HALVINGS = 3
"""Powers of two that magnitudes of normal streams begin at: 1, 1/2 and 1/4."""
_KEPT_BITS = 3
"""Of a stored value's mantissa, which no mask takes away: it changes by 6 % at most, on average."""


@dataclass(frozen=True)
class Bits:
    """A floating-point type seen as integers."""

    integer: torch.dtype
    mantissa: int
    exponent: int
    """Biased exponent of values in [1, 2)."""

    @property
    def sign(self) -> int:
        """The lowest integer: its one bit is the sign."""
        return -(1 << (self.integer.itemsize * 8 - 1))

    @property
    def fraction(self) -> int:
        """All bits of the mantissa."""
        return (1 << self.mantissa) - 1


BITS = {
    torch.float32: Bits(torch.int32, 23, 127),
    torch.float64: Bits(torch.int64, 52, 1023),
    torch.float16: Bits(torch.int16, 10, 15),
    torch.bfloat16: Bits(torch.int16, 7, 127),
}


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What was stored of a layer, in the scenario's type; None of what was not."""

    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    input: torch.Tensor | None = None
    """Flat, in the order in which the values lay in memory."""


def stored_of(scenario: Scenario, dtype: torch.dtype) -> Stored:
    """Return what a scenario's file holds; nothing where it names none or none is wanted.

    Raises:
        ValueError: it is no such file.
    """
    if scenario.stored_values is None or TRAINED not in (scenario.values, scenario.weight_values):
        return Stored()
    arrays = read_arrays(scenario.stored_values)
    tensors = {name: _tensor(array).to(dtype) for name, array in arrays.items()}
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{scenario.stored_values}: {name} holds what is no number in {dtype}")
    return Stored(**tensors)


def _tensor(array: Array) -> torch.Tensor:
    dtype: torch.dtype = getattr(torch, array.dtype)
    if not array.data:
        return torch.empty(array.shape, dtype=dtype)
    return torch.frombuffer(bytearray(array.data), dtype=dtype).view(array.shape)


# -- whole tensors ---------------------------------------------------------------------------------


def draw_values(
    tensor: torch.Tensor,
    values: str,
    generator: torch.Generator,
    stored: torch.Tensor | None = None,
    *,
    is_last: bool = False,
) -> None:
    """Fill a dense, row-major tensor.

    Args:
        stored: what `trained` takes, repeated until it is full; None: there is nothing.
        is_last: whether that lay with channels last.
    """
    if values == ZEROS or not tensor.numel():
        tensor.zero_()
    elif values == DENORMAL:
        _draw_denormals(tensor.view(-1).view(BITS[tensor.dtype].integer), tensor.dtype, generator)
    elif values == TRAINED and stored is not None and stored.numel():
        flat = _repeated(stored.reshape(-1), tensor.numel())
        if is_last and tensor.dim() > 2:
            n, channels, *sizes = tensor.shape
            tensor.copy_(flat.view(n, *sizes, channels).movedim(-1, 1))
        else:
            tensor.view(-1).copy_(flat)
    else:
        tensor.normal_(generator=generator)
        for piece in tensor.view(-1).split(PIECE_ELEMENTS):
            if values == SPARSE:
                keep = torch.rand(piece.shape, generator=generator) < KEPT
                piece.mul_(keep.to(tensor.dtype))
            elif values == TRAINED:
                squares = torch.randn(TAIL_DEGREES, *piece.shape, generator=generator).square_()
                piece.div_(squares.mean(dim=0).sqrt_().to(tensor.dtype))


def _repeated(flat: torch.Tensor, count: int) -> torch.Tensor:
    return flat.repeat(-(-count // flat.numel()))[:count]


def _draw_denormals(flat: torch.Tensor, dtype: torch.dtype, generator: torch.Generator) -> None:
    """Write random signs and mantissas without an exponent; the first bit of each is set."""
    _draw_signs_and_mantissas(flat, dtype, generator)
    flat.bitwise_or_(1 << (BITS[dtype].mantissa - 1))


def _draw_signs_and_mantissas(
    flat: torch.Tensor, dtype: torch.dtype, generator: torch.Generator
) -> None:
    bits, random = BITS[dtype], RandomBits(generator)
    for piece in flat.split(PIECE_ELEMENTS):
        random.fill(piece)
        piece.bitwise_and_(bits.sign | bits.fraction)


# -- the streams of timed calls --------------------------------------------------------------------


def masks(values: str, *, is_stored: bool) -> bool:
    """Return whether the second stream is a mask: operands are the AND of both, not the XOR."""
    return values == SPARSE or (values == TRAINED and is_stored)


def draw_streams(
    a: torch.Tensor,
    b: torch.Tensor,
    dtype: torch.dtype,
    values: str,
    generator: torch.Generator,
    stored: torch.Tensor | None = None,
) -> None:
    """Fill both streams. Shapes: (L,) each, of the type's integers."""
    if a.numel() == 0 or values == ZEROS:
        a.zero_()
        b.zero_()
        return
    bits = BITS[dtype]
    if values == TRAINED and stored is not None and stored.numel():
        a.copy_(_repeated(stored.reshape(-1), a.numel()).view(bits.integer))
        _draw_mask(b, bits, generator)
        return
    _draw_signs_and_mantissas(a, dtype, generator)
    if values == DENORMAL:
        # One stream has the first bit of each mantissa and the other has not, so that none is 0.
        first = 1 << (bits.mantissa - 1)
        a.bitwise_or_(first)
        _draw_signs_and_mantissas(b, dtype, generator)
        b.bitwise_and_(~first)
        return
    random = RandomBits(generator)
    for piece in a.split(PIECE_ELEMENTS):
        powers = _powers(values, piece.numel(), random)
        piece.bitwise_or_((bits.exponent + powers).to(bits.integer) << bits.mantissa)
    if values != SPARSE:
        _draw_signs_and_mantissas(b, dtype, generator)
        return
    for piece in b.split(PIECE_ELEMENTS):
        random.fill(piece)
        piece.bitwise_or_(~bits.fraction)
        keep = torch.rand(piece.shape, generator=generator) < KEPT
        piece.mul_(keep.to(bits.integer))


def _draw_mask(b: torch.Tensor, bits: Bits, generator: torch.Generator) -> None:
    """Write ones, but for the last bits of the mantissa, which are random."""
    RandomBits(generator).fill(b)
    b.bitwise_or_(~(bits.fraction >> _KEPT_BITS))


def _powers(values: str, count: int, random: RandomBits) -> torch.Tensor:
    """Return the power of two that each magnitude begins at."""
    steps = random.fill(torch.empty(count, dtype=torch.int16)).int().bitwise_and_(_STEPS - 1)
    if values != TRAINED:
        # Magnitudes from 1/4 to 2, so that neither order nor precision goes unnoticed.
        return steps.mul_(_HALVINGS).bitwise_right_shift_(_STEP_BITS).neg_()
    return _table()[steps]


@functools.cache
def _table() -> torch.Tensor:
    """Return powers of two as often among `_STEPS` as Student's t has such magnitudes."""
    powers = torch.arange(LEAST_POWER, MOST_POWER)
    ends = [round(_STEPS * _share_below(2.0 ** (int(power) + 1))) for power in powers]
    counts = torch.tensor([0, *ends[:-1], _STEPS]).diff()
    return powers.repeat_interleave(counts)


def _share_below(size: float) -> float:
    """Return how probable a smaller magnitude is, of Student's t with 4 degrees of freedom."""
    ratio = 1 + size * size / TAIL_DEGREES
    return 0.75 * size / math.sqrt(ratio) * (1 - size * size / (12 * ratio))


def usual_rms(values: str, dtype: torch.dtype, a: torch.Tensor, *, is_stored: bool) -> float:
    """Return the root mean square of what streams fill operands with, in the long run.

    Signs are random, each value is independent of the others. A random mantissa has the mean
    square 7/3 in [1, 2); where a mask keeps one of its bits in four, 13/8.

    Args:
        a: the first stream.
        is_stored: whether that is of a network.
    """
    powers = sum(4.0**-halvings for halvings in range(_HALVINGS)) / _HALVINGS
    if values == NORMAL:
        return math.sqrt(7 / 3 * powers)
    if values == SPARSE:
        return math.sqrt(13 / 8 * powers * KEPT)
    if values == DENORMAL:
        return math.sqrt(7 / 12) * torch.finfo(dtype).tiny
    if values == ZEROS or not a.numel():
        return 0.0
    if is_stored:
        norm = float(torch.linalg.vector_norm(a.view(dtype), dtype=torch.float64))
        return norm / math.sqrt(a.numel())
    return math.sqrt(7 / 3 * float((4.0 ** _table().double()).mean()))
