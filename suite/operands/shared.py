"""A scenario's operands and an arm's outputs, as tensors in shared memory."""

from __future__ import annotations

import os
import weakref

import torch

from suite.conditions import Scenario
from suite.epilogues import adds
from suite.operands.streams import Stream
from suite.operands.tensors import DTYPES, Operands, view
from suite.problem import Problem
from suite.processes import cache_filler
from suite.processes.shared_memory import (
    OperandLayout,
    Region,
    ResultLayout,
    map_shared,
    open_shared,
)


class SharedOperands:
    """A scenario's operands as tensors. Dense ones are row-major whatever the format."""

    def __init__(self, scenario: Scenario, path: str, *, writable: bool) -> None:
        layout, dtype = OperandLayout(scenario), DTYPES[scenario.dtype]
        memory = map_shared(path, layout.size_bytes, writable=writable)
        problem, backward = scenario.problem, scenario.direction != "forward"
        self.operands = Operands(
            view(memory, layout.input, dtype).view(problem.input_shape),
            view(memory, layout.weight, dtype).view(problem.weight_shape),
            view(memory, layout.bias, dtype) if problem.bias else None,
            view(memory, layout.grad, dtype).view(problem.output_shape) if backward else None,
            _residual(problem, view(memory, layout.residual, dtype)),
        )
        self.stream = Stream.of(scenario, memory, layout)
        self._file = open_shared(path, writable=False)
        weakref.finalize(self, self._file.close)
        self._scenario, self._size_bytes = scenario, layout.size_bytes
        self._filler = view(memory, layout.filler, torch.float32)

    def filler(self) -> torch.Tensor | None:
        """Return other data to empty a CPU's caches with, its pages in place; None if not asked.

        Raises:
            Unsupported: there is no room for it.
        """
        if self._filler.numel() == 0:
            return None
        allocated_bytes = getattr(os.fstat(self._file.fileno()), "st_blocks", 0) * 512
        cache_filler.require_room(self._scenario, self._size_bytes - allocated_bytes)
        self._filler.sum()
        return self._filler


class ResultMemory:
    """Memory for what one arm returns, in one scenario after the other: see `SharedResults`."""

    def __init__(self, path: str) -> None:
        self.file = open_shared(path, writable=True)
        weakref.finalize(self, self.file.close)
        size_bytes = os.fstat(self.file.fileno()).st_size
        self.mapping = map_shared(path, size_bytes, writable=True)


class SharedResults:
    """What one arm returns: flat output slots, and its operands as they were after a call."""

    def __init__(self, scenario: Scenario, memory: ResultMemory) -> None:
        self._layout, self._dtype = ResultLayout(scenario), DTYPES[scenario.dtype]
        self._memory = memory
        problem = scenario.problem
        self.handed_back = Operands(
            self._view(self._layout.input).view(problem.input_shape),
            self._view(self._layout.weight).view(problem.weight_shape),
            self._view(self._layout.bias) if problem.bias else None,
            residual=_residual(problem, self._view(self._layout.residual)),
        )

    def _view(self, region: Region) -> torch.Tensor:
        return view(self._memory.mapping, region, self._dtype)

    def slot(self, index: int) -> torch.Tensor:
        """Return output slot `index`, flat."""
        return self._view(self._layout.slot(index))

    def write(self, index: int, output: torch.Tensor) -> None:
        """Write a flat, dense output into slot `index`.

        Not through the mapping: a fresh process would fault in every page of it first, which
        takes several times as long as the copy.
        """
        if output.numel() == 0:
            return
        data = output.cpu().view(torch.uint8).numpy().data
        file = self._memory.file
        file.seek(self._layout.slot(index).start)
        while data:
            data = data[file.write(data) :]


def _residual(problem: Problem, flat: torch.Tensor) -> torch.Tensor | None:
    return flat.view(problem.output_shape) if adds(problem.epilogue) else None
