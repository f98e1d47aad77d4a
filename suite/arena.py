"""Memory that the judge, the workers and the runner share: one anonymous mapping a scenario.

On Linux it is a memfd, reached by the other processes through /proc: it vanishes with the last
process that holds it, whatever kills them, and is not limited by the size of /dev/shm (64 MB in
containers). Elsewhere it is a temporary file.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from suite.problem import Scenario, Shape

ALIGNMENT = 64
STREAM_SLACK = 4096
"""Elements that a stream is longer than the operand: as many offsets to start from."""
OUTPUT_BYTES = 256 * 2**20
"""Room for outputs that wait to be judged; at least one fits whatever its size."""
MOST_SLOTS = 512


@dataclass(frozen=True)
class Region:
    start: int
    size_bytes: int


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2] * shape[3]


class Layout:
    """Where everything lies in a scenario's arena. Computed alike in every process.

    `input`, `weight`, `bias` and `grad` hold dense tensors; `stream_a` and `stream_b` the random
    bits that the varying operand of timed calls is made from; `slot(i)` one output.
    """

    def __init__(self, scenario: Scenario) -> None:
        itemsize = scenario.itemsize
        problem = scenario.problem
        backward = scenario.direction != "forward"
        varying = problem.output_elements if backward else problem.input_elements
        self._end = 0
        self.input = self._take(problem.input_elements * itemsize)
        self.weight = self._take(problem.weight_elements * itemsize)
        self.bias = self._take((problem.out_channels if problem.bias else 0) * itemsize)
        self.grad = self._take((problem.output_elements if backward else 0) * itemsize)
        self.stream_a = self._take((varying + STREAM_SLACK) * itemsize)
        self.stream_b = self._take((varying + STREAM_SLACK) * itemsize)
        self._slot_bytes = _elements(scenario.result_shape) * itemsize
        stride = max(self._aligned(self._slot_bytes), ALIGNMENT)
        self.slots = max(1, min(MOST_SLOTS, OUTPUT_BYTES // stride))
        self._slot_stride = stride
        self._slots = self._take(self.slots * stride)

    @staticmethod
    def _aligned(size_bytes: int) -> int:
        return -(-size_bytes // ALIGNMENT) * ALIGNMENT

    def _take(self, size_bytes: int) -> Region:
        region = Region(self._end, size_bytes)
        self._end += self._aligned(size_bytes)
        return region

    def slot(self, index: int) -> Region:
        return Region(self._slots.start + index * self._slot_stride, self._slot_bytes)

    @property
    def size_bytes(self) -> int:
        return max(self._end, ALIGNMENT)


class Arena:
    """Owner's handle. `path` is what the other processes open."""

    def __init__(self, size_bytes: int) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("convgauge")
            self._file: Path | None = None
            self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        else:
            self._descriptor, self.path = tempfile.mkstemp(prefix="convgauge-")
            self._file = Path(self.path)
        os.truncate(self._descriptor, size_bytes)

    def close(self) -> None:
        os.close(self._descriptor)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def __enter__(self) -> Arena:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_arena(path: str, size_bytes: int) -> mmap.mmap:
    """Map another process's arena."""
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), size_bytes)
