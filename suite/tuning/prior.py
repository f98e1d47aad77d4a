"""What to expect of rows where nothing was measured: the built-in cost model.

It counts what an algorithm saves over the direct sum, and assumes no more of it than machines of
several kinds gave. Its uncertainty is that of a machine it has never seen, so that only large
savings make a choice: `tune` finds the many smaller ones.
"""

from __future__ import annotations

import math

from suite.conditions import SIXTEEN_BIT
from suite.problem import Problem
from suite.tuning.features import work_of
from suite.tuning.prior_of_kinds import speedups_of_other_kinds
from suite.tuning.selector import Prediction
from suite.tuning.store import Conditions, Row

DEVIATION = 0.2
"""Of a log speed-up on an unknown machine: a row is chosen if it promises 1.45 times torch."""

WINOGRAD = Row("winograd_tile6", "impls.winograd_blocked")
FFT = Row("fft_tiled", "impls.fft_packed")
DEPTHWISE = Row("depthwise", "impls.depthwise")
VECTOR = Row("gemv", "impls.gemv")
PATCHES = Row("gemm_patches", "impls.gemm")
REORDERED = Row("onednn_prepacked", "impls.vendor")
DIRECT = Row("direct_packed", "impls.direct_packed")

FALLBACK_SPEEDUP = 4.0
"""Of float32 over torch's slow kernels in 16 bits, the least that pytorch#183815 tells of: it is up
to 90 times with AVX2."""
DIRECT_SPEEDUP = 0.8
"""Over torch's float32: it is what is left where nothing better is known."""
WINOGRAD_SHARE = 0.55
"""Of the multiplications saved, what is left after the transforms and their memory traffic."""
LEAST_CHANNELS = 48
"""With fewer, the transforms are not paid for."""
FFT_EVEN_TAPS = 150
"""Taps at which an FFT, whose cost does not depend on them, is level with the direct sum."""
LEAST_FFT_CHANNELS = 8
DEPTHWISE_SPEEDUP = 1.6
VECTOR_SPEEDUP = 1.8
REORDERING_SPEEDUP = 2.0
LEAST_MATRIX = 200_000
"""Elements; a smaller one is reordered in less time than a call of torch's product takes."""
LEAST_WORK = 2e6
"""Direct operations below which overheads decide, and nothing is known of those."""
LEAST_FALLBACK_WORK = 1e5
"""The same where torch falls back: it takes a millisecond and more for these."""
FALLBACK_MATRIX = (100_000, 10_000_000)
"""Elements for which `gemv` takes less time than a fallback's product with a vector, measured from
33,000 to 4 million: 1.6 to 3.8 times torch with AVX2 from 100,000 on. Larger ones are read from
memory, which takes what it takes."""


def prior_predictions(
    problem: Problem, conditions: Conditions, falls_back: bool = False
) -> list[Prediction]:
    """Return what the model expects of the rows it knows; none where it has no opinion.

    Args:
        falls_back: whether torch has no fast kernel for a 16-bit type on this processor. It then
            converts each number of a matrix product when it is read, while rows that compute in
            float32 convert each once.
    """
    if conditions.dtype in SIXTEEN_BIT:
        return _in_float32(problem, conditions) if falls_back else []
    if conditions.dtype != "float32":
        return []
    kind = work_of(problem)
    speedups: list[tuple[Row, float]] = []
    if problem.kind != "conv2d":
        if problem.direct_flops >= LEAST_WORK:
            speedups += speedups_of_other_kinds(problem, rows_first=_is_rows_first(conditions))
    elif kind == "one_pixel":
        speedups += _one_pixel_speedups(problem)
    elif problem.direct_flops < LEAST_WORK:
        return []
    elif kind == "dense" and problem.kernel == (3, 3):
        speedups.append((WINOGRAD, _winograd_speedup(problem)))
    elif kind == "wide":
        speedups.append((FFT, _fft_speedup(problem)))
    elif kind == "depthwise" and problem.kernel_h * problem.kernel_w >= 9:
        # torch's own is at its best in channels_last.
        speedups.append((DEPTHWISE, DEPTHWISE_SPEEDUP if _is_rows_first(conditions) else 1.0))
    return [Prediction(row, math.log(speedup), DEVIATION) for row, speedup in speedups]


def _in_float32(problem: Problem, conditions: Conditions) -> list[Prediction]:
    """Return what to expect where torch falls back: any row, and first those safe in float32.

    Of one pixel nothing but a matrix times a vector is known.
    """
    if work_of(problem) == "one_pixel":
        return _one_pixel_in_float32(problem)
    if problem.direct_flops < LEAST_FALLBACK_WORK:
        return []
    known = prior_predictions(problem, conditions._replace(dtype="float32"))
    speedups = [(each.row, math.exp(each.log_speedup)) for each in known if each.is_safe]
    if problem.kind == "conv2d":
        speedups.append((REORDERED, 1.0))
    if not problem.is_depthwise:
        speedups.append((DIRECT, DIRECT_SPEEDUP))
    elif not problem.is_transposed:
        speedups.append((DEPTHWISE, DIRECT_SPEEDUP))
    return [
        Prediction(row, math.log(FALLBACK_SPEEDUP * speedup), DEVIATION)
        for row, speedup in speedups
        if row != PATCHES  # a product of torch's in the 16-bit type
    ]


def _one_pixel_in_float32(problem: Problem) -> list[Prediction]:
    least, most = FALLBACK_MATRIX
    is_single = problem.kind == "conv2d" and problem.batch_size == 1
    if not is_single or not least <= problem.weight_elements <= most:
        return []
    return [Prediction(VECTOR, math.log(VECTOR_SPEEDUP), DEVIATION)]


def _one_pixel_speedups(problem: Problem) -> list[tuple[Row, float]]:
    """Return what a matrix times a vector, or times a few, should gain.

    For one image it needs no more than reading the matrix once, and less around it. torch
    reorders a kernel as large as the plane in every call: it reads and writes it several times.
    """
    is_reordered = problem.kernel != (1, 1)
    if problem.batch_size == 1:
        return [(VECTOR, REORDERING_SPEEDUP if is_reordered else VECTOR_SPEEDUP)]
    if is_reordered and problem.weight_elements >= LEAST_MATRIX:
        return [(PATCHES, REORDERING_SPEEDUP)]
    return []


def _is_rows_first(conditions: Conditions) -> bool:
    return conditions.memory_format == "contiguous"


def _winograd_speedup(problem: Problem) -> float:
    """Return what F(4×4, 3×3) should gain: 36 products for 144, incomplete tiles counted."""
    deep = min(problem.in_channels, problem.out_channels) >= LEAST_CHANNELS
    if not deep or problem.stride != (1, 1) or problem.dilation != (1, 1):
        return 1.0
    tiles = -(-problem.out_h // 4) * -(-problem.out_w // 4)
    saved = 9 * problem.out_h * problem.out_w / (36 * tiles)
    return WINOGRAD_SHARE * saved


def _fft_speedup(problem: Problem) -> float:
    deep = min(problem.in_channels, problem.out_channels) >= LEAST_FFT_CHANNELS
    if not deep or problem.stride != (1, 1) or problem.dilation != (1, 1):
        return 1.0
    return problem.kernel_h * problem.kernel_w / FFT_EVEN_TAPS
