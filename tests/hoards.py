"""A process that takes memory in the ways that there are, and prints."""

from __future__ import annotations

import mmap
import os
import time
from dataclasses import dataclass
from multiprocessing import shared_memory
from multiprocessing.connection import Connection
from typing import Any

from suite.processes.channel import Done, Request, handlers, serve

HELD: list[Any] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Hoard(Request[Done]):
    """Do one of `WAYS`."""

    way: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Named(Request[Done]):
    """Take memory that other processes find by its name."""

    name: str
    size_bytes: int


def _filled(size_bytes: int) -> bytes:
    return b"x" * size_bytes


def private(size_bytes: int) -> None:
    HELD.append(bytearray(_filled(size_bytes)))


def shared_mapping(size_bytes: int) -> None:
    memory = mmap.mmap(-1, size_bytes)
    memory[:] = _filled(size_bytes)
    HELD.append(memory)


def unmapped(size_bytes: int) -> None:
    """Write a memfd, and never map it."""
    descriptor = os.memfd_create("hoard")
    os.write(descriptor, _filled(size_bytes))


def in_child(size_bytes: int) -> None:
    ready, written = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(1, f"{os.getpid()}\n".encode())
        private(size_bytes)
        os.write(written, b"1")
        time.sleep(600)
    os.read(ready, 1)


def printed(size_bytes: int) -> None:
    os.write(1, b"first words\n")
    line = _filled(4095) + b"\n"
    for _ in range(size_bytes // len(line)):
        os.write(1, line)
    os.write(1, b"last words\n")


WAYS = {way.__name__: way for way in (private, shared_mapping, unmapped, in_child, printed)}


def _hoard(asked: Hoard) -> Done:
    WAYS[asked.way](asked.size_bytes)
    return Done()


def _named(asked: Named) -> Done:
    segment = shared_memory.SharedMemory(asked.name, create=True, size=asked.size_bytes)
    segment.buf[:] = _filled(asked.size_bytes)
    HELD.append(segment)
    return Done()


def main(connection: Connection) -> None:
    serve(connection, handlers(Hoard.handled_by(_hoard), Named.handled_by(_named)))
