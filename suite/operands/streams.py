"""Endless fresh operands for timed calls.

Timed calls get the XOR of two random bit streams from secret starting points, mantissa and sign
bits only. One pass over memory makes an operand that was never seen before, and as XOR is not
linear, no result of an earlier call helps with the next: a cache, however keyed, has to do the
whole work again. Values that no XOR keeps, zeros and those of a network, are the AND with a mask:
see `suite.operands.values`. Of zeros alone every operand is the same.
"""

from __future__ import annotations

import copy
import mmap
from collections.abc import Callable

import numpy as np
import torch

from suite.conditions import Scenario
from suite.operands.tensors import DTYPES, view
from suite.operands.values import BITS, draw_streams, masks, usual_rms
from suite.processes.shared_memory import (
    STREAM_SLACK,
    OperandLayout,
)

COMPARED = 2**14
"""Elements at once, which a core's own cache holds."""


class Stream:
    """Fresh operands for timed calls: `fill` writes the one that starts at (a, b)."""

    def __init__(
        self, dtype: torch.dtype, a: torch.Tensor, b: torch.Tensor, values: str, *, is_stored: bool
    ) -> None:
        self._dtype, self._a, self._b = dtype, a, b
        self._integer = BITS[dtype].integer
        self._values, self._is_stored = values, is_stored
        self._masks = masks(values, is_stored=is_stored)
        """Whether an operand is the AND of both streams: see `suite.operands.values`."""

    @classmethod
    def of(cls, scenario: Scenario, memory: mmap.mmap, layout: OperandLayout) -> Stream:
        """Return the streams in a scenario's shared memory."""
        dtype = DTYPES[scenario.dtype]
        return cls(
            dtype,
            view(memory, layout.stream_a, BITS[dtype].integer),
            view(memory, layout.stream_b, BITS[dtype].integer),
            scenario.values,
            is_stored=scenario.stores_varying,
        )

    def like(self) -> Stream:
        """Return streams of the same size in memory of one's own, which hold nothing yet."""
        copied = copy.copy(self)
        copied._a, copied._b = torch.empty_like(self._a), torch.empty_like(self._b)
        return copied

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

    def draw(self, generator: torch.Generator, stored: torch.Tensor | None = None) -> None:
        """Fill both streams; called by the judge once a block.

        Args:
            stored: values of a network, where the scenario has them.
        """
        draw_streams(self._a, self._b, self._dtype, self._values, generator, stored)

    @property
    def rms(self) -> float:
        """Root mean square of the operands, in the long run."""
        return usual_rms(self._values, self._dtype, self._a, is_stored=self._is_stored)

    @property
    def bits(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What all operands are combined from, as integers."""
        return self._a, self._b

    @staticmethod
    def offsets(start: tuple[int, int]) -> tuple[int, int]:
        """Return from where in both an operand is combined."""
        return start[0] % STREAM_SLACK, start[1] % STREAM_SLACK

    def _windows(self, start: tuple[int, int], count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the operand of so many elements that starts there is combined from."""
        a, b = self.offsets(start)
        return self._a[a : a + count], self._b[b : b + count]

    def fill(self, operand: torch.Tensor, start: tuple[int, int]) -> None:
        """Write the operand that starts at `start` into a dense tensor, in memory order."""
        count = operand.numel()
        if count == 0:
            return
        flat = operand.as_strided((count,), (1,)).view(self._integer)
        ours, theirs = self._windows(start, count)
        if operand.is_cpu:
            # By one thread: on a busy machine two wait milliseconds for each other, which is many
            # times what the work takes, and who is measured is not to pay for that.
            combine = np.bitwise_and if self._masks else np.bitwise_xor
            combine(ours.numpy(), theirs.numpy(), out=flat.numpy())
        else:
            self._combined(ours, theirs, out=flat)

    def made(self, operand: torch.Tensor, start: tuple[int, int]) -> bool:
        """Return whether a dense tensor is, bit for bit, the operand that starts at `start`."""
        count = operand.numel()
        flat = operand.as_strided((count,), (1,)).view(self._integer)
        ours, theirs = self._windows(start, count)
        if not operand.is_cpu:
            return torch.equal(self._combined(ours, theirs), flat)
        pieces = (slice(first, first + COMPARED) for first in range(0, count, COMPARED))
        combine = np.bitwise_and if self._masks else np.bitwise_xor
        a, b, c = ours.numpy(), theirs.numpy(), flat.numpy()
        return all(np.array_equal(combine(a[piece], b[piece]), c[piece]) for piece in pieces)

    @property
    def _combined(self) -> Callable[..., torch.Tensor]:
        return torch.bitwise_and if self._masks else torch.bitwise_xor
