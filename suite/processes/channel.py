"""Messages between the runner and its processes: JSON frames over a pipe of their own.

JSON because the other end runs other people's code: unpickling what it sends would run that code
here. Every reply repeats the number of the request it answers, so that a frame written by
anything else in that process is recognised as foreign.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Message = dict[str, Any]
POLL_S = 0.05


class ChannelClosed(Exception):
    """The other process is gone."""


class ForeignFrame(Exception):
    """Something other than the suite's own loop wrote to the channel."""


class NoReplyInTime(Exception):
    """The other process did not answer within its time."""


class Requester:
    """The runner's end: one request, one reply, never two under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number = 0

    def send(self, do: str, **fields: Any) -> None:
        self._number += 1
        frame = json.dumps({"do": do, "number": self._number, **fields}).encode()
        try:
            self._connection.send_bytes(frame)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self, timeout_s: float, watch: Callable[[], None] = lambda: None) -> Message:
        """Return the reply to the last request.

        Args:
            timeout_s: how long to wait.
            watch: called about twenty times a second while waiting; may raise.

        Raises:
            ChannelClosed, ForeignFrame, NoReplyInTime: see there.
        """
        deadline = time.monotonic() + timeout_s
        while not self._connection.poll(min(POLL_S, max(0.0, deadline - time.monotonic()))):
            watch()
            if time.monotonic() >= deadline:
                raise NoReplyInTime
        try:
            reply: Message = json.loads(self._connection.recv_bytes())
            number = reply.pop("number")
        except (EOFError, OSError) as error:
            raise ChannelClosed from error
        except (ValueError, KeyError, TypeError) as error:
            raise ForeignFrame("a frame that is not the suite's") from error
        if number != self._number:
            raise ForeignFrame(f"a reply to request {number} instead of {self._number}")
        return reply

    def close(self) -> None:
        self._connection.close()


def serve(connection: Connection, handlers: dict[str, Callable[..., Message]]) -> None:
    """Answer requests with `handlers` until the runner closes the channel or is gone."""
    while True:
        try:
            request: Message = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        number, do = request.pop("number"), request.pop("do")
        reply = handlers[do](**request)
        try:
            connection.send_bytes(json.dumps({"number": number, **reply}).encode())
        except OSError:
            return
