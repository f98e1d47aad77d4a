"""What these tests compare with: float64, and a bound on the error that follows from the sums."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from suite import registry
from suite.problem import Problem

ROUND_OFF = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
# What a declared approximation is allowed beyond rounding, as in suite.correctness.
APPROXIMATE = 2.0**-6
# Below this many elements the norm of the output may be small by cancellation alone.
FEWEST_FOR_NORM = 64
DTYPES = {"float32": torch.float32, "float64": torch.float64}
TREE = Path(__file__).resolve().parents[2]


def implementations() -> list[registry.Implementation]:
    """Return everything that the modules of impls/ register."""
    for source in registry.builtin_sources(TREE):
        registry.load(source)
    return [entry for entry in registry.registered() if Path(entry.source).parent.name == "impls"]


def draw(problem: Problem, dtype: torch.dtype = torch.float32, seed: int = 0):
    """Return (input, weight, bias or None) with the problem's shapes."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    bias = normal(problem.out_channels) if problem.bias else None
    return normal(*problem.input_shape), normal(*problem.weight_shape), bias


def call(entry, problem: Problem, input, weight, bias) -> torch.Tensor:
    """Return what an implementation answers, its weight prepared where it asks for that."""
    if entry.prepare:
        weight = entry.prepare(weight, problem)
    return entry.function(
        input, weight, bias, problem.stride, problem.padding, problem.dilation, problem.groups
    )


def exact(problem: Problem, input, weight, bias) -> torch.Tensor:
    return F.conv2d(
        input.double(),
        weight.double(),
        None if bias is None else bias.double(),
        problem.stride,
        problem.padding,
        problem.dilation,
        problem.groups,
    )


def worst_ratio(entry, problem: Problem, output, input, weight, bias) -> float:
    """Return the largest error over what an implementation of that family is allowed.

    Elements: 2u|y| + α·√K·u·S with S = |x| * |w|, its largest value in the plane for the
    families whose error follows the plane. Norm: relative L2, growing with √K beyond 576 terms.
    """
    expected = exact(problem, input, weight, bias)
    assert output.shape == expected.shape
    assert output.dtype == input.dtype
    if output.numel() == 0:
        return 0.0
    assert output.isfinite().all()
    unit = ROUND_OFF[input.dtype]
    length = problem.reduction_length
    scale = exact(problem, input.abs(), weight.abs(), None if bias is None else bias.abs())
    if entry.family in ("winograd", "fft"):
        scale = scale.amax(dim=(2, 3), keepdim=True)
    bound = 2 * unit * expected.abs() + entry.error_factor * length**0.5 * unit * scale
    if entry.precision:
        assert entry.precision == "approximate"  # the only one that is declared so far
        bound = bound + APPROXIMATE * scale
    error = (output.double() - expected).abs()
    norm_bound = 1e-6 if entry.error_factor <= 2 else 5e-6 if entry.error_factor <= 4 else 1.5e-5
    if expected.numel() < FEWEST_FOR_NORM or entry.precision:
        return float((error / bound.clamp_min(torch.finfo(torch.float64).tiny)).max())
    norm_bound *= max(1, (length / 576) ** 0.5) * unit / ROUND_OFF[torch.float32]
    relative = error.norm() / expected.norm()
    tiny = torch.finfo(torch.float64).tiny
    return max(float((error / bound.clamp_min(tiny)).max()), float(relative) / norm_bound)
