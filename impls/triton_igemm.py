"""Implicit GEMM in Triton: the columns of im2col are addresses, never memory.

The convolution is a matrix product of M = N·P·Q output pixels by K/g output channels over a
reduction of R·S·C/g. A program computes one tile of it; for each step along the reduction it works
out which pixel and channel its elements are, and loads them where they lie. In NHWC order the
channels of a pixel are neighbours, so that loads are as wide as in a plain matrix product.

What the program computes besides products competes with them for the card's issue slots, so the
loop holds little. Where an element lies is the sum of a place that depends on the pixel alone and
a shift that depends on the step alone. Whether it lies inside the image is one bit of a mask that
was made before the loop, a bit for each tap; so CUTLASS's optimized iterators do it, too.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import torch

from impls._packing import Packed, Packing
from suite import Problem, register

try:
    import triton
    import triton.language as tl
except ImportError:  # the row says so
    triton = None

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
# The interpreter multiplies bfloat16 as the integers that it stores them in (Triton 3.9).
DTYPES = ("float32", "float16") if INTERPRETED else ("float32", "float16", "bfloat16")
MOST_ELEMENTS = 2**31 - 1
"""Offsets are 32 bits wide."""
MOST_EXTENT, MOST_TAPS = 8, 30
"""Kernels up to this have a bit for each tap in a mask of 32."""

# Tile of pixels, tile of channels, step of the reduction, stages, warps. From large tiles, which
# spend the least on addresses, to small ones, which keep a card busy on small layers; the last
# three fit into the shared memory of any card.
CONFIGS = (
    (128, 256, 64, 3, 8),
    (256, 128, 64, 3, 8),
    (128, 128, 64, 4, 8),
    (128, 128, 64, 3, 4),
    (64, 256, 64, 3, 4),
    (128, 64, 128, 3, 4),
    (64, 128, 128, 3, 4),
    (128, 64, 64, 4, 4),
    (64, 64, 128, 3, 4),
    (128, 128, 32, 4, 4),
    (64, 64, 64, 4, 4),
    (128, 32, 32, 4, 4),
)
# The same for float32, whose products tensor cores do not compute exactly: each is an instruction
# with its sum in a register, and tiles as large as those above spill thousands of bytes.
FLOAT32_CONFIGS = (
    (128, 128, 16, 3, 8),
    (128, 64, 32, 3, 8),
    (64, 128, 32, 3, 8),
    (64, 64, 32, 3, 4),
    (128, 32, 32, 3, 4),
)
SMALLEST = (16, 16, 16, 1, 1)
"""What the interpreter runs, which has no use for large tiles."""
TUNING_MS = 15
"""For each configuration that is tried, once per weight."""
MOST_TRIED, WORTH_TRYING = 5, 2.0
"""Tiles that are compiled and timed for a problem, which takes seconds each: so many at most,
and none that is expected to take so many times as long as the one expected to be fastest."""
LOAD_SHARE = 32
"""Products of a tile that take as long as loading one of its pixels or channels."""


def _why_not_here() -> str | None:
    if triton is None:
        return "needs Triton: pip install triton, or the extra gpu"
    if INTERPRETED or torch.cuda.is_available():
        return None
    return (
        "needs an NVIDIA GPU and a torch built for CUDA (on a CPU: TRITON_INTERPRET=1, for tests)"
    )


def _why_not(problem: Problem) -> str | None:
    if max(problem.input_elements, problem.output_elements) > MOST_ELEMENTS:
        return "needs tensors of less than 2³¹ elements"
    return None


if triton is not None:

    def _igemm(
        x, w, b, y, M, H, W, P, Q, C, K, R, S,
        stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups,
        HAS_BIAS: tl.constexpr, ALIGNED: tl.constexpr, EXTENT: tl.constexpr,
        BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    ):  # fmt: skip
        """One tile of one group. x (N, H, W, g·C), w (g·K, R, S, C), y (N, P, Q, g·K); C and K are
        channels of a group. ALIGNED: C is a multiple of BLOCK_K, so that a step is one tap's, and
        the kernel has EXTENT rows and columns at most."""
        group = tl.program_id(1)
        tiles_n = tl.cdiv(K, BLOCK_N)
        m = tl.program_id(0) // tiles_n * BLOCK_M + tl.arange(0, BLOCK_M)
        k = tl.program_id(0) % tiles_n * BLOCK_N + tl.arange(0, BLOCK_N)
        top = m // Q % P * stride_h - pad_h
        left = m % Q * stride_w - pad_w
        pixel = ((m // (P * Q) * H + top) * W + left) * (C * groups) + group * C
        total = R * S * C
        step = tl.arange(0, BLOCK_K)
        given = k < K
        weights = w + (group * K + k)[None, :] * total + step[:, None]
        sums = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
        # Compared without sign, what lies before the first row or column is beyond the last.
        if ALIGNED:
            pixels = x + pixel[:, None] + step[None, :]
            n = tl.arange(0, EXTENT)[None, :]
            across = ((left[:, None] + n * dilation_w).to(tl.uint32) < W) & (n < S)
            down = ((top[:, None] + n * dilation_h).to(tl.uint32) < H) & (n < R) & (m < M)[:, None]
            # Bit r·S + s: the product repeats the bits of a row wherever `down` has one.
            inside = tl.sum(tl.where(across, 1 << n, 0), 1) * tl.sum(
                tl.where(down, 1 << n * S, 0), 1
            )
            inside = inside[:, None]
            r, s, c, tap = 0, 0, 0, 1
            for _ in range(0, total, BLOCK_K):
                shift = (r * dilation_h * W + s * dilation_w) * (C * groups) + c
                a = tl.load(pixels + shift, mask=(inside & tap) != 0, other=0.0)
                f = tl.load(weights, mask=given[None, :], other=0.0)
                sums = tl.dot(a, f, sums, input_precision="ieee")
                weights += BLOCK_K
                # Counted on: a division would cost as much as all of the above.
                c += BLOCK_K
                s = tl.where(c == C, s + 1, s)
                tap = tl.where(c == C, tap + tap, tap)
                c = tl.where(c == C, 0, c)
                r = tl.where(s == S, r + 1, r)
                s = tl.where(s == S, 0, s)
        else:
            for start in range(0, total, BLOCK_K):
                at = start + step
                r = at // C // S * dilation_h
                s = at // C % S * dilation_w
                inside = (m < M)[:, None] & (at < total)[None, :]
                inside = inside & ((top[:, None] + r[None, :]).to(tl.uint32) < H)
                inside = inside & ((left[:, None] + s[None, :]).to(tl.uint32) < W)
                shift = (r * W + s) * (C * groups) + at % C
                a = tl.load(x + pixel[:, None] + shift[None, :], mask=inside, other=0.0)
                f = tl.load(weights, mask=(at < total)[:, None] & given[None, :], other=0.0)
                sums = tl.dot(a, f, sums, input_precision="ieee")
                weights += BLOCK_K
        if HAS_BIAS:
            sums += tl.load(b + group * K + k, mask=given, other=0.0)[None, :].to(tl.float32)
        out = y + m[:, None] * (K * groups) + (group * K + k)[None, :]
        tl.store(out, sums.to(y.dtype.element_ty), mask=(m < M)[:, None] & given[None, :])

    def _is_aligned(given: dict[str, Any]) -> bool:
        r, s = given["R"], given["S"]
        small = max(r, s) <= MOST_EXTENT and r * s <= MOST_TAPS
        return small and given["C"] % given["BLOCK_K"] == 0

    # What is used before the loop alone is no reason to compile anew where it is 1 or even.
    _kernel = triton.jit(
        _igemm,
        do_not_specialize=["M", "H", "W", "P", "Q", "stride_h", "stride_w", "pad_h", "pad_w"],
    )
    _heuristics = triton.heuristics({"ALIGNED": _is_aligned, "EXTENT": lambda _: MOST_EXTENT})
    _fixed = _heuristics(_kernel)

    @functools.cache
    def _tuned(dtype: torch.dtype) -> Any:
        """Return the kernel that tunes itself; Triton before 3.3 asks for a GPU to make it."""
        configs = [
            triton.Config(
                {"BLOCK_M": block_m, "BLOCK_N": block_n, "BLOCK_K": block_k},
                num_stages=stages,
                num_warps=warps,
            )
            for block_m, block_n, block_k, stages, warps in configs_for(dtype)
        ]
        return triton.autotune(
            configs=configs,
            key=["M", "K", "C", "R", "S", "stride_h", "stride_w"],
            prune_configs_by={"early_config_prune": _worth_trying},
            do_bench=lambda call, quantiles: triton.testing.do_bench(
                call, warmup=TUNING_MS // 3, rep=TUNING_MS, quantiles=quantiles
            ),
        )(_heuristics(_kernel))

    def _worth_trying(configs: list[Any], arguments: dict[str, Any], **_: Any) -> list[Any]:
        """Return the configurations that `promising` keeps for a call's arguments."""
        device = torch.cuda.get_device_properties(arguments["x"].device)
        tiles = [(given.kwargs["BLOCK_M"], given.kwargs["BLOCK_N"]) for given in configs]
        pixels, channels, groups = arguments["M"], arguments["K"], arguments["groups"]
        kept = promising(tiles, pixels, channels, groups, device.multi_processor_count)
        return [configs[place] for place in kept]


def configs_for(dtype: torch.dtype) -> tuple[tuple[int, ...], ...]:
    """Return the tiles that are made for a type, large ones first."""
    return FLOAT32_CONFIGS if dtype == torch.float32 else CONFIGS


def promising(
    tiles: Sequence[tuple[int, int]], pixels: int, channels: int, groups: int, processors: int
) -> list[int]:
    """Return the places of the tiles worth compiling and timing, the most promising first.

    A card computes one wave of tiles after another, a tile on each multiprocessor; a tile's time
    is its products and, for each row and column of it, a load.

    Args:
        tiles: pixels and channels of each.
        pixels, channels: of a group's whole product.
    """

    def expected(place: int) -> int:
        block_m, block_n = tiles[place]
        number = -(-pixels // block_m) * -(-channels // block_n) * groups
        return -(-number // processors) * (block_m * block_n + LOAD_SHARE * (block_m + block_n))

    ranked = sorted(range(len(tiles)), key=expected)[:MOST_TRIED]
    return [place for place in ranked if expected(place) <= WORTH_TRYING * expected(ranked[0])]


def implicit_gemm(input, weight, bias, problem: Problem, config=None) -> torch.Tensor:
    """Return the convolution; `weight` as (K, R, S, C/g) in memory.

    Args:
        config: one of `configs_for` its type to use it untuned; None for the fastest of them, on a
            CPU for the smallest.
    """
    x = input.detach().contiguous(memory_format=torch.channels_last)
    y = torch.empty(
        problem.output_shape,
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    if y.numel() == 0:
        return y
    n, k, p, q = problem.output_shape
    m, groups = n * p * q, problem.groups
    per_group = k // groups
    # In the order of `_igemm`: names would be looked up at every launch.
    arguments = (
        x,
        weight,
        y if bias is None else bias.detach().contiguous(),
        y,
        m,
        problem.height,
        problem.width,
        p,
        q,
        problem.in_channels // groups,
        per_group,
        problem.kernel_h,
        problem.kernel_w,
        problem.stride_h,
        problem.stride_w,
        problem.pad_top,
        problem.pad_left,
        problem.dilation_h,
        problem.dilation_w,
        groups,
    )

    def grid(given):
        tiles_m = triton.cdiv(m, given["BLOCK_M"])
        return tiles_m * triton.cdiv(per_group, given["BLOCK_N"]), groups

    if config is None and not INTERPRETED:
        _tuned(x.dtype)[grid](*arguments, HAS_BIAS=bias is not None, enable_fp_fusion=True)
        return y
    block_m, block_n, block_k, stages, warps = config or SMALLEST
    _fixed[grid](
        *arguments,
        HAS_BIAS=bias is not None,
        BLOCK_M=block_m,
        BLOCK_N=block_n,
        BLOCK_K=block_k,
        num_stages=stages,
        num_warps=warps,
        enable_fp_fusion=True,
    )
    return y


def _reorder(weight: torch.Tensor, problem: Problem) -> torch.Tensor:
    """Return the weight in the kernel's order, (K, R, S, C/g)."""
    return weight.detach().permute(0, 2, 3, 1).contiguous()


_packing = Packing("triton_igemm", _reorder, _why_not)


def _prepare(weight: torch.Tensor, problem: Problem) -> Packed:
    """Reorder the weight, and compile and tune on a random input while nobody takes the time."""
    packed = _packing.prepare(weight, problem)
    if not INTERPRETED:
        x = torch.randn(problem.input_shape, device=weight.device).to(weight.dtype)
        bias = weight.new_zeros(problem.out_channels) if problem.bias else None
        x = x.contiguous(memory_format=torch.channels_last)
        implicit_gemm(x, packed.content, bias, problem)
    return packed


@register(
    "triton_igemm",
    family="gemm",
    devices=("cuda", "cpu") if INTERPRETED else ("cuda",),
    dtypes=DTYPES,
    available=_why_not_here,
    supports=_why_not,
    prepare=_prepare,
    workspace_bytes=lambda problem, itemsize: itemsize * problem.input_elements,
    executed_flops=lambda problem: problem.direct_flops,
)
def triton_igemm(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Implicit GEMM written in Triton, NHWC, tiles tuned per problem while preparing.

    Shapes: pixels (N·P·Q × R·S·C/g) by weight (R·S·C/g × K/g) for each group, result (N, K, P, Q)
    in channels_last order. Sums in float32; float32 products are exact, not TF32.
    Cost: 2·N·K·P·Q·C/g·R·S operations, padded to whole tiles.
    Extra memory: none for a channels_last input; another is copied into that order first, in the
    time that counts.
    Source: S. Chetlur et al., "cuDNN: efficient primitives for deep learning" (2014), section 3.
    """
    packed = _packing.of_call(input, weight, bias, stride, padding, dilation, groups)
    return implicit_gemm(input, packed.content, bias, packed.problem)
