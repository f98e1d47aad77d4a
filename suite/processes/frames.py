"""Whole frames from a connection whose other end may write half of one, or never stop.

`Connection.recv_bytes` waits for the rest of a frame for as long as it takes. Here a frame is put
together from what has come, so that whoever waits can stop at its deadline.
"""

from __future__ import annotations

import os
import select
import struct
import sys
from multiprocessing.connection import Connection

MOST_FRAME_BYTES = 64 * 2**20
"""No message of the suite's comes near."""
_CHUNK_BYTES = 2**16
_SHORT, _LONG = struct.Struct("!i"), struct.Struct("!Q")
"""A frame's length as multiprocessing writes it; a short one of -1 announces a long one."""


class FrameTooLong(ValueError):
    """A length that no frame of the suite's has."""


class Frames:
    """What has come of frames so far, in order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._come = bytearray()
        self._readiness = _readiness_of(connection)

    def next(self, wait_s: float) -> bytes | None:
        """Return the next whole frame; None if the rest of it has not come within `wait_s`.

        Whoever calls again waits for the rest: one call reads once.

        Raises:
            EOFError, OSError: the other end is closed.
            FrameTooLong: see there.
        """
        if (frame := self._taken()) is not None:
            return frame
        if not self._is_ready(wait_s):
            return None
        if sys.platform == "win32":  # its pipes hand over whole messages
            return self._connection.recv_bytes(MOST_FRAME_BYTES)
        come = os.read(self._connection.fileno(), _CHUNK_BYTES)
        if not come:
            raise EOFError
        self._come += come
        return self._taken()

    def _is_ready(self, wait_s: float) -> bool:
        if self._readiness is None:
            return self._connection.poll(wait_s)
        return bool(self._readiness.poll(wait_s * 1e3))

    def _taken(self) -> bytes | None:
        """Return a frame that has come whole, and forget it."""
        at, size_bytes = _SHORT.size, self._number(_SHORT, 0)
        if size_bytes == -1:
            at, size_bytes = _SHORT.size + _LONG.size, self._number(_LONG, _SHORT.size)
        if size_bytes is None:
            return None
        if not 0 <= size_bytes <= MOST_FRAME_BYTES:
            raise FrameTooLong(f"a frame of {size_bytes} bytes")
        if len(self._come) < at + size_bytes:
            return None
        frame = bytes(self._come[at : at + size_bytes])
        del self._come[: at + size_bytes]
        return frame

    def _number(self, form: struct.Struct, at: int) -> int | None:
        if len(self._come) < at + form.size:
            return None
        number: int = form.unpack_from(self._come, at)[0]
        return number


def _readiness_of(connection: Connection) -> select.poll | None:
    """Return what is asked whether a connection can be read; None where it has to be asked itself.

    `Connection.poll` makes and unmakes such an object every time, which takes as long as reading.
    """
    if not hasattr(select, "poll"):
        return None
    readiness = select.poll()
    readiness.register(connection.fileno(), select.POLLIN)
    return readiness
