"""The process that holds a copy of a network: the caller's modules, and rows that may fail."""

from __future__ import annotations

import gc
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from suite import own_imports
from suite.messages.answer import Answer, Failure
from suite.messages.network import Loaded, LoadNetwork, TimeArms, Timings
from suite.network.bench import Bench
from suite.network.child.forked import ForkedBench, may_fork
from suite.network.child.timing import timed
from suite.processes.channel import handlers, serve
from suite.processes.import_file import import_file
from suite.results.cell import Status


def main(connection: Connection) -> None:
    """Serve one network; runs in its own process."""
    process = _Process()
    serve(
        connection,
        handlers(LoadNetwork.handled_by(process.load), TimeArms.handled_by(process.time)),
    )


class _Process:
    def __init__(self) -> None:
        self._bench: Bench | None = None
        self._forks = False
        self._fork: ForkedBench | None = None
        self._threads = 1

    def load(self, request: LoadNetwork) -> Answer[Loaded]:
        own_imports.serve_users()
        torch.set_num_threads(1)  # what loading computes: see `timed`
        self._threads = request.threads
        try:
            for file, prefix in request.files:
                import_file(Path(file), prefix)
            model, inputs, original = torch.load(request.path, weights_only=False)
        except Exception as error:  # whatever the caller's classes raise, or are not there
            reason = f"{type(error).__name__}: {error}"
            return Answer(reply=None, failure=Failure(status=Status.ERROR, reason=reason))
        self._bench = Bench(model, inputs, original)
        self._forks = may_fork()
        if self._forks:
            gc.freeze()  # as `suite.preload` does: a fork then copies less
        return Answer(reply=Loaded(forks=self._forks), failure=None)

    def time(self, request: TimeArms) -> Answer[Timings]:
        assert self._bench is not None  # nobody asks before it is loaded
        if not self._forks:
            return timed(self._bench, self._threads, request)
        if self._fork is not None and (request.is_first or self._fork.ended):
            self._fork.close()
            self._fork = None
        if self._fork is None:
            self._fork = ForkedBench(self._bench, self._threads)
        return self._fork.ask(request)
