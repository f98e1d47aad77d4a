"""Endless fresh operands for timed calls.

Timed calls get the XOR of two random bit streams from secret starting points, mantissa and sign
bits only. One pass over memory makes an operand that was never seen before, and as XOR is not
linear, no result of an earlier call helps with the next: a cache, however keyed, has to do the
whole work again.
"""

from __future__ import annotations

import copy
import mmap
from dataclasses import dataclass

import numpy as np
import torch

from suite.operands.tensors import view
from suite.problem import Scenario
from suite.processes.shared_memory import (
    STREAM_SLACK,
    OperandLayout,
)

COMPARED = 2**14
"""Elements at once, which a core's own cache holds."""
PIECE_ELEMENTS = 4 * 2**20
"""Drawn at once: what is drawn takes twice the memory of what it is drawn for, on the way."""


@dataclass(frozen=True)
class _Bits:
    """A floating-point type seen as integers."""

    integer: torch.dtype
    mantissa: int
    exponent: int
    """Biased exponent of values in [1, 2)."""


BITS = {
    "float32": _Bits(torch.int32, 23, 127),
    "float64": _Bits(torch.int64, 52, 1023),
    "float16": _Bits(torch.int16, 10, 15),
    "bfloat16": _Bits(torch.int16, 7, 127),
}


class Stream:
    """Fresh operands for timed calls: `fill` writes the one that starts at (a, b)."""

    def __init__(self, bits: _Bits, a: torch.Tensor, b: torch.Tensor) -> None:
        self._bits, self._a, self._b = bits, a, b

    @classmethod
    def of(cls, scenario: Scenario, memory: mmap.mmap, layout: OperandLayout) -> Stream:
        """Return the streams in a scenario's shared memory."""
        bits = BITS[scenario.dtype]
        return cls(
            bits,
            view(memory, layout.stream_a, bits.integer),
            view(memory, layout.stream_b, bits.integer),
        )

    def like(self) -> Stream:
        """Return streams of the same size in memory of one's own, which hold nothing yet."""
        return Stream(self._bits, torch.empty_like(self._a), torch.empty_like(self._b))

    def copy_(self, other: Stream) -> None:
        """Write another's bits into these streams."""
        self._a.copy_(other._a)
        self._b.copy_(other._b)

    def on(self, device: str) -> Stream:
        """Return these streams as they are now, on a device: no operand is copied there then."""
        if device == "cpu":
            return self
        copied = copy.copy(self)
        copied._a, copied._b = self._a.to(device), self._b.to(device)
        return copied

    def draw(self, generator: torch.Generator) -> None:
        """Fill both streams; called by the judge once a block."""
        bits = self._bits
        width = bits.integer.itemsize * 8
        for stream, exponents in ((self._a, 3), (self._b, 0)):
            if stream.numel() == 0:
                continue
            stream.random_(-(2 ** (width - 1)), None, generator=generator)
            stream.bitwise_and_(-(2 ** (width - 1)) | (2**bits.mantissa - 1))
            if exponents:
                # Magnitudes from 1/4 to 2, so that neither order nor precision goes unnoticed.
                for piece in stream.split(PIECE_ELEMENTS):
                    halvings = torch.randint(0, exponents, piece.shape, generator=generator)
                    exponent = (bits.exponent - halvings).to(bits.integer)
                    piece.bitwise_or_(exponent << bits.mantissa)

    def windows(self, start: tuple[int, int], count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the operand of so many elements that starts there is the XOR of."""
        a, b = (offset % STREAM_SLACK for offset in start)
        return self._a[a : a + count], self._b[b : b + count]

    def fill(self, operand: torch.Tensor, start: tuple[int, int]) -> None:
        """Write the operand that starts at `start` into a dense tensor, in memory order."""
        count = operand.numel()
        if count == 0:
            return
        flat = operand.as_strided((count,), (1,)).view(self._bits.integer)
        ours, theirs = self.windows(start, count)
        if operand.is_cpu:
            # By one thread: on a busy machine two wait milliseconds for each other, which is many
            # times what the work takes, and who is measured is not to pay for that.
            np.bitwise_xor(ours.numpy(), theirs.numpy(), out=flat.numpy())
        else:
            torch.bitwise_xor(ours, theirs, out=flat)

    def made(self, operand: torch.Tensor, start: tuple[int, int]) -> bool:
        """Return whether a dense tensor is, bit for bit, the operand that starts at `start`."""
        count = operand.numel()
        flat = operand.as_strided((count,), (1,)).view(self._bits.integer)
        ours, theirs = self.windows(start, count)
        if not operand.is_cpu:
            return torch.equal(ours ^ theirs, flat)
        pieces = (slice(first, first + COMPARED) for first in range(0, count, COMPARED))
        a, b, c = ours.numpy(), theirs.numpy(), flat.numpy()
        return all(np.array_equal(a[piece] ^ b[piece], c[piece]) for piece in pieces)
