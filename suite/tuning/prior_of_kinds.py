"""The built-in model for problems of one axis, of three, and transposed ones.

Few rules, each where an algorithm saves so much that a machine never seen should gain, too.
"""

from __future__ import annotations

import math

from suite.problem import Problem
from suite.tuning.store import Row

SHORT = Row("depthwise_short", "impls.depthwise_short")
LONG = Row("fft_sequence", "impls.fft_sequence")
PATCHES = Row("gemm_patches", "impls.gemm")
PHASES = Row("phases_packed", "impls.phases_packed")
WINOGRAD = Row("winograd_tile6", "impls.winograd_blocked")

MOST_SHORT_TAPS = 8
SHORT_SPEEDUP = 2.5
"""At the memory's speed: torch prepares a general convolution first."""
FFT_EVEN_TAPS = 24
"""Taps at which a transform is level with torch's sum over one channel; measured at 64: 8 times."""
LEAST_FFT_TAPS = 64
PATCHES_SPEEDUP = 1.6
"""Of three axes, where the product is what torch's convolution is not: 1.1 to 2 times and more."""
WINOGRAD_SHARE = 0.55
"""Of the multiplications saved; as for two axes, less what the copies of phases take."""
LEAST_CHANNELS = 48
PHASES_SPEEDUP = 1.7
"""Measured: 1.7 to 2.1 times for three output channels, 2.7 for a stride of 8, 3 for outputs that
no cache holds."""
FEW_CHANNELS = 8
"""Of outputs: a library's vectors of channels are mostly empty."""
LARGE_STRIDE = 4
MANY_OUTPUTS = 1_000_000
"""That torch goes through more than once,"""
MOST_PRODUCTS = 300
"""where each of them is the sum of no more products: with more, these take the time. Measured: 15
layers of two and three axes 1.2 to 3.3 times with AVX2, three of them 1.5 to 2 with AVX-512."""


def speedups_of_other_kinds(problem: Problem, *, rows_first: bool) -> list[tuple[Row, float]]:
    """Return (row, speed-up over torch) of the rows that there is an opinion on.

    Args:
        rows_first: whether the input's rows lie one after the other, not its channels.
    """
    if problem.is_transposed:
        return _transposed(problem) or (_by_phases(problem) if rows_first else [])
    if problem.kind == "conv1d":
        return _along_a_sequence(problem)
    is_patches = problem.kernel in (problem.stride, problem.input_size)
    if is_patches and problem.groups == 1 and not problem.is_padded and problem.taps > 1:
        return [(PATCHES, PATCHES_SPEEDUP)]
    return _of_volumes(problem)


def _along_a_sequence(problem: Problem) -> list[tuple[Row, float]]:
    if problem.groups != problem.in_channels or problem.stride_w > 1:
        return []
    if problem.kernel_w <= MOST_SHORT_TAPS:
        return [(SHORT, SHORT_SPEEDUP)] if problem.kernel_w > 1 else []
    if problem.kernel_w < LEAST_FFT_TAPS or problem.is_dilated:
        return []
    return [(LONG, problem.kernel_w / FFT_EVEN_TAPS)]


def _of_volumes(problem: Problem) -> list[tuple[Row, float]]:
    """F(4×4, 3×3) in the slices: 36 products for 144, incomplete tiles counted."""
    if problem.kernel[1:] != (3, 3) or problem.is_strided or problem.is_dilated:
        return []
    if min(problem.in_channels, problem.out_channels) // problem.groups < LEAST_CHANNELS:
        return []
    tiles = -(-problem.out_h // 4) * -(-problem.out_w // 4)
    return [(WINOGRAD, WINOGRAD_SHARE * 9 * problem.out_h * problem.out_w / (36 * tiles))]


def _transposed(problem: Problem) -> list[tuple[Row, float]]:
    """All phases as one convolution by 3×3: taps of an output in 36/16 products."""
    if problem.kind != "conv_transpose2d" or problem.is_dilated or problem.groups > 1:
        return []
    strides, kernel = problem.stride, problem.kernel
    # The windows of all phases together; wider ones take larger tiles, which err more.
    if any(-(-(taps + step - 1) // step) != 3 for taps, step in zip(kernel, strides, strict=True)):
        return []
    if min(problem.in_channels, problem.out_channels * math.prod(strides)) < LEAST_CHANNELS:
        return []
    outputs = zip(problem.output_size, strides, strict=True)
    tiles = math.prod(math.ceil(math.ceil(size / step) / 4) for size, step in outputs)
    computed = 36 * tiles * math.prod(strides)
    direct = math.prod(problem.input_size) * problem.taps
    return [(WINOGRAD, WINOGRAD_SHARE * direct / computed)]


def _by_phases(problem: Problem) -> list[tuple[Row, float]]:
    """Where torch multiplies by what is not there, or goes through its outputs more than once."""
    if problem.kind == "conv_transpose1d" or problem.is_dilated or problem.groups > 1:
        return []
    is_empty = problem.kind == "conv_transpose2d" and (
        problem.out_channels <= FEW_CHANNELS or min(problem.stride) >= LARGE_STRIDE
    )
    products = problem.in_channels * problem.taps / math.prod(problem.stride)
    is_large = problem.output_elements >= MANY_OUTPUTS and problem.is_strided
    is_sure = is_empty or (is_large and products <= MOST_PRODUCTS)
    return [(PHASES, PHASES_SPEEDUP)] if is_sure else []
