"""An illegal access on the GPU costs its own cell; the process that had it is used no more."""

from __future__ import annotations

import pytest
import torch

from suite.conditions import Scenario
from suite.measuring.check import check
from suite.problem import Problem
from suite.results.cell import Status
from suite.worker import cuda_context
from tests.arms import arm_of_file
from tests.conftest import FAULTY


def scenario(size: int) -> Scenario:
    problem = Problem.of_call((1, 2, size, size), (2, 2, 3, 3))
    return Scenario(id=f"p/{size}", problem=problem)


def test_the_next_shape_gets_a_process_of_its_own(settings):
    poisons = arm_of_file(FAULTY / "poisons.py")

    first, second, third = check([scenario(9), scenario(8), scenario(10)], [poisons], settings)

    assert first.status is Status.PASSED
    assert second.status is Status.CRASHED
    assert "illegal memory access" in second.reason
    assert "\n" not in second.reason
    assert third.status is Status.PASSED, third.reason


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("CUDA error: device-side assert triggered"), "crashed"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "crashed"),
        (RuntimeError("CUDA out of memory. Tried to allocate 80 GiB"), None),
        (RuntimeError("CUDA error: out of memory"), None),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), None),
        (ValueError("no"), None),
    ],
)
def test_only_errors_that_stick_end_the_process(error, status):
    found = cuda_context.why_poisoned(error)

    assert (found and found.status) == status


def test_a_context_that_no_longer_answers_is_poisoned_whatever_the_error_was(monkeypatch):
    def broken():
        raise RuntimeError("CUDA error: misaligned address")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", broken)

    found = cuda_context.why_poisoned(ValueError("shape"))

    assert found.status == "crashed"
    assert "ValueError: shape; CUDA error: misaligned address" in found.reason
