"""What kind of layer a problem is, in the words that people choose algorithms by."""

from __future__ import annotations

from suite.epilogues import NONE
from suite.problem import Problem

LARGE_KERNEL = 7
"""From here on the literature speaks of large kernels (RepLKNet, arXiv 2203.06717)."""


def layer_family(problem: Problem) -> str:
    """Return the family of layers; the first property that decides which algorithms fit."""
    kernel = max(problem.kernel)
    tests = (
        ("depthwise", problem.is_depthwise),
        ("grouped", problem.groups > 1),
        ("dilated", problem.dilation != (1, 1)),
        ("pointwise 1×1", kernel == 1),
        ("strided", problem.stride != (1, 1)),
        ("3×3", problem.kernel == (3, 3)),
        ("large kernel", kernel >= LARGE_KERNEL),
    )
    return next((name for name, holds in tests if holds), "other kernels")


def describe(problem: Problem) -> str:
    """Return a problem in one line: "1×64×56×56 → 128, 3×3, stride 2, pad 1"."""
    sizes = f"{problem.batch_size}×{problem.in_channels}×{problem.height}×{problem.width}"
    parts = [f"{sizes} → {problem.out_channels}", f"{problem.kernel_h}×{problem.kernel_w}"]
    if problem.stride != (1, 1):
        parts.append(f"stride {_pair(problem.stride)}")
    if problem.is_asymmetric:
        sides = (problem.pad_top, problem.pad_bottom, problem.pad_left, problem.pad_right)
        parts.append("pad " + "/".join(map(str, sides)))
    elif problem.padding != (0, 0):
        parts.append(f"pad {_pair(problem.padding)}")
    if problem.dilation != (1, 1):
        parts.append(f"dilation {_pair(problem.dilation)}")
    if problem.groups > 1:
        parts.append(f"groups {problem.groups}")
    if problem.bias:
        parts.append("bias")
    if problem.epilogue != NONE:
        parts.append(problem.epilogue)
    return ", ".join(parts)


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"
