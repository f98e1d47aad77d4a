"""The process of one way to compute a network: a worker whose implementation is a user's model."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

import torch

from suite import own_imports
from suite.conditions import Scenario
from suite.messages import worker as messages
from suite.models.calling import as_trained
from suite.models.loading import fresh_model, stay_offline
from suite.models.parts import parts_of
from suite.models.subject import Subject
from suite.models.ways import Made, make
from suite.operands.tensors import DTYPES
from suite.processes.channel import Handlers, handlers, serve
from suite.processes.keeping_out import run_others_code
from suite.registry.sources import WaySource
from suite.worker.binding import Invocation
from suite.worker.process import Worker
from suite.worker.side_effects import Watch
from suite.workload import network_of

MAKES_NOTHING = ("eager", "channels_last")
"""Ways that prepare nothing, so that nothing has to pay for itself."""


class NetworkWorker(Worker):
    """Builds the model when a scenario is opened, once a process, and calls it from then on."""

    def __init__(self, source: WaySource, name: str, threads: int) -> None:
        super().__init__(source, name, threads)
        self._way = source
        self._made: Made

    def load(self, _: messages.Load) -> messages.Loaded:
        torch.set_num_threads(self._threads)
        torch.set_grad_enabled(False)
        stay_offline()
        own_imports.serve_users()  # what building a model finds there is nobody's change
        self._watch = Watch()
        return messages.Loaded(unavailable=None)

    def open(self, asked: messages.Open) -> messages.Opened:
        network = network_of(asked.scenario)
        assert network is not None  # no other scenario has such arms
        self._own_file = network.module
        model = fresh_model(network)
        if network.train:
            as_trained(model)
        self._made = make(Subject(model, network, DTYPES[asked.scenario.dtype], self._way))
        if note := self._watch.imported():
            self._note = note.replace("its import", "building it")
        self._implementation: Any = _AsImplementation(self._made)
        return super().open(asked)

    def look_inside(self, _: messages.LookInside) -> messages.SeenInside:
        network, model = network_of(self._scenario), self._made.model
        if model is None or network is None or network.train:
            return messages.SeenInside(parts=None)
        row = self._given.operands.input.clone()
        return messages.SeenInside(parts=parts_of(model, self._made.calling.call, row))

    def handlers(self) -> Handlers:
        inside = messages.LookInside.handled_by(self._guarded(self.look_inside))
        return {**super().handlers(), **handlers(inside)}

    def _bound(self) -> Invocation:
        calling = self._made.calling
        prepare_s = None if self._way.way in MAKES_NOTHING else self._made.prepare_s
        return Invocation(calling.call, prepare_s, self._made.note, calling.finish)


class _AsImplementation:
    """What a worker asks of a registered implementation, answered for a model."""

    def __init__(self, made: Made) -> None:
        self._made = made

    def why_unsupported(self, _: Scenario) -> str | None:
        return None

    def declared_workspace_bytes(self, *_: object) -> int | None:
        return self._made.pack_bytes

    def declared_executed_flops(self, _: object) -> float | None:
        return None


def main(connection: Connection, source: WaySource, name: str, threads: int) -> None:
    """Serve the parent until it closes the channel."""
    run_others_code()
    serve(connection, NetworkWorker(source, name, threads).handlers())
