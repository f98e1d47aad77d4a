"""Standard output and error that end no command: closed, full, or in an encoding without ×.

A pipe that its reader closes (`| head -1`) is no verdict and stops no measurement: what comes
after goes nowhere, and the command ends with its own code. Where a disk is full that is said.

Imports nothing that takes time: every command begins here.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

READER_IS_GONE = (errno.EPIPE, errno.EINVAL)
"""Windows says the latter."""


class _Unbreakable(io.FileIO):
    """A file that takes everything and keeps the first reason why it could not."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        while left and self.failure is None:
            try:
                left = left[super().write(left) or 0 :]
            except OSError as error:
                self.failure = error
        return size


class Streams:
    """What became of standard output and error."""

    def __init__(self) -> None:
        self.files: list[_Unbreakable] = []

    @property
    def failure(self) -> OSError | None:
        """Why something that was printed is lost, apart from a reader who wanted no more."""
        failures = [file.failure for file in self.files if file.failure is not None]
        return next((f for f in failures if f.errno not in READER_IS_GONE), None)


@contextlib.contextmanager
def unbreakable() -> Iterator[Streams]:
    """Let nothing that is printed fail, for as long as the block lasts."""
    _open_closed_ones()
    streams, before = Streams(), (sys.stdout, sys.stderr)
    try:
        sys.stdout = _replaced(sys.stdout, sys.__stdout__, streams)
        sys.stderr = _replaced(sys.stderr, sys.__stderr__, streams)
        yield streams
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _open_closed_ones() -> None:
    """Have descriptors 0, 1 and 2 lead somewhere: a file opened later would take a closed one's
    place, and what is printed would be written to it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _replaced(stream: Any, original: TextIO | None, streams: Streams) -> Any:
    """Return an unbreakable stream; one that somebody put there (a test, a notebook) as it is."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - until the end
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if stream is not original or type(raw) is not io.FileIO:  # Windows' own console is none
        stream.reconfigure(errors="replace")
        return stream
    file = _Unbreakable(stream.fileno(), "w", closefd=False)
    streams.files.append(file)
    return io.TextIOWrapper(
        file if stream.write_through else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors="replace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
