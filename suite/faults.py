"""What only the worker's own process can see of a fault: no tensor, shared memory, a leak.

Whether numbers are right is for the judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from suite.inputs import DTYPES
from suite.memory import own_bytes
from suite.operation import Operands
from suite.problem import Scenario

LEAK_BYTES = 8 * 2**20
LEAK_RESULTS = 4
LEAK_BYTES_A_CALL = 16 * 2**10


class OutputFault(Exception):
    """What an implementation returned, or left behind, cannot count as a result."""


def row_major(output: torch.Tensor) -> torch.Tensor:
    """Return an output's elements in one row, N K P Q whatever its format."""
    return output.detach().contiguous().view(-1)


def require_output(
    output: Any, scenario: Scenario, operands: Operands, earlier: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the output if it is a dense tensor of its own, of the right shape, dtype and device.

    Args:
        earlier: outputs that are still held, whose memory must not be used again.

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
    if output.layout is not torch.strided or output.device != operands.input.device:
        raise OutputFault(f"returned a {output.layout} tensor on {output.device}")
    if output.numel() == 0:
        return output
    place = output.untyped_storage().data_ptr()
    for name in ("input", "weight", "bias", "grad"):
        operand = getattr(operands, name)
        if operand is not None and operand.untyped_storage().data_ptr() == place:
            raise OutputFault(f"the output shares memory with the {name}")
    if any(tensor.untyped_storage().data_ptr() == place for tensor in earlier):
        raise OutputFault("the output shares memory with an earlier output")
    return output


class LeakWatch:
    """Compares memory with that after the warm-up: caches fill once, leaks go on."""

    def __init__(self, scenario: Scenario) -> None:
        self._allowed_bytes = max(LEAK_BYTES, LEAK_RESULTS * scenario.least_bytes)
        self._held_bytes = own_bytes()
        self._calls = 0

    def count(self, calls: int) -> None:
        self._calls += calls

    def require_no_growth(self) -> None:
        """Refuse memory that grows with the calls and is not given back.

        Raises:
            OutputFault: by how much it grew.
        """
        held_bytes = own_bytes()
        if held_bytes is None or self._held_bytes is None:
            return
        grown_bytes = held_bytes - self._held_bytes
        if grown_bytes > max(self._allowed_bytes, LEAK_BYTES_A_CALL * self._calls):
            raise OutputFault(
                f"memory grew by {grown_bytes / 2**20:.0f} MiB over {self._calls} calls "
                "and was not given back"
            )
