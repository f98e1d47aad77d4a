"""The process that runs an exercise: somebody's code, which may do anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from suite.errors import Unsupported
from suite.lessons.child.claims import DRIVERS
from suite.messages.answer import Answer
from suite.messages.lessons import Compute, Computed, Drive
from suite.processes.channel import Done, handlers, serve
from suite.processes.import_file import import_file
from suite.worker.operators import OperatorLog, vendor_convolution
from suite.worker.outputs import OutputFault, failure


def main(connection: Connection, file: str, function: str) -> None:
    """Serve one exercise; runs in its own process.

    Args:
        function: name of the one that it is about.
    """
    torch.set_num_threads(1)  # a second one costs more than it saves on such shapes
    loaded: list[ModuleType] = []

    def module() -> ModuleType:
        if not loaded:
            loaded.append(import_file(Path(file), "convgauge_exercise"))
        return loaded[0]

    def guarded(do: Callable[[], Any]) -> Answer[Any]:
        try:
            return Answer(reply=do(), failure=None)
        except Exception as error:
            return Answer(reply=None, failure=failure(error, file))
        except SystemExit as error:
            said = RuntimeError(f"it called sys.exit({error.code})")
            return Answer(reply=None, failure=failure(said, file))

    def compute(asked: Compute) -> Answer[Computed]:
        return guarded(lambda: _computed(_named(module(), function), asked))

    def drive(asked: Drive) -> Answer[Done]:
        def driven() -> Done:
            arrays: Any = DRIVERS[asked.claim](_named(module(), function), asked.recorded)
            np.savez(asked.target, **arrays)
            return Done()

        return guarded(driven)

    serve(connection, handlers(Compute.handled_by(compute), Drive.handled_by(drive)))


def _named(module: ModuleType, function: str) -> Callable[..., Any]:
    named: Callable[..., Any] | None = getattr(module, function, None)
    if not callable(named):
        raise Unsupported(f"there is no function {function} in it; the task's file has one")
    return named


def _computed(function: Callable[..., Any], asked: Compute) -> Computed:
    problem, folder = asked.problem, Path(asked.folder)
    with np.load(folder / f"{asked.number}.npz", allow_pickle=False) as archive:
        operands = {name: torch.from_numpy(archive[name]) for name in archive.files}
    x, w, b = operands["x"], operands["w"], operands.get("b")
    log = OperatorLog()
    with torch.no_grad(), log if asked.log_operators else contextlib.nullcontext():
        if asked.operation == "forward":
            arguments = problem.stride, problem.padding, problem.dilation, problem.groups
            y = function(x, w, b, *arguments)
        else:
            y = function(x, w, problem.input_shape, problem.stride, problem.padding)
    if not isinstance(y, torch.Tensor):
        raise OutputFault(f"it returned a {type(y).__name__}, not a torch.Tensor")
    np.save(folder / f"{asked.number}-output.npy", y.detach().double().contiguous().numpy())
    return Computed(shape=tuple(y.shape), vendor=vendor_convolution(log.names))
