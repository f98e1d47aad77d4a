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
class Private(Request[Done]):
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedMapping(Request[Done]):
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmapped(Request[Done]):
    """A memfd that is written and never mapped."""

    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Named(Request[Done]):
    name: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class InChild(Request[Done]):
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Print(Request[Done]):
    size_bytes: int


def _filled(size_bytes: int) -> bytes:
    return b"x" * size_bytes


def _private(asked: Private) -> Done:
    HELD.append(bytearray(_filled(asked.size_bytes)))
    return Done()


def _shared_mapping(asked: SharedMapping) -> Done:
    memory = mmap.mmap(-1, asked.size_bytes)
    memory[:] = _filled(asked.size_bytes)
    HELD.append(memory)
    return Done()


def _unmapped(asked: Unmapped) -> Done:
    descriptor = os.memfd_create("hoard")
    os.write(descriptor, _filled(asked.size_bytes))
    return Done()


def _named(asked: Named) -> Done:
    segment = shared_memory.SharedMemory(asked.name, create=True, size=asked.size_bytes)
    segment.buf[:] = _filled(asked.size_bytes)
    HELD.append(segment)
    return Done()


def _in_child(asked: InChild) -> Done:
    ready, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(1, f"{os.getpid()}\n".encode())
        HELD.append(bytearray(_filled(asked.size_bytes)))
        os.write(told, b"1")
        time.sleep(600)
    os.read(ready, 1)
    return Done()


def _print(asked: Print) -> Done:
    os.write(1, b"first words\n")
    line = _filled(4095) + b"\n"
    for _ in range(asked.size_bytes // len(line)):
        os.write(1, line)
    os.write(1, b"last words\n")
    return Done()


def main(connection: Connection) -> None:
    serve(
        connection,
        handlers(
            Private.handled_by(_private),
            SharedMapping.handled_by(_shared_mapping),
            Unmapped.handled_by(_unmapped),
            Named.handled_by(_named),
            InChild.handled_by(_in_child),
            Print.handled_by(_print),
        ),
    )
