"""The process that times variants of a network: the caller's modules, rows that may fail."""

from __future__ import annotations

import pickle
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from suite import own_imports
from suite.messages.answer import Answer, Failure
from suite.messages.network import LoadNetwork, TimeArms, Timings
from suite.network.bench import ArmFailed, Bench
from suite.processes.channel import Done, handlers, serve
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

    def load(self, asked: LoadNetwork) -> Answer[Done]:
        own_imports.serve_users()
        torch.set_num_threads(asked.threads)
        try:
            model, inputs = torch.load(asked.path, weights_only=False)
        except Exception as error:  # whatever the caller's classes raise, or are not there
            reason = f"{type(error).__name__}: {error}"
            return Answer(reply=None, failure=Failure(status=Status.ERROR, reason=reason))
        self._bench = Bench(model, inputs)
        return Answer(reply=Done(), failure=None)

    def time(self, asked: TimeArms) -> Answer[Timings]:
        assert self._bench is not None  # nobody asks before it is loaded
        arms = pickle.loads(Path(asked.arms).read_bytes())
        try:
            return Answer(reply=self._bench.time(arms, asked.asked), failure=None)
        except ArmFailed as failed:
            failure = Failure(status=Status.ERROR, reason=str(failed))
            return Answer(reply=None, failure=failure)
