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

import torch
import torch.nn.functional as F

from impls._numba import flat, is_channels_last, new_output, strides_of, use_torch_threads
from impls._packing import Packing
from impls._winograd.bands import convolve, convolve_in_phases
from impls._winograd.plan import panel_width, plan_for
from impls._winograd.tiles import SHAPES, TILES, filter_of
from suite import Problem, register
from suite.phases import is_heard

# With fewer input channels a group, the rounding of F(6)'s transforms exceeds the gate on spiked
# inputs now and then: in twelve checks 5 cells of about 360 did, of 4 and 5 channels, by up to 1.9
# times, and the bound grows with the root of the number of channels.
LEAST_CHANNELS = {(8, 1): 4, (8, 2): 32}
"""By tile and number of axes along which there is something to transform."""


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


def _pack(tile: int, weight: torch.Tensor, problem: Problem) -> torch.Tensor:
    """Return G g Gᵀ of every kernel, computed in float64 and rounded once.

    In the order in which the product reads it: (position, group, panel, input channel, lane of the
    panel), flat.
    """
    G_rows, G_columns = (
        torch.tensor(
            [[float(value) for value in row] for row in filter_of(tile, taps).weight_matrix],
            dtype=torch.float64,
        )
        for taps in problem.kernel
    )
    U = torch.einsum("ai,kcij,bj->abkc", G_rows, weight.detach().double(), G_columns)
    per_group = problem.out_channels // problem.groups, problem.in_channels // problem.groups
    U = U.to(weight.dtype).reshape(-1, problem.groups, *per_group)
    panel = panel_width(weight.element_size())
    U = F.pad(U, (0, 0, 0, -U.shape[2] % panel)).unflatten(2, (-1, panel))
    return U.transpose(3, 4).contiguous().view(-1)


_packings = {
    tile: Packing(
        f"winograd_tile{tile}", functools.partial(_pack, tile), functools.partial(_why_not, tile)
    )
    for tile in TILES
}


def _run(tile, input, weight, bias, stride, padding, dilation, groups):
    packed = _packings[tile].of_call(input, weight, bias, stride, padding, dilation, groups)
    problem, panels = packed.problem, packed.content
    threads = use_torch_threads()
    plan = plan_for(tile, problem, input.element_size(), threads)
    is_last = is_channels_last(input)
    x, y = flat(input, is_last), new_output(problem.output_shape, input.dtype, is_last)
    x_strides = strides_of(problem.input_shape, is_last)
    y_strides = strides_of(problem.output_shape, is_last)
    added = torch.zeros(plan.m_row, dtype=input.dtype)
    if bias is not None:
        added.view(groups, -1)[:, : plan.group_out] = bias.view(groups, -1)
    copies = threads if plan.fused else 1
    run = convolve_in_phases if is_heard() else convolve
    run(
        tuple(plan),
        threads,
        (x, x_strides, panels.numpy(), added.numpy(), flat(y, is_last), y_strides),
        (
            torch.empty(copies, plan.positions * plan.v_step, dtype=input.dtype).numpy(),
            torch.empty(copies, plan.positions * plan.m_step, dtype=input.dtype).numpy(),
            torch.empty(threads, plan.strip, dtype=input.dtype).numpy(),
        ),
    )
    return y


def _workspace_bytes(tile: int, problem: Problem, itemsize: int) -> int:
    """Return the bytes of a band and of a strip for each of torch's threads."""
    threads = torch.get_num_threads()
    plan = plan_for(tile, problem, itemsize, threads)
    band = plan.positions * (plan.v_step + plan.m_step)
    band *= threads if plan.fused else 1
    input_copy = problem.input_elements  # where its strides fit neither memory format
    return itemsize * (band + threads * plan.strip + plan.m_row + input_copy)


def _executed_flops(tile: int, problem: Problem) -> float:
    """Return the operations of the products, and of the transforms as dense matrices."""
    plan = plan_for(tile, problem, 4, 1)
    tiles = plan.images * plan.tiles_h * plan.tiles_w
    products = 2 * plan.positions * tiles * plan.group_in * problem.out_channels
    to_products = 2 * plan.positions * (plan.n_h + plan.n_w)
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
        prepare=_packings[tile].prepare,
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
