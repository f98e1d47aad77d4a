"""What an output is that counts, and what an exception stands for.

Only the worker's own process can see either; whether numbers are right is for the judge.
"""

from __future__ import annotations

import bisect
import itertools
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from suite.conditions import Scenario
from suite.errors import Unsupported, UsageError
from suite.messages.answer import Failure
from suite.operands.tensors import DTYPES, Operands, is_channels_last
from suite.results.cell import Status

_OPERANDS = ("input", "weight", "bias", "grad", "residual")
_OUT_OF_MEMORY = ("not enough memory", "out of memory", "cannot allocate memory", "bad_alloc")


class OutputFault(Exception):
    """What an implementation returned, or left behind, cannot count as a result."""


def row_major(output: torch.Tensor) -> torch.Tensor:
    """Return an output's elements in one row, N K P Q whatever its format; so with other axes."""
    return output.detach().contiguous().view(-1)


def in_memory_order(output: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """Return an output's elements in one row as they lie, and whether channels are last: N P Q K.

    Copied only where they lie otherwise: putting them in order may take as long as the call.
    """
    output = output.detach()
    if not output.is_contiguous() and is_channels_last(output):
        return output.movedim(1, -1).view(-1), True
    return row_major(output), False


class Taken:
    """Memory that no output may lie in: that of the operands, and of outputs that are still held.

    A sample of the shortest calls holds dozens, each of which is looked up: what that takes counts
    against the row, so that it may not grow with their number.
    """

    def __init__(self, operands: Operands, held: Iterable[torch.Tensor] = ()) -> None:
        self.device = operands.input.device
        named = ((name, getattr(operands, name)) for name in _OPERANDS)
        self._operands = [(name, *_span(tensor)) for name, tensor in named if tensor is not None]
        self.hold(held)

    def hold(self, held: Iterable[torch.Tensor]) -> None:
        """Take these outputs for the ones that are still held."""
        spans = sorted(map(_span, held))
        self._starts = [start for start, _ in spans]
        self._ends = list(itertools.accumulate((end for _, end in spans), max))

    def holder(self, tensor: torch.Tensor) -> str | None:
        """Return whose memory a tensor's storage overlaps, wherever each of them begins."""
        start, end = _span(tensor)
        for name, first, behind in self._operands:
            if start < behind and first < end:
                return f"the {name}"
        before = bisect.bisect_left(self._starts, end)
        return "an earlier output" if before and self._ends[before - 1] > start else None


def require_output(output: Any, scenario: Scenario, taken: Taken) -> torch.Tensor:
    """Return the output if it is a dense tensor of its own, of the right shape, dtype and device.

    Raises:
        OutputFault: says what it is instead.
    """
    if type(output) is not torch.Tensor:
        raise OutputFault(f"returned a {type(output).__name__}, not a torch.Tensor")
    shape = tuple(output.shape)
    if shape != scenario.result_shape:
        raise OutputFault(f"returned shape {shape}, expected {scenario.result_shape}")
    if output.dtype is not DTYPES[scenario.dtype]:
        raise OutputFault(f"returned {output.dtype}, expected {DTYPES[scenario.dtype]}")
    if output.layout is not torch.strided or output.device != taken.device:
        raise OutputFault(f"returned a {output.layout} tensor on {output.device}")
    if output.numel() == 0:
        return output
    if holder := taken.holder(output):
        raise OutputFault(f"the output shares memory with {holder}")
    return output


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Return where the bytes of a tensor's storage begin and end."""
    storage = tensor.untyped_storage()
    start: int = storage.data_ptr()
    return start, start + storage.nbytes()


def failure(error: Exception, own_file: str = "", hint: str = "") -> Failure:
    """Return the status and the reason that an exception stands for.

    Args:
        own_file: of the implementation: the line that is named is its own, however deep in other
            people's code the exception was raised.
        hint: what may cure it.
    """
    if isinstance(error, Unsupported | NotImplementedError):
        return Failure(status=Status.UNSUPPORTED, reason=str(error) or type(error).__name__)
    if isinstance(error, UsageError):
        return Failure(status=Status.ERROR, reason=str(error))
    if isinstance(error, OutputFault):
        return Failure(status=Status.INCORRECT, reason=str(error))
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    if isinstance(error, MemoryError) or any(word in text.lower() for word in _OUT_OF_MEMORY):
        return Failure(status=Status.OUT_OF_MEMORY, reason=text)
    return Failure(status=Status.ERROR, reason=f"{text}{_line_of(error, own_file)}{hint}")


def _line_of(error: Exception, own_file: str) -> str:
    """Return " (mine.py:12)": the deepest line in the implementation's file, or beside it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == own_file]
    folder = Path(own_file).parent
    beside = [frame for frame in frames if own_file and Path(frame.filename).parent == folder]
    for some in (own, beside, frames):
        if some:
            return f" ({some[-1].filename}:{some[-1].lineno})"
    return ""
