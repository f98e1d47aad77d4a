"""Messages between the parent and its processes: JSON frames over a pipe of their own.

A request is a dataclass that names the type of its reply, `class Turn(Request[Turned])`, so that
both ends are checked by type. JSON because the other end runs other people's code: unpickling what
it sends would run that code here. Every reply repeats the number of the request it answers and has
to fit its type field by field, so that a frame written by anything else in that process is
recognised as foreign, and what it claims cannot be of a kind that nobody expects.
"""

from __future__ import annotations

import os
import re
import time
import typing
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any, ClassVar, Generic, Self, TypeVar

from suite.processes import shared_memory
from suite.processes.frames import Frames
from suite.ranges import Misfit, shown
from suite.records import decoder, from_plain, parse, to_json

POLL_S = 0.05
_WORD = re.compile(r"(?<!^)(?=[A-Z])")

Reply = TypeVar("Reply")


class ChannelClosed(Exception):
    """The other process is gone."""


class ForeignFrame(Exception):
    """Something other than the suite's own loop wrote to the channel."""


class NoReplyInTime(Exception):
    """The other process did not answer within its time."""


class Request(Generic[Reply]):
    """Base of all requests; the parameter is the type of the reply."""

    __slots__ = ()
    do: ClassVar[str]
    """What it is called on the wire and in messages: "end_turn" for `EndTurn`."""
    answered_with: ClassVar[Any]
    """The type of the reply: `Turned` for `class Turn(Request[Turned])`."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.do = _WORD.sub("_", cls.__name__).lower()
        bases = cls.__dict__["__orig_bases__"]
        (base,) = (base for base in bases if typing.get_origin(base) is Request)
        (cls.answered_with,) = typing.get_args(base)

    @classmethod
    def handled_by(cls, answer: Callable[[Self], Reply]) -> Handler:
        """Return the handler that answers requests of this type."""
        return Handler(cls, answer)


@dataclass(frozen=True, slots=True)
class Handler:
    """Who answers requests of one type."""

    request: type[Request[Any]]
    answer: Callable[[Any], object]


Handlers = Mapping[str, Handler]
"""By the requests' names; see `handlers`."""


def handlers(*each: Handler) -> Handlers:
    return {handler.request.do: handler for handler in each}


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A reply that tells nothing but that the request was carried out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Take(Request[Done]):
    """Take the shared memory whose descriptor comes next on the channel."""

    path: str
    """What other requests call it."""


class Requester:
    """The parent's end: one request, one reply, never two under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._frames = Frames(connection)
        self._number = 0

    def send(self, request: Request[Any], to: str = "") -> None:
        """Send a request.

        Args:
            to: which of several members it is for, where the other end serves some.
        """
        self._number += 1
        frame = {"number": self._number, "do": request.do, "to": to, "request": request}
        try:
            self._connection.send_bytes(to_json(frame).encode())
        except OSError as error:
            raise ChannelClosed from error

    def send_descriptor(self, descriptor: int, pid: int) -> None:
        """Send what the last request said comes next.

        Args:
            pid: of the process at the other end.
        """
        try:
            reduction.send_handle(self._connection, descriptor, pid)
        except OSError as error:
            raise ChannelClosed from error

    def receive(
        self,
        request: Request[Reply],
        timeout_s: float,
        watch: Callable[[], None] = lambda: None,
    ) -> Reply:
        """Return the reply to the last request.

        Args:
            request: one of that request's type, which says what its reply has to be.
            timeout_s: how long to wait.
            watch: called about twenty times a second while waiting; may raise.

        Raises:
            ChannelClosed, ForeignFrame, NoReplyInTime: see there.
        """
        try:
            frame = parse(self._whole_frame(timeout_s, watch).decode())
        except (EOFError, OSError) as error:
            raise ChannelClosed from error
        except ValueError as error:
            raise ForeignFrame("a frame that is not the suite's") from error
        if type(frame) is not dict or frame.keys() != {"number", "reply"}:
            raise ForeignFrame("a frame that is not the suite's")
        number = frame["number"]
        if type(number) is not int or number != self._number:
            raise ForeignFrame(f"a reply to request {shown(number)} instead of {self._number}")
        try:
            reply: Reply = decoder(request.answered_with)(frame["reply"])
        except Misfit as misfit:
            raise ForeignFrame(f"no reply to {request.do}: {misfit}") from misfit
        return reply

    def _whole_frame(self, timeout_s: float, watch: Callable[[], None]) -> bytes:
        """Wait for a frame, and no longer for its end than for its beginning."""
        now = time.monotonic()
        deadline, watched = now + timeout_s, now
        while (frame := self._frames.next(min(POLL_S, max(0.0, deadline - now)))) is None:
            now = time.monotonic()
            if now - watched >= POLL_S:
                watch()
                watched = now
            if now >= deadline:
                raise NoReplyInTime
        return frame

    def close(self) -> None:
        self._connection.close()


def prepare_to_serve() -> None:
    """Make what reads requests of every type that is known by now, before processes are forked.

    Each would make it for itself, which takes milliseconds.
    """
    for request in Request.__subclasses__():
        decoder(typing.cast(Hashable, request))


def serve(
    connection: Connection, own: Handlers, members: Mapping[str, Handlers] | None = None
) -> None:
    """Answer requests until the parent closes the channel or is gone.

    Args:
        members: who answers the requests that are sent `to` one of them; may change meanwhile.
    """

    def take(asked: Take) -> Done:
        shared_memory.take(asked.path, reduction.recv_handle(connection))
        return Done()

    own = {**own, **handlers(Take.handled_by(take))}
    asked_pid = os.getpid()
    while True:
        try:
            frame = parse(connection.recv_bytes().decode())
        except (EOFError, OSError):
            return
        to = frame["to"]
        handler = (members[to] if to and members is not None else own)[frame["do"]]
        reply = handler.answer(from_plain(handler.request, frame["request"]))
        if os.getpid() != asked_pid:  # a fork of the implementation's that failed, or returned
            os._exit(1)
        try:
            connection.send_bytes(to_json({"number": frame["number"], "reply": reply}).encode())
        except OSError:
            return
