"""The data that implementations are given: gate inputs with a purpose, and endless fresh streams.

Timed calls get the XOR of two random bit streams from secret starting points, mantissa and sign
bits only. One pass over memory makes an operand that was never seen before, and as XOR is not
linear, no result of an earlier call helps with the next: a cache, however keyed, has to do the
whole work again.
"""

from __future__ import annotations

import copy
import mmap
import warnings
from dataclasses import dataclass
from functools import cached_property
from io import FileIO
from pathlib import Path

import torch

from suite.arena import STREAM_SLACK, OperandLayout, Region, ResultLayout, open_arena
from suite.operation import Operands
from suite.problem import Scenario
from suite.settings import SPECIAL_KINDS as SPECIAL

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True)
class _Bits:
    """A floating-point type seen as integers."""

    integer: torch.dtype
    mantissa: int
    exponent: int
    """Biased exponent of values in [1, 2)."""


_BITS = {
    "float32": _Bits(torch.int32, 23, 127),
    "float64": _Bits(torch.int64, 52, 1023),
    "float16": _Bits(torch.int16, 10, 15),
    "bfloat16": _Bits(torch.int16, 7, 127),
}


def view(memory: mmap.mmap, region: Region, dtype: torch.dtype) -> torch.Tensor:
    """Return the flat tensor that lies in a region of the arena."""
    if region.size_bytes == 0:
        return torch.empty(0, dtype=dtype)
    count = region.size_bytes // dtype.itemsize
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has no read-only tensors, and says so
        return torch.frombuffer(memory, dtype=dtype, count=count, offset=region.start)


class OperandArena:
    """A scenario's operands as tensors. Dense ones are row-major whatever the format."""

    def __init__(self, scenario: Scenario, path: str, *, writable: bool) -> None:
        layout, dtype = OperandLayout(scenario), DTYPES[scenario.dtype]
        memory = open_arena(path, layout.size_bytes, writable=writable)
        problem, backward = scenario.problem, scenario.direction != "forward"
        self.operands = Operands(
            view(memory, layout.input, dtype).view(problem.input_shape),
            view(memory, layout.weight, dtype).view(problem.weight_shape),
            view(memory, layout.bias, dtype) if problem.bias else None,
            view(memory, layout.grad, dtype).view(problem.output_shape) if backward else None,
        )
        self.stream = Stream(scenario, memory, layout)


class ResultArena:
    """What one arm returns: flat output slots, and its operands as they were after a call."""

    def __init__(self, scenario: Scenario, path: str) -> None:
        self._layout, self._dtype = ResultLayout(scenario), DTYPES[scenario.dtype]
        self._path = Path(path)
        self._memory = open_arena(path, self._layout.size_bytes, writable=True)
        problem = scenario.problem
        self.handed_back = Operands(
            self._view(self._layout.input).view(problem.input_shape),
            self._view(self._layout.weight).view(problem.weight_shape),
            self._view(self._layout.bias) if problem.bias else None,
        )

    def _view(self, region: Region) -> torch.Tensor:
        return view(self._memory, region, self._dtype)

    def slot(self, index: int) -> torch.Tensor:
        """Return output slot `index`, flat."""
        return self._view(self._layout.slot(index))

    @cached_property
    def _file(self) -> FileIO:
        return self._path.open("r+b", buffering=0)

    def write(self, index: int, output: torch.Tensor) -> None:
        """Write a flat, dense output into slot `index`.

        Not through the mapping: a fresh process would fault in every page of it first, which
        takes several times as long as the copy.
        """
        if output.numel() == 0:
            return
        data = output.cpu().view(torch.uint8).numpy().data
        self._file.seek(self._layout.slot(index).start)
        while data:
            data = data[self._file.write(data) :]


class Stream:
    """Fresh operands for timed calls: `fill` writes the one that starts at (a, b)."""

    def __init__(self, scenario: Scenario, memory: mmap.mmap, layout: OperandLayout) -> None:
        self._bits = _BITS[scenario.dtype]
        self._a = view(memory, layout.stream_a, self._bits.integer)
        self._b = view(memory, layout.stream_b, self._bits.integer)

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
                drawn = torch.randint(0, exponents, stream.shape, generator=generator)
                exponent = (bits.exponent - drawn).to(bits.integer)
                stream.bitwise_or_(exponent << bits.mantissa)

    def fill(self, operand: torch.Tensor, start: tuple[int, int]) -> None:
        """Write the operand that starts at `start` into a dense tensor, in memory order."""
        count = operand.numel()
        if count == 0:
            return
        flat = operand.as_strided((count,), (1,)).view(self._bits.integer)
        a, b = (offset % STREAM_SLACK for offset in start)
        torch.bitwise_xor(self._a[a : a + count], self._b[b : b + count], out=flat)


def _transposed(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values with rows and columns exchanged in memory."""
    if tensor.dim() != 4:
        return tensor
    return tensor.transpose(2, 3).contiguous().transpose(2, 3)


def _expanded(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same values as a view that overlaps itself; they were drawn to allow it."""
    return tensor[:1].expand_as(tensor) if tensor.dim() == 4 and len(tensor) else tensor


VIEWS = {"transposed": _transposed, "expanded": _expanded}
"""Kinds of gate input that are about memory, not values: how the operands are handed over."""


def draw(kind: str, scenario: Scenario, into: Operands, generator: torch.Generator) -> None:
    """Fill the arena's dense tensors with gate inputs of one kind.

    integer: small integers whose sums are exact in any order, so that direct methods must be
        bit-equal; sparse where long sums would not fit.
    normal, uniform: the usual.
    large: magnitudes near the square root of the range, where transforms overflow first.
    spiked: normal with a few values 10⁴ times as large, which norm-wise bounds cannot hide.
    nan, inf: normal with one such value in the varying operand.
    transposed, expanded: normal, handed over as views; for expanded all samples are alike.
    """
    scale = 2.0**5 if scenario.dtype == "float16" else 2.0**40
    varying = into.input if into.grad is None else into.grad
    for tensor in (into.input, into.weight, into.bias, into.grad):
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
                places = torch.randint(0, tensor.numel(), (3,), generator=generator)
                tensor.view(-1)[places] *= 1e4
            elif kind == "expanded" and tensor.dim() == 4:
                tensor.copy_(tensor[:1].clone().expand_as(tensor))
            elif kind in SPECIAL and tensor is varying:
                place = torch.randint(0, tensor.numel(), (1,), generator=generator)
                tensor.view(-1)[place] = float(kind)


def _draw_integers(tensor: torch.Tensor, scenario: Scenario, generator: torch.Generator) -> None:
    tensor.copy_(torch.randint(-3, 4, tensor.shape, generator=generator))
    exact = 2 ** (_BITS[scenario.dtype].mantissa + 1)
    density = exact / (9 * max(scenario.reduction_length, 1))
    if density < 1:
        keep = torch.rand(tensor.shape, generator=generator) < density
        tensor.mul_(keep.to(tensor.dtype))


def same_bits(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Return whether two tensors are equal bit for bit, NaNs included."""
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[first.element_size()]
    return torch.equal(first.view(integer), second.view(integer))


def in_format(tensor: torch.Tensor, memory_format: str) -> torch.Tensor:
    """Return a private copy in the scenario's memory format."""
    return tensor.clone(memory_format=FORMATS[memory_format])
