"""Memory that the judge and the workers share, in anonymous mappings.

The operands of a scenario lie in one that workers map for reading only; each arm has one of its
own for what it returns. So no worker can spoil another's data, by accident or by writing to
whatever descriptors it finds.

On Linux it is a memfd whose descriptor is handed over: it vanishes with the last process that
holds it, whatever kills them, and is not limited by the size of /dev/shm (64 MB in containers). It
is sealed: nobody resizes it, and nobody but the judge writes operands, by whatever descriptor.
Elsewhere it is a temporary file, which any process of the same user can write.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import mmap
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from suite.conditions import Scenario
from suite.processes import cache_filler
from suite.processes.scratch import own_folder

if sys.platform != "win32":
    import fcntl

_ADD_SEALS = 1033  # F_ADD_SEALS and what it adds, by linux/fcntl.h; fcntl has only some of them
_SEAL_SEAL, _SEAL_SHRINK, _SEAL_GROW, _SEAL_FUTURE_WRITE = 0x1, 0x2, 0x4, 0x10
_numbers = itertools.count()
_own: dict[str, int] = {}
"""Descriptors of the memory that this process owns, by path."""
_handed_over: dict[str, int] = {}
"""Descriptors that another process handed to this one, by its path."""

ALIGNMENT = 64
STREAM_SLACK = 4096
"""Elements that a stream is longer than the operand: as many offsets to start from."""
OUTPUT_BYTES = 64 * 2**20
"""Room for an arm's outputs that wait to be judged; at least one fits whatever its size."""
MOST_SLOTS = 512
ROOM_BYTES = 32 * 2**20
"""Memory for an arm's results is a multiple of it, so that it fits other scenarios' as well."""


@dataclass(frozen=True)
class Region:
    start: int
    size_bytes: int


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

    `input`, `weight`, `bias`, `grad` and `residual` hold dense tensors; `stream_a` and `stream_b`
    the random bits that the varying operand of timed calls is made from. `filler` holds nothing and
    takes no memory until somebody reads it, which empties a CPU's caches: all workers share one, as
    a large cache takes gigabytes.
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
        self.residual = self._take(problem.residual_elements * itemsize)
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
        self.residual = self._take(problem.residual_elements * itemsize)
        slot_bytes = math.prod(scenario.result_shape) * itemsize
        self.slots = max(1, min(MOST_SLOTS, OUTPUT_BYTES // max(slot_bytes, ALIGNMENT)))
        self._regions = [self._take(slot_bytes) for _ in range(self.slots)]

    @property
    def room_bytes(self) -> int:
        """Its size, rounded up: what nobody writes takes no memory."""
        return -(-self.size_bytes // ROOM_BYTES) * ROOM_BYTES

    def slot(self, index: int) -> Region:
        return self._regions[index]


class SharedMemory:
    """Owner's handle. `path` is what messages call it.

    The others are handed its descriptor (`suite.processes.peer.Peer.hand_over`), except where
    there is no memfd: there `path` is that of a file, which they open.
    """

    def __init__(self, size_bytes: int) -> None:
        self._file: Path | None = None
        self.size_bytes = size_bytes
        self.closed = False
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("convgauge", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            self.path = f"memfd:{next(_numbers)}"
            _own[self.path] = self._descriptor
        else:
            self._descriptor, self.path = tempfile.mkstemp(dir=own_folder())
            self._file = Path(self.path)
        os.truncate(self._descriptor, size_bytes)
        # Whoever shrinks it ends everybody who reads it, by SIGBUS.
        self._seal(_SEAL_SHRINK | _SEAL_GROW)

    def seal_contents(self) -> None:
        """Let nobody write who has not mapped it by now; the judge has.

        Kernels before 5.1 refuse; then it is only what processes are told not to do.
        """
        self._seal(_SEAL_FUTURE_WRITE)
        self._seal(_SEAL_SEAL)

    def _seal(self, seals: int) -> None:
        if self._file is None:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._descriptor, _ADD_SEALS, seals)

    @contextlib.contextmanager
    def descriptor(self, *, writable: bool) -> Iterator[int | None]:
        """Give a descriptor to hand over; None where the others open a file by its path."""
        if self._file is not None:
            yield None
        elif writable:
            yield self._descriptor
        else:
            copy = os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                yield copy
            finally:
                os.close(copy)

    @property
    def held_bytes(self) -> int:
        """The memory that it takes, as far as this system tells."""
        return getattr(os.fstat(self._descriptor), "st_blocks", 0) * 512

    def read(self, start: int, size_bytes: int) -> bytes:
        """Return some of what it holds now."""
        if hasattr(os, "pread"):  # the position belongs to whoever was handed the descriptor, too
            return os.pread(self._descriptor, size_bytes, start)
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return os.read(self._descriptor, size_bytes)

    def close(self) -> None:
        """Let go of it; once more does nothing."""
        if self.closed:
            return
        self.closed = True
        _own.pop(self.path, None)
        os.close(self._descriptor)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def __enter__(self) -> SharedMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take(path: str, descriptor: int) -> None:
    """Keep a descriptor that was handed over, until it is opened."""
    forget(path)
    _handed_over[path] = descriptor


def forget(path: str) -> None:
    """Close what was handed over under this name, if anything; mappings of it stay."""
    if (descriptor := _handed_over.pop(path, None)) is not None:
        os.close(descriptor)


def open_shared(path: str, *, writable: bool) -> io.FileIO:
    """Open memory that is this process's own, was handed over, or is a file.

    Raises:
        OSError: there is none of that name.
    """
    mode = "r+b" if writable else "rb"
    descriptor = _handed_over.get(path, _own.get(path))
    return io.FileIO(path if descriptor is None else os.dup(descriptor), mode)


def map_shared(path: str, size_bytes: int, *, writable: bool) -> mmap.mmap:
    """Map another process's shared memory."""
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    with open_shared(path, writable=writable) as file:
        return mmap.mmap(file.fileno(), size_bytes, access=access)
