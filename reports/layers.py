"""What kind of layer a problem is, in the words that people choose algorithms by."""

from __future__ import annotations

from suite.epilogues import NONE
from suite.problem import Problem
from suite.workload import Network

LARGE_KERNEL = 7
"""From here on the literature speaks of large kernels (RepLKNet, arXiv 2203.06717)."""


def layer_family(problem: Problem | Network) -> str:
    """Return the family of layers; the first property that decides which algorithms fit."""
    if isinstance(problem, Network):
        return "whole networks"
    kernel = max(problem.kernel)
    tests = (
        ("transposed", problem.is_transposed),
        ("1-D depthwise", problem.axes == 1 and problem.is_depthwise),
        ("1-D", problem.axes == 1),
        ("3-D", problem.axes == 3),
        ("depthwise", problem.is_depthwise),
        ("grouped", problem.groups > 1),
        ("dilated", problem.is_dilated),
        ("pointwise 1×1", kernel == 1),
        ("strided", problem.is_strided),
        ("3×3", problem.kernel == (3, 3)),
        ("large kernel", kernel >= LARGE_KERNEL),
    )
    return next((name for name, holds in tests if holds), "other kernels")


def describe(problem: Problem | Network) -> str:
    """Return a problem in one line: "1×64×56×56 → 128, 3×3, stride 2, pad 1"."""
    if isinstance(problem, Network):
        step = ", one step of training" if problem.train else ""
        return f"{problem.name} {' '.join(map(str, problem.inputs))}{step}"
    parts = [f"{_times(problem.input_shape)} → {problem.out_channels}", _times(problem.kernel)]
    if problem.is_transposed:
        parts.insert(1, "transposed")
    if problem.is_strided:
        parts.append(f"stride {_each(problem.stride)}")
    if problem.is_asymmetric:
        parts.append("pad " + "/".join(str(size) for pair in problem.pads for size in pair))
    elif problem.is_padded:
        parts.append(f"pad {_each(problem.padding)}")
    if any(problem.output_padding):
        parts.append(f"output pad {_each(problem.output_padding)}")
    if problem.is_dilated:
        parts.append(f"dilation {_each(problem.dilation)}")
    if problem.groups > 1:
        parts.append(f"groups {problem.groups}")
    if problem.bias:
        parts.append("bias")
    if problem.epilogue != NONE:
        parts.append(problem.epilogue)
    return ", ".join(parts)


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _each(sizes: tuple[int, ...]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else _times(sizes)
