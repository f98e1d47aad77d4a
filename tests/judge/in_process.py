"""A worker's part and the judge's in one process, for tests of what the judge concludes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from suite.conditions import Scenario
from suite.judge.process import Judge
from suite.messages import judge as messages
from suite.operands.gate_inputs import handed_over
from suite.operands.shared import ResultMemory, SharedOperands, SharedResults
from suite.operands.tensors import Operands, in_format
from suite.processes.shared_memory import OperandLayout, ResultLayout, SharedMemory
from suite.registry.implementation import Implementation
from suite.worker.binding import bind


@contextlib.contextmanager
def judge_here() -> Iterator[Judge]:
    """Give a judge; torch's threads and gradients, which it sets, are as before afterwards."""
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    try:
        yield Judge(1)
    finally:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(grad)


@contextlib.contextmanager
def opened(judge: Judge, scenario: Scenario) -> Iterator[tuple[SharedOperands, SharedResults, str]]:
    """Let the judge open a scenario; give what a worker sees of it, and the results' path."""
    operands = SharedMemory(OperandLayout(scenario).size_bytes)
    results = SharedMemory(ResultLayout(scenario).size_bytes)
    with operands, results:
        judge.open(messages.Open(scenario=scenario, operands=operands.path))
        given = SharedOperands(scenario, operands.path, writable=False)
        yield given, SharedResults(scenario, ResultMemory(results.path)), results.path


def bound(
    row: Implementation, scenario: Scenario, given: SharedOperands, kind: str = ""
) -> tuple[Callable[[torch.Tensor], Any], Operands]:
    """Return a row's call, and the operands as a worker hands them over to it."""
    copies = given.operands.each(lambda tensor: in_format(tensor, scenario.memory_format))
    operands = handed_over(kind, copies)
    return bind(row, scenario, operands).call, operands


def allowance_of(row: Implementation) -> messages.Allowance:
    return messages.Allowance(
        family=row.family,
        error_factor=row.error_factor,
        precision=row.precision,
        nan_policy=row.nan_policy,
    )
