"""Problems, trials and tables as short as a test wants them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from suite.problem import Problem
from suite.tuning.store import Conditions, Measured, Row, Trial, TuningTable

USUAL = Conditions("float32", "contiguous", 2)


def layer(c: int = 16, k: int = 16, size: int = 14, kernel: int = 3, **sizes: int) -> Problem:
    padding = kernel // 2
    return Problem(
        batch_size=1,
        in_channels=c,
        height=size,
        width=size,
        out_channels=k,
        kernel_h=kernel,
        kernel_w=kernel,
        pad_top=padding,
        pad_bottom=padding,
        pad_left=padding,
        pad_right=padding,
        **sizes,
    )


def trial(
    problem: Problem, speedups: Mapping[str, float], module: str = "impls.gemm", error: float = 0.01
) -> Trial:
    return Trial(
        problem,
        USUAL,
        tuple(
            Measured(Row(name, module), math.log(value), error) for name, value in speedups.items()
        ),
    )


def table(trials: list[Trial], fingerprint: str = "here", torch: str = "2") -> TuningTable:
    return TuningTable(
        fingerprint, {"cpu": "a", "torch": torch}, "2026-01-01T00:00+00:00", tuple(trials), {}
    )
