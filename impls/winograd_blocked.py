"""Winograd with packed weights, in bands of tiles that stay in the cache.

The algorithm of winograd.py, laid out for the machine:

- The kernels are transformed once, into panels in the order in which the product reads them.
- A band of tile rows at a time goes through three phases (transform, multiply, transform back),
  so that its transformed tiles are still in the cache when the next phase wants them.
- Channels lie next to each other while transforming: one vector instruction transforms the same
  position of as many channels as a register holds, and the matrices' zeros, ones and mirrored
  rows are compiled into the code (impls/_kernels/transforms.py).
- Each phase is divided among the threads by what it has plenty of: tile rows × channels in the
  transforms, positions × output channels in the product (impls/_winograd/bands.py).
- With few channels, where all kernels and a row of tiles fit into one core's cache, the phases are
  fused: each thread takes bands of its own through all three.

A tile of n inputs per axis serves kernels of several sizes, m = n - r + 1: n = 8 is F(6, 3),
F(4, 5) and F(2, 7), all with the same transform of the input. Along an axis with one tap there is
nothing to transform, so that 1×7 and 7×1 kernels run in one dimension.

Sources: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016), section 4;
the layout after Z. Jia, A. Zlateski, F. Durand, K. Li, "Optimizing N-dimensional, Winograd-based
convolution for manycore CPUs" (PPoPP 2018), section 4.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from impls._arguments import problem_of
from impls._kernels.vector import BLOCK_VECTORS, VECTOR_BYTES
from impls._numba import dense, new_output, use_torch_threads
from impls._winograd.bands import Plan, convolve, convolve_in_phases
from impls._winograd.tiles import SHAPES, TILES, filter_of
from suite import Problem, Unsupported, register
from suite.phases import PACK, is_heard

# Found by measuring on cores with 32 KiB, 512 KiB and a shared 32 MiB of cache; flat around.
STRIP_BYTES = 128 * 2**10
BAND_BYTES = 8 * 2**20
FUSED_BAND_BYTES = 768 * 2**10
FUSED_KERNEL_BYTES = 768 * 2**10
FUSED_ROWS_A_THREAD = 6
DEPTH = 256


# With fewer input channels a group, the rounding of F(6)'s transforms exceeds the gate on spiked
# inputs now and then: in twelve checks 5 cells of about 360 did, of 4 and 5 channels, by up to 1.9
# times, and the bound grows with the root of the number of channels.
LEAST_CHANNELS = {(8, 1): 4, (8, 2): 32}
"""By tile and number of axes along which there is something to transform."""


@dataclass(frozen=True)
class Packed:
    """Transformed kernels of one problem: (position, group, panel, input channel, lane), flat."""

    problem: Problem
    panels: torch.Tensor


def _why_not(tile: int, problem: Problem) -> str | None:
    if (tile, *problem.kernel) not in SHAPES:
        sizes = " or ".join(f"{taps}×{taps}, 1×{taps}, {taps}×1" for taps in TILES[tile])
        return f"covers kernels of {sizes}; this one is {problem.kernel_h}×{problem.kernel_w}"
    if problem.stride != (1, 1):
        return "needs stride 1"
    if problem.dilation != (1, 1):
        return "needs dilation 1"
    axes = 2 - problem.kernel.count(1)
    least = LEAST_CHANNELS.get((tile, axes), 1)
    if problem.in_channels // problem.groups < least:
        return f"needs {least} input channels a group: with fewer its rounding shows"
    return None


def _panel(itemsize: int) -> int:
    return BLOCK_VECTORS * VECTOR_BYTES // itemsize


def _whole(count: int, unit: int) -> int:
    """Return `count` rounded up to whole units."""
    return -(-count // unit) * unit


@functools.lru_cache(maxsize=256)
def _plan(tile: int, problem: Problem, itemsize: int, threads: int) -> Plan:
    panel = _panel(itemsize)
    n_h, n_w = (tile if taps > 1 else 1 for taps in problem.kernel)
    m_h, m_w = n_h - problem.kernel_h + 1, n_w - problem.kernel_w + 1
    tiles_h, tiles_w = -(-problem.out_h // m_h), -(-problem.out_w // m_w)
    strip_w = (tiles_w - 1) * m_w + n_w
    group_padded = _whole(problem.out_channels // problem.groups, panel)
    strip_channels = max(panel, STRIP_BYTES // (n_h * strip_w * itemsize))

    pieces = -(-problem.in_channels // strip_channels)
    in_chunk = _whole(-(-problem.in_channels // pieces), panel)
    m_row = problem.groups * group_padded
    out_chunk = max(
        chunk for chunk in range(panel, strip_channels + 1, panel) if m_row % chunk == 0
    )
    v_row = _whole(problem.in_channels, in_chunk)
    row_bytes = n_h * n_w * tiles_w * (v_row + m_row) * itemsize
    rows = problem.batch_size * tiles_h
    kernel_bytes = n_h * n_w * m_row * problem.in_channels // problem.groups * itemsize
    fused = (
        row_bytes <= FUSED_BAND_BYTES
        and kernel_bytes <= FUSED_KERNEL_BYTES
        and rows >= FUSED_ROWS_A_THREAD * threads
    )
    sharers = threads if fused else 1
    most = max(1, (FUSED_BAND_BYTES if fused else BAND_BYTES) // row_bytes)
    bands = sharers * max(1, -(-rows // (sharers * most)))
    band = -(-rows // bands)
    return Plan(
        shape=SHAPES.index((tile, *problem.kernel)),
        lanes=VECTOR_BYTES // itemsize,
        panel=panel,
        depth=DEPTH,
        images=problem.batch_size,
        in_h=problem.height,
        in_w=problem.width,
        out_h=problem.out_h,
        out_w=problem.out_w,
        pad_h=problem.pad_top,
        pad_w=problem.pad_left,
        groups=problem.groups,
        group_in=problem.in_channels // problem.groups,
        group_out=problem.out_channels // problem.groups,
        group_padded=group_padded,
        tiles_h=tiles_h,
        tiles_w=tiles_w,
        m_h=m_h,
        m_w=m_w,
        n_h=n_h,
        n_w=n_w,
        strip_w=strip_w,
        bands=bands,
        fused=fused,
        in_chunk=in_chunk,
        out_chunk=out_chunk,
        v_row=v_row,
        # One panel more than the rows take: positions a power of two apart would all fall into
        # the same few lines of the cache.
        v_step=band * tiles_w * v_row + panel,
        m_row=m_row,
        m_step=band * tiles_w * m_row + panel,
    )


def pack(tile: int, weight: torch.Tensor, problem: Problem) -> Packed:
    """Return G g Gᵀ of every kernel, computed in float64 and rounded once."""
    G_rows, G_columns = (
        torch.tensor(
            [[float(value) for value in row] for row in filter_of(tile, taps).weight_matrix],
            dtype=torch.float64,
        )
        for taps in problem.kernel
    )
    U = torch.einsum("ai,kcij,bj->abkc", G_rows, weight.detach().double(), G_columns)
    U = U.to(weight.dtype).reshape(-1, problem.groups, *_per_group(problem))
    panel = _panel(weight.element_size())
    missing = -U.shape[2] % panel
    U = F.pad(U, (0, 0, 0, missing)).unflatten(2, (-1, panel))
    return Packed(problem, U.transpose(3, 4).contiguous().view(-1))


def _per_group(problem: Problem) -> tuple[int, int]:
    return problem.out_channels // problem.groups, problem.in_channels // problem.groups


def _run(tile, input, weight, bias, stride, padding, dilation, groups):
    if not isinstance(weight, Packed):
        problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
        if reason := _why_not(tile, problem):
            raise Unsupported(reason)
        with PACK:
            weight = pack(tile, weight, problem)
    problem = weight.problem
    if tuple(input.shape) != problem.input_shape:
        raise Unsupported(f"packed for inputs of {problem.input_shape}, got {tuple(input.shape)}")
    threads = use_torch_threads()
    plan = _plan(tile, problem, input.element_size(), threads)
    x, y = dense(input), new_output(problem.output_shape, input)
    positions = plan.n_h * plan.n_w
    added = torch.zeros(plan.m_row, dtype=input.dtype)
    if bias is not None:
        added.view(groups, -1)[:, : plan.group_out] = bias.view(groups, -1)
    strip = max(plan.n_h * plan.in_chunk, plan.m_h * plan.out_chunk) * plan.strip_w
    copies = threads if plan.fused else 1
    run = convolve_in_phases if is_heard() else convolve
    run(
        *(tuple(plan), threads, x.memory, x.strides, weight.panels.numpy(), added.numpy()),
        *(y.memory, y.strides),
        torch.empty(copies, positions * plan.v_step, dtype=input.dtype).numpy(),
        torch.empty(copies, positions * plan.m_step, dtype=input.dtype).numpy(),
        torch.empty(threads, strip, dtype=input.dtype).numpy(),
    )
    return y.tensor


def _workspace_bytes(tile: int, problem: Problem, itemsize: int) -> int:
    """Return the bytes of a band and of a strip for each of torch's threads."""
    threads = torch.get_num_threads()
    plan = _plan(tile, problem, itemsize, threads)
    strip = max(plan.n_h * plan.in_chunk, plan.m_h * plan.out_chunk) * plan.strip_w
    band = plan.n_h * plan.n_w * (plan.v_step + plan.m_step)
    band *= threads if plan.fused else 1
    input_copy = problem.input_elements  # where its strides fit neither memory format
    return itemsize * (band + threads * strip + plan.m_row + input_copy)


def _executed_flops(tile: int, problem: Problem) -> float:
    """Return the operations of the products, and of the transforms as dense matrices."""
    plan = _plan(tile, problem, 4, 1)
    tiles = plan.images * plan.tiles_h * plan.tiles_w
    products = 2 * plan.n_h * plan.n_w * tiles * plan.group_in * problem.out_channels
    to_products = 2 * plan.n_h * plan.n_w * (plan.n_h + plan.n_w)
    to_outputs = 2 * plan.m_h * plan.n_w * (plan.n_h + plan.m_w)
    transforms = to_products * problem.in_channels + to_outputs * problem.out_channels
    return products + tiles * transforms


def _register(tile: int, error_factor: float):
    return register(
        f"winograd_tile{tile}",
        family="winograd",
        error_factor=error_factor,
        nan_policy="tile",
        devices=("cpu",),
        supports=functools.partial(_why_not, tile),
        prepare=functools.partial(pack, tile),
        workspace_bytes=functools.partial(_workspace_bytes, tile),
        executed_flops=functools.partial(_executed_flops, tile),
    )


@_register(4, error_factor=2)
def winograd_tile4(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F(2×2, 3×3), packed and blocked: 2.25 times fewer multiplications, the direct sum's error.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q); stride 1.
    Cost: 2·16·T·K·C/g operations in the products, T = N·⌈P/2⌉·⌈Q/2⌉ tiles.
    Extra memory: one band of transformed tiles and products, about 8 MiB.
    Source: the module's docstring.
    """
    return _run(4, input, weight, bias, stride, padding, dilation, groups)


@_register(6, error_factor=4)
def winograd_tile6(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F(4×4, 3×3) and F(2×2, 5×5), packed and blocked: 4 and 2.8 times fewer multiplications.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q); stride 1.
    Cost: 2·36·T·K·C/g operations in the products, T = N·⌈P/m⌉·⌈Q/m⌉ tiles.
    Extra memory: one band of transformed tiles and products, about 8 MiB.
    Source: the module's docstring.
    """
    return _run(6, input, weight, bias, stride, padding, dilation, groups)


@_register(8, error_factor=8)
def winograd_tile8(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F(6×6, 3×3), F(4×4, 5×5) and F(2×2, 7×7), packed and blocked: up to 6 times fewer products.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q); stride 1.
    Cost: 2·64·T·K·C/g operations in the products, T = N·⌈P/m⌉·⌈Q/m⌉ tiles.
    Extra memory: one band of transformed tiles and products, about 8 MiB.
    Source: the module's docstring.
    """
    return _run(8, input, weight, bias, stride, padding, dilation, groups)
