"""Implementations bound to one small problem, to be looked at."""

from __future__ import annotations

import torch

from suite.conditions import Scenario
from suite.problem import Problem
from suite.profiling.child.subject import Subject
from suite.registry import registering, sources
from tests.conftest import ROOT

CELL = {
    "batch_size": 2,
    "in_channels": 8,
    "height": 14,
    "width": 13,
    "out_channels": 16,
    "kernel_h": 3,
    "kernel_w": 3,
    "pad_top": 1,
    "pad_bottom": 1,
    "pad_left": 1,
    "pad_right": 1,
}


def subject_of(name: str, direction: str = "forward", **sizes: int) -> Subject:
    for source in sources.builtin_sources(ROOT):
        if source.location in ("impls.im2col", "impls.gemm", "impls.vendor", "impls.winograd"):
            sources.load(source)
    problem = Problem(**(CELL | sizes))
    scenario = Scenario(id="t/one", problem=problem, direction=direction)
    with torch.no_grad():
        return Subject(registering.get(name), scenario)
