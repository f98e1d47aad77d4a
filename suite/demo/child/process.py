"""The process that filters a plane with one implementation."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from suite.conditions import Scenario
from suite.demo import kernels
from suite.errors import Unsupported
from suite.messages.answer import Answer
from suite.messages.demo import Filter, FilteredPlanes
from suite.problem import Problem
from suite.processes.channel import handlers, serve
from suite.registry import registering, sources
from suite.registry.sources import Source

MOST_TIMES = 15
ENOUGH_S = 0.05
"""What takes so long is not repeated; what takes several times as long, not even without what a
first call sets up: a demonstration is soon over."""
SLOW_S = 0.2


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
    implementation = registering.get(name).of_kind("conv2d")
    if reason := implementation.why_unavailable():
        raise Unsupported(reason)
    grey = np.load(asked.source)
    x = torch.from_numpy(grey).view(1, 1, *grey.shape)
    planes, calls, uncovered, largest_error, first_s = [], [], [], 0.0, 0.0
    with torch.no_grad():
        for title, weight in _filters().items():
            pad = weight.shape[-1] // 2
            shapes = tuple(x.shape), tuple(weight.shape)
            problem = Problem.of_call(*shapes, padding=(pad, pad))
            if reason := implementation.why_unsupported(Scenario(id="demo", problem=problem)):
                uncovered.append(f"{title}: {reason}")
                continue
            packed = implementation.prepare(weight, problem) if implementation.prepare else weight
            call = functools.partial(
                implementation.function, x, packed, None, (1, 1), problem.padding, (1, 1), 1
            )
            began = time.perf_counter()
            y = call()
            first_s += time.perf_counter() - began
            expected = torch.nn.functional.conv2d(x, weight, padding=pad)
            if y.shape != expected.shape:
                raise ValueError(f"returned {tuple(y.shape)}, expected {tuple(expected.shape)}")
            difference = float((y - expected).abs().max())
            largest_error = max(largest_error, difference if difference >= 0 else math.inf)
            planes += [plane.numpy() for plane in y[0]]
            calls.append(call)
    if not planes:
        raise Unsupported("; ".join(uncovered))
    np.savez(asked.target, *planes)
    times_s = [first_s] if first_s > SLOW_S else _times_s(calls)
    return FilteredPlanes(
        declared=implementation.declaration,
        uncovered="; ".join(uncovered),
        time_s=min(times_s),
        calls=len(times_s),
        largest_error=largest_error,
    )


def _times_s(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Return how long all calls together took, several times over where that is soon done."""
    times_s: list[float] = []
    while len(times_s) < MOST_TIMES and sum(times_s) < ENOUGH_S:
        began = time.perf_counter()
        for call in calls:
            call()
        times_s.append(time.perf_counter() - began)
    return times_s


def _filters() -> dict[str, Any]:
    """Return the weights of the two layers: Sobel (2, 1, 3, 3) and Gaussian (1, 1, 9, 9)."""
    import torch  # noqa: PLC0415

    sobel = torch.tensor(kernels.SOBEL)
    gaussian = torch.tensor(kernels.gaussian())
    return {"Sobel": torch.stack([sobel, sobel.T]).unsqueeze(1), "Gaussian": gaussian[None, None]}
