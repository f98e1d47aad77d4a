"""The process that filters a plane with one implementation."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from suite.errors import Unsupported
from suite.messages.answer import Answer
from suite.messages.demo import Filter, FilteredPlanes
from suite.problem import Problem, Scenario
from suite.processes.channel import handlers, serve
from suite.registry import registering, sources
from suite.registry.sources import Source

GAUSSIAN_SIZE, GAUSSIAN_SIGMA = 9, 2.0


def main(connection: Connection, source: Source, name: str) -> None:
    """Serve one implementation; runs in its own process."""

    def answer(asked: Filter) -> Answer[FilteredPlanes]:
        from suite.worker.outputs import failure  # noqa: PLC0415 - imports torch

        try:
            return Answer(reply=_filter(source, name, asked), failure=None)
        except Exception as error:
            return Answer(reply=None, failure=failure(error))

    serve(connection, handlers(Filter.handled_by(answer)))


def _filter(source: Source, name: str, asked: Filter) -> FilteredPlanes:
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    sources.load(source)
    implementation = registering.get(name)
    grey = np.load(asked.source)
    x = torch.from_numpy(grey).view(1, 1, *grey.shape)
    planes, shapes, reasons, largest_error = [], [], [], 0.0
    for weight in _filters():
        channels, _, size, _ = weight.shape
        layer = torch.nn.Conv2d(1, channels, size, padding=size // 2, bias=False)
        layer.weight.data.copy_(weight)
        problem = Problem.of_call(
            tuple(x.shape), tuple(weight.shape), padding=(size // 2, size // 2)
        )
        if reason := implementation.why_unsupported(Scenario(id="demo", problem=problem)):
            reasons.append(reason)
            shapes.append(reason)
            continue
        packed = implementation.prepare(weight, problem) if implementation.prepare else weight
        with torch.no_grad():
            y = implementation.function(x, packed, None, (1, 1), problem.padding, (1, 1), 1)
            largest_error = max(largest_error, float((y - layer(x)).abs().max()))
        shapes.append(f"{tuple(x.shape)} → {tuple(y.shape)}")
        planes += [plane.numpy() for plane in y[0]]
    if not planes:
        raise Unsupported(reasons[0])
    np.savez(asked.target, *planes)
    return FilteredPlanes(shapes=", ".join(shapes), largest_error=largest_error)


def _filters() -> list[Any]:
    """Return the weights of the two layers: Sobel (2, 1, 3, 3) and Gaussian (1, 1, 9, 9)."""
    import torch  # noqa: PLC0415

    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    reach = torch.arange(GAUSSIAN_SIZE) - GAUSSIAN_SIZE // 2
    bell = torch.exp(-(reach**2) / (2 * GAUSSIAN_SIGMA**2))
    gaussian = torch.outer(bell, bell) / bell.sum() ** 2
    return [torch.stack([sobel, sobel.T]).unsqueeze(1), gaussian.view(1, 1, *gaussian.shape)]
