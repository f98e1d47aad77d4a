"""A process of the suite that uses multiprocessing's locks, as a plug-in may."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection

from suite.processes.channel import Request, handlers, serve


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """Whether a lock could be taken a second time, and once it was free; what a fork sent."""

    second: bool
    after_release: bool
    forked: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock(Request[Locked]):
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class HandedOver:
    refusal: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOver(Request[HandedOver]):
    pass


def _put(queue: multiprocessing.SimpleQueue) -> None:
    queue.put(7)


def lock(_: Lock) -> Locked:
    """Take a lock twice, and have a forked process answer through a queue, which has locks."""
    held, context = multiprocessing.get_context("spawn").Lock(), multiprocessing.get_context("fork")
    held.acquire()
    second = held.acquire(block=False)
    held.release()
    queue = context.SimpleQueue()
    process = context.Process(target=_put, args=(queue,))
    process.start()
    answer = queue.get()
    process.join()
    return Locked(second=second, after_release=held.acquire(block=False), forked=answer)


def hand_over(_: HandOver) -> HandedOver:
    """Hand a lock to a process that is not forked, which would have to find it by its name."""
    context = multiprocessing.get_context("spawn")
    try:
        context.Process(target=print, args=(context.Lock(),)).start()
    except RuntimeError as error:
        return HandedOver(refusal=str(error))
    return HandedOver(refusal="")


def main(connection: Connection) -> None:
    serve(connection, handlers(Lock.handled_by(lock), HandOver.handled_by(hand_over)))
