"""How much memory it takes to judge a scenario, known before any of it is taken."""

from __future__ import annotations

import contextlib
import ctypes
import math

from suite.conditions import Scenario
from suite.judge.maps import COLUMN_BYTES
from suite.judge.pieces import PIECE_ELEMENTS
from suite.processes import free_memory
from suite.processes.shared_memory import OperandLayout, ResultLayout

DOUBLE_BYTES = 8
PIECES = 12
"""Float64 tensors of a piece's size that stand at once while a gate is judged."""
AMPLE = 4
"""Where so many times what is needed is free, what this process kept may stay with it: it is taken
up again, without a fault of each page."""
TOLERANCES = 4
"""Different allowances among the rows of a race, each of which has bounds of its own."""


def needed_bytes(scenario: Scenario) -> int:
    """Return what has to be there for a scenario: its operands, their judge, and one worker."""
    return _shared_bytes(scenario) + _judge_bytes(scenario) + _worker_bytes(scenario)


def _shared_bytes(scenario: Scenario) -> int:
    """Return the operands and streams that all processes see; nobody reads the filler yet."""
    layout = OperandLayout(scenario)
    return layout.size_bytes - layout.filler.size_bytes


def _judge_bytes(scenario: Scenario) -> int:
    """Return what the judge holds at most: in the gates, or in a block."""
    problem, itemsize = scenario.problem, scenario.itemsize
    operands, varying = _operand_elements(scenario)
    result = math.prod(scenario.result_shape)
    alike = max(scenario.result_shape[0], 1) if scenario.direction != "backward_weight" else 1
    drawn = operands * itemsize + 2 * DOUBLE_BYTES * problem.weight_elements
    gates = 2 * DOUBLE_BYTES * result
    own_streams = 2 * varying * itemsize
    adjoint = (2 if scenario.memory_format == "channels_last" else 1) * DOUBLE_BYTES * varying
    usual = (4 * DOUBLE_BYTES + TOLERANCES * 4) * result // alike
    block = own_streams + adjoint + varying * itemsize + DOUBLE_BYTES * result + usual
    piece = min(PIECE_ELEMENTS, result)
    working = PIECES * DOUBLE_BYTES * piece + min(2 * COLUMN_BYTES, _lowered_bytes(scenario))
    return drawn + max(gates, block) + result * itemsize + working


def _lowered_bytes(scenario: Scenario) -> int:
    """Return the float64 matrix that the whole convolution would be lowered to."""
    problem = scenario.problem
    small = problem.input_size if problem.is_transposed else problem.output_size
    taps = problem.in_channels * problem.taps
    return 2 * DOUBLE_BYTES * taps * problem.batch_size * math.prod(small)


def _worker_bytes(scenario: Scenario) -> int:
    """Return what a worker that needs nothing of its own holds: operands, a call, its outputs."""
    operands, varying = _operand_elements(scenario)
    call = varying + math.prod(scenario.result_shape)
    return (operands + call) * scenario.itemsize + ResultLayout(scenario).size_bytes


def _operand_elements(scenario: Scenario) -> tuple[int, int]:
    """Return how many elements all operands but the bias have, and how many the varying one."""
    problem = scenario.problem
    both = problem.input_elements + problem.weight_elements
    if scenario.direction == "forward":
        return both + problem.residual_elements, problem.input_elements
    return both + problem.output_elements, problem.output_elements


def why_no_room(scenario: Scenario) -> str | None:
    """Return why a scenario cannot be judged with the memory that is free, with both figures."""
    needed, available = needed_bytes(scenario), free_memory.available_bytes()
    if needed > available / AMPLE:
        give_back_freed()
        available = free_memory.available_bytes()
    if needed <= available:
        return None
    return (
        f"its operands, their float64 result and one process need {gib(needed)} of memory, "
        f"{gib(available)} are available; choose a smaller problem or batch, or free memory"
    )


def give_back_freed() -> None:
    """Let the system have what the allocator keeps, so that it counts as available."""
    with contextlib.suppress(AttributeError, OSError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"
