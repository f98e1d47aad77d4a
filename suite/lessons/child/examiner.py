"""The process that draws an exercise's operands, knows what is expected, and says what is wrong.

It never sees the exercise: outputs come as files.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from suite.lessons.child.calls import Call
from suite.lessons.child.claims import MARKS
from suite.lessons.child.diagnosing import Case, diagnose
from suite.messages.lessons import Diagnose, Diagnosis, Draw, Mark, Marked
from suite.problem import Problem
from suite.processes.channel import Done, handlers, serve

SEED = 21


def main(connection: Connection) -> None:
    """Serve one exercise; runs in its own process."""
    torch.set_num_threads(1)  # a second one costs more than it saves on such shapes
    calls: list[Call] = []

    def draw(asked: Draw) -> Done:
        generator = torch.Generator().manual_seed(SEED)
        for number, problem in enumerate(asked.problems):
            call = _drawn(problem, asked, generator)
            calls.append(call)
            tensors = {"x": call.x, "w": call.w} | ({} if call.b is None else {"b": call.b})
            arrays: Any = {name: tensor.float().numpy() for name, tensor in tensors.items()}
            np.savez(Path(asked.folder) / f"{number}.npz", **arrays)
        return Done()

    def judge(asked: Diagnose) -> Diagnosis:
        return diagnose([_case(number, calls, asked.folder) for number in asked.numbers])

    def mark(asked: Mark) -> Marked:
        with np.load(asked.source, allow_pickle=False) as archive:
            given = {name: archive[name] for name in archive.files}
        return MARKS[asked.claim](given, asked.recorded)

    serve(
        connection,
        handlers(Draw.handled_by(draw), Diagnose.handled_by(judge), Mark.handled_by(mark)),
    )


def _drawn(problem: Problem, asked: Draw, generator: torch.Generator) -> Call:
    """Return operands of whole numbers from 1 to 9: none is 0, and no two kernels are alike."""

    def numbers(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randint(1, 10, shape, generator=generator).double()

    shape = problem.input_shape if asked.operation == "forward" else problem.output_shape
    b = numbers((problem.out_channels,)) if problem.bias else None
    return Call.of(problem, asked.operation, numbers(shape), numbers(problem.weight_shape), b)


def _case(number: int, calls: list[Call], folder: str) -> Case:
    output = np.load(Path(folder) / f"{number}-output.npy", allow_pickle=False)
    return Case(number, calls[number], torch.from_numpy(output))
