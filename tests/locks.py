"""A process of the suite that uses multiprocessing's locks, as a plug-in may."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

from suite.processes.channel import Message, serve


def _put(queue: multiprocessing.SimpleQueue) -> None:
    queue.put(7)


def lock() -> Message:
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
    return {"second": second, "after_release": held.acquire(block=False), "forked": answer}


def hand_over() -> Message:
    """Hand a lock to a process that is not forked, which would have to find it by its name."""
    context = multiprocessing.get_context("spawn")
    try:
        context.Process(target=print, args=(context.Lock(),)).start()
    except RuntimeError as error:
        return {"refused": str(error)}
    return {"refused": ""}


def main(connection: Connection) -> None:
    serve(connection, {"lock": lock, "hand_over": hand_over})
