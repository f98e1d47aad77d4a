"""Where variants of a network are timed: in fresh processes, or here if none can load it."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import nn

from suite.measuring.selection import chosen_memory_limit_bytes
from suite.messages.answer import Answer
from suite.messages.network import Asked, LoadNetwork, TimeArms, Timings
from suite.network.bench import Arm, ArmFailed, Bench
from suite.network.twin import Inputs, copied, first_line, twin_of
from suite.processes.channel import Request
from suite.processes.import_file import imported_files
from suite.processes.peer import Peer, ProcessFailed

TIMEOUT_S = 600.0
"""Of one request: a row that is compiled for the first time may take a minute."""
NETWORK, ARMS = "network.pt", "arms.pickle"

Reply = TypeVar("Reply")


class Timer(Protocol):
    """Times arms on one bench."""

    def time(self, arms: Sequence[Arm], asked: Asked) -> Timings:
        """Return what was timed.

        Raises:
            ArmFailed: an arm raised, or its process did not survive it.
        """


class Benches(Protocol):
    """Where benches come from."""

    @property
    def are_fresh(self) -> bool:
        """Whether each is a process of its own."""

    def open(self) -> contextlib.AbstractContextManager[Timer]:
        """Give a bench that nothing was timed on yet."""

    def close(self) -> None:
        """End what is kept for the next bench."""


class FreshBenches:
    """Each bench is a fresh process: a fork of one that has loaded the network from a file.

    Where that cannot be forked, each is a process that loads it.
    """

    are_fresh = True

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder = folder
        self._threads = threads
        self._peer: Peer | None = None
        self._forks = False

    @contextlib.contextmanager
    def open(self) -> Iterator[Timer]:
        """Give a bench.

        Raises:
            ArmFailed: no process can be started, or it cannot load the network.
        """
        if self._peer is None or self._peer.ended:
            self.close()
            self._peer = self._loaded()
        try:
            yield _Remote(self._peer, self._folder)
        finally:
            if not self._forks:
                self.close()

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def _loaded(self) -> Peer:
        try:
            peer = Peer(
                "suite.network.child.process:main",
                name="network",
                log=self._folder / "network.log",
                memory_limit_bytes=chosen_memory_limit_bytes(None),
            )
        except ProcessFailed as failed:
            raise ArmFailed(failed.reason) from None
        try:
            request = LoadNetwork(
                path=str(self._folder / NETWORK), threads=self._threads, files=imported_files()
            )
            self._forks = _ask(peer, request).forks
        except BaseException:
            peer.close()
            raise
        return peer


class _Remote:
    def __init__(self, peer: Peer, folder: Path) -> None:
        self._peer = peer
        self._file = folder / ARMS
        self._is_first = True

    def time(self, arms: Sequence[Arm], asked: Asked) -> Timings:
        self._file.write_bytes(pickle.dumps(tuple(arms)))
        request = TimeArms(arms=str(self._file), asked=asked, is_first=self._is_first)
        self._is_first = False
        return _ask(self._peer, request)


def _ask(peer: Peer, request: Request[Answer[Reply]]) -> Reply:
    try:
        answer = peer.ask(request, timeout_s=TIMEOUT_S)
    except ProcessFailed as failed:
        raise ArmFailed(failed.reason) from None
    if answer.failure:
        raise ArmFailed(answer.failure.reason)
    assert answer.reply is not None  # where there is no failure
    return answer.reply


class OwnBenches:
    """Benches in this process, each with a copy of the network."""

    are_fresh = False

    def __init__(self, model: nn.Module, inputs: Inputs, original: nn.Module | None) -> None:
        self._model = model
        self._inputs = inputs
        self._original = original

    def close(self) -> None:
        """Nothing is kept."""

    @contextlib.contextmanager
    def open(self) -> Iterator[Timer]:
        original = None if self._original is None else twin_of(self._original)
        yield Bench(twin_of(self._model), copied(self._inputs), original)


def benches_for(
    model: nn.Module,
    inputs: Inputs,
    folder: Path,
    threads: int,
    original: nn.Module | None = None,
) -> tuple[Benches, str]:
    """Return where a network can be timed, and why not in fresh processes if that is so.

    Args:
        model: a copy, in evaluation mode.
        folder: for files that processes read.
        original: the network before it was folded, if it was.
    """
    try:
        torch.save((model, copied(inputs), original), folder / NETWORK)
        fresh = FreshBenches(folder, threads)
        with fresh.open():
            return fresh, ""
    except OSError:
        raise
    except Exception as error:  # pickle raises many kinds, and what the caller's classes raise
        remark = (
            f"timed in this process, as no other can load the network ({first_line(error)}); "
            "classes of a module that can be imported can be loaded"
        )
        return OwnBenches(model, inputs, original), remark
