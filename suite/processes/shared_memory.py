"""Memory that the judge and the workers share, in anonymous mappings.

The operands of a scenario lie in one that workers map for reading only; each arm has one of its
own for what it returns. So no worker can spoil another's data, by accident or by writing to
whatever descriptors it finds.

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
from suite.processes import cache_filler

ALIGNMENT = 64
STREAM_SLACK = 4096
"""Elements that a stream is longer than the operand: as many offsets to start from."""
OUTPUT_BYTES = 64 * 2**20
"""Room for an arm's outputs that wait to be judged; at least one fits whatever its size."""
MOST_SLOTS = 512


@dataclass(frozen=True)
class Region:
    start: int
    size_bytes: int


def _elements(shape: Shape) -> int:
    return shape[0] * shape[1] * shape[2] * shape[3]


class _Layout:
    """Regions one after the other, each aligned for vector loads."""

    def __init__(self) -> None:
        self._end = 0

    def _take(self, size_bytes: int) -> Region:
        region = Region(self._end, size_bytes)
        self._end += -(-size_bytes // ALIGNMENT) * ALIGNMENT
        return region

    @property
    def size_bytes(self) -> int:
        return max(self._end, ALIGNMENT)


class OperandLayout(_Layout):
    """What the judge writes and workers only read. Computed alike in every process.

    `input`, `weight`, `bias` and `grad` hold dense tensors; `stream_a` and `stream_b` the random
    bits that the varying operand of timed calls is made from. `filler` holds nothing and takes no
    memory until somebody reads it, which empties a CPU's caches: all workers share one, as a large
    cache takes gigabytes.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        itemsize = scenario.itemsize
        problem = scenario.problem
        backward = scenario.direction != "forward"
        varying = problem.output_elements if backward else problem.input_elements
        self.input = self._take(problem.input_elements * itemsize)
        self.weight = self._take(problem.weight_elements * itemsize)
        self.bias = self._take((problem.out_channels if problem.bias else 0) * itemsize)
        self.grad = self._take((problem.output_elements if backward else 0) * itemsize)
        self.stream_a = self._take((varying + STREAM_SLACK) * itemsize)
        self.stream_b = self._take((varying + STREAM_SLACK) * itemsize)
        self.filler = self._take(cache_filler.filler_bytes(scenario))


class ResultLayout(_Layout):
    """What one worker writes: operands handed back, and outputs in slots."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        itemsize, problem = scenario.itemsize, scenario.problem
        self.input = self._take(problem.input_elements * itemsize)
        self.weight = self._take(problem.weight_elements * itemsize)
        self.bias = self._take((problem.out_channels if problem.bias else 0) * itemsize)
        slot_bytes = _elements(scenario.result_shape) * itemsize
        self.slots = max(1, min(MOST_SLOTS, OUTPUT_BYTES // max(slot_bytes, ALIGNMENT)))
        self._regions = [self._take(slot_bytes) for _ in range(self.slots)]

    def slot(self, index: int) -> Region:
        return self._regions[index]


class SharedMemory:
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

    def read(self, start: int, size_bytes: int) -> bytes:
        """Return some of what it holds now."""
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return os.read(self._descriptor, size_bytes)

    def close(self) -> None:
        os.close(self._descriptor)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def __enter__(self) -> SharedMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def map_shared(path: str, size_bytes: int, *, writable: bool) -> mmap.mmap:
    """Map another process's shared memory."""
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    with Path(path).open("r+b" if writable else "rb") as file:
        return mmap.mmap(file.fileno(), size_bytes, access=access)
