"""What the blocked Winograd rows do in a call, for one, two and three axes.

One axis is a plane of one row. A kernel of one tap along two of three axes, as in a factorised
(2+1)-D network, sees a plane of depth by pixels. Any other one of three axes goes through slices
(volumes.py).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy
import torch
import torch.nn.functional as F

from impls._launch import BIAS, INPUT, OUTPUT, RESIDUAL, Array, Given, Launch, Scratch
from impls._numba import filled_up, lying, new_output, strides_of, template, without_gaps
from impls._winograd import bands, volumes
from impls._winograd.plan import Plan, panel_width, plan_for
from impls._winograd.tiles import SHAPES, TILES, filter_of
from suite import Problem
from suite.phases import Phase, is_heard

# With fewer input channels a group, the rounding of F(6)'s transforms exceeds the gate on spiked
# inputs now and then: in twelve checks 5 cells of about 360 did, of 4 and 5 channels, by up to 1.9
# times, and the bound grows with the root of the number of channels.
LEAST_CHANNELS = {(8, 1): 4, (8, 2): 32}
"""By tile and number of axes along which there is something to transform."""


@functools.lru_cache(maxsize=256)
def plane_of(problem: Problem) -> Problem:
    """Return the problem of two axes that is transformed: the whole one, or that of a slice."""
    if problem.kind == "conv2d":
        return problem
    flat_kind = dataclasses.replace(
        problem, kind="conv2d", depth=1, kernel_d=1, pad_front=0, pad_back=0
    )
    if not is_along_depth(problem):
        return flat_kind
    return dataclasses.replace(
        flat_kind,
        height=problem.depth,
        kernel_h=problem.kernel_d,
        pad_top=problem.pad_front,
        pad_bottom=problem.pad_back,
        width=problem.height * problem.width,
    )


def is_along_depth(problem: Problem) -> bool:
    """Whether a kernel of three axes has one tap along the last two, and no padding there."""
    is_point = problem.kernel_h == problem.kernel_w == 1
    return problem.kind == "conv3d" and is_point and problem.padding[1:] == (0, 0)


def in_slices(problem: Problem) -> bool:
    return problem.kind == "conv3d" and not is_along_depth(problem)


def why_not(tile: int, problem: Problem) -> str | None:
    """Return why tiles of this size do not cover a problem, or None."""
    if max(problem.stride) > 1:
        return "needs stride 1"
    if max(problem.dilation) > 1:
        return "needs dilation 1"
    plane = plane_of(problem)
    if (tile, *plane.kernel) not in SHAPES:
        sizes = " or ".join(f"{taps}×{taps}, 1×{taps}, {taps}×1" for taps in TILES[tile])
        found = "×".join(map(str, problem.kernel))
        return f"covers kernels of {sizes}; this one is {found}"
    axes = 2 - plane.kernel.count(1)
    least = LEAST_CHANNELS.get((tile, axes), 1)
    if problem.in_channels // problem.groups < least:
        return f"needs {least} input channels a group: with fewer its rounding shows"
    return None


@dataclass(frozen=True, slots=True)
class Kernels:
    """Transformed kernels, and the calls that were laid out for them."""

    panels: torch.Tensor
    """(position, group, panel, plane of the kernel, input channel, lane of the panel), flat: the
    order in which the product reads them."""
    no_bias: torch.Tensor
    """Zeros, (group, output channel rounded up to whole panels), flat"""
    width: int
    """Output channels of a group, rounded up."""
    launches: dict[tuple[int, bool], Launch]
    """By number of threads, and whether an input is in channels_last."""


def pack(tile: int, weight: torch.Tensor, problem: Problem) -> Kernels:
    """Return G g Gᵀ of every kernel's planes, computed in float64 and rounded once."""
    plane = plane_of(problem)
    G_rows, G_columns = (
        torch.tensor(
            [[float(value) for value in row] for row in filter_of(tile, taps).weight_matrix],
            dtype=torch.float64,
        )
        for taps in plane.kernel
    )
    planes = problem.kernel_d if in_slices(problem) else 1
    kernels = weight.detach().double().reshape(*weight.shape[:2], planes, *plane.kernel)
    U = torch.einsum("ai,kcdij,bj->abkdc", G_rows, kernels, G_columns)
    group_out = problem.out_channels // problem.groups
    U = U.to(weight.dtype).reshape(-1, problem.groups, group_out, *U.shape[3:])
    panel = panel_width(weight.element_size())
    U = F.pad(U, (0, 0, 0, 0, 0, -U.shape[2] % panel)).unflatten(2, (-1, panel))
    panels = U.permute(0, 1, 2, 4, 5, 3).contiguous().view(-1)
    width = U.shape[2] * panel
    return Kernels(panels, weight.new_zeros(problem.groups * width), width, {})


def plan_of(
    tile: int, problem: Problem, itemsize: int, threads: int
) -> tuple[Plan, volumes.Depth | None]:
    """Return the plan, and what the third axis adds where slices are summed."""
    plane = plane_of(problem)
    if in_slices(problem):
        return volumes.plan_for(tile, problem, plane, itemsize, threads)
    return plan_for(tile, plane, itemsize, threads), None


def convolve(
    tile: int,
    problem: Problem,
    kernels: Kernels,
    input: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the convolution of an input by packed kernels, and what the problem has follow it."""
    x, is_last = without_gaps(input)
    added, threads = kernels.no_bias, torch.get_num_threads()
    if bias is not None:
        added = filled_up(bias, problem.groups, kernels.width)
    if residual is not None:
        residual = lying(residual, is_last)
    whole = kernels.launches.get((threads, is_last))
    if whole is None:
        whole = _launch(tile, problem, kernels, threads, is_last)
        kernels.launches[threads, is_last] = whole
    if not is_heard():
        return whole(x, added, residual)
    y = new_output(problem.output_shape, x.dtype, is_last)
    for mark, launch in _launches_of_phases(tile, problem, kernels, threads, is_last):
        with mark:
            launch(x, added, residual, y)
    return y


def _launch(tile, problem, kernels, threads, is_last) -> Launch:
    plan, depth = plan_of(tile, problem, kernels.panels.element_size(), threads)
    arrays = *_operands(problem, kernels), *_workspace(plan, kernels)
    strides = _strides(problem, depth, is_last)
    like = template(problem.output_shape, kernels.panels.dtype, is_last)
    if depth is None:
        return bands.launch_for(plan, strides, arrays, like)
    return volumes.launch_for(plan, depth, strides, arrays, like)


def _launches_of_phases(tile, problem, kernels, threads, is_last) -> Iterator[tuple[Phase, Launch]]:
    """Return launches that leave to each other what they computed."""
    plan, depth = plan_of(tile, problem, kernels.panels.element_size(), threads)
    plan = plan._replace(fused=False)
    kept = [
        numpy.empty((scratch.rows or threads, scratch.elements), scratch.dtype)
        for scratch in _workspace(plan, kernels)
    ]
    arrays = *_operands(problem, kernels), *kept
    strides = _strides(problem, depth, is_last)
    if depth is None:
        return bands.launches_of_phases(plan, strides, arrays)
    return volumes.launches_of_phases(plan, depth, strides, arrays)


def _workspace(plan: Plan, kernels: Kernels) -> tuple[Scratch, Scratch, Scratch]:
    """Return transformed inputs, products and strips."""
    dtype, copies = kernels.panels.numpy().dtype, None if plan.fused else 1
    return (
        Scratch(dtype, plan.positions * plan.v_step, copies),
        Scratch(dtype, plan.positions * plan.m_step, copies),
        Scratch(dtype, plan.strip),
    )


def _operands(problem: Problem, kernels: Kernels) -> tuple[Array, ...]:
    panels = kernels.panels.numpy()
    return (
        Given(INPUT, panels.dtype, problem.input_elements),
        panels,
        Given(BIAS, panels.dtype, len(kernels.no_bias)),
        Given(OUTPUT, panels.dtype, problem.output_elements),
        Given(RESIDUAL, panels.dtype, problem.output_elements),
    )


def _strides(problem: Problem, depth: volumes.Depth | None, is_last: bool) -> tuple[int, ...]:
    """Return the strides of input and output, or with three axes those of their slices."""
    if depth is not None:
        of_shape, of = _slice_strides, problem
    else:
        of_shape, of = strides_of, plane_of(problem)
    return *of_shape(of.input_shape, is_last), *of_shape(of.output_shape, is_last)


def _slice_strides(shape: tuple[int, ...], channels_last: bool) -> tuple[int, int, int, int]:
    """Return the strides of slices, of channels, rows and columns of (N, C, D, H, W)."""
    _, c, d, h, w = shape
    return (c * h * w, 1, w * c, c) if channels_last else (h * w, d * h * w, w, 1)


def workspace_bytes(tile: int, problem: Problem, itemsize: int) -> int:
    """Return the bytes of a band or block and of a strip for each of torch's threads."""
    threads = torch.get_num_threads()
    plan, _ = plan_of(tile, problem, itemsize, threads)
    band = plan.positions * (plan.v_step + plan.m_step)
    band *= threads if plan.fused else 1
    input_copy = problem.input_elements  # where its strides fit neither memory format
    return itemsize * (band + threads * plan.strip + plan.m_row + input_copy)


def executed_flops(tile: int, problem: Problem) -> float:
    """Return the operations of the products, and of the transforms as dense matrices.

    Transforms of slices that two blocks need are counted once.
    """
    plan, depth = plan_of(tile, problem, 4, 1)
    samples, slices_in, slices_out, planes = plan.images, 1, 1, 1
    if depth is not None:
        slices_in, slices_out, planes = depth.in_d, depth.out_d, depth.planes
        samples = depth.samples
    tiles = plan.tiles_h * plan.tiles_w
    products = 2 * plan.positions * plan.group_in * problem.out_channels * planes * slices_out
    to_products = 2 * plan.positions * (plan.n_h + plan.n_w) * problem.in_channels * slices_in
    to_outputs = 2 * plan.m_h * plan.n_w * (plan.n_h + plan.m_w) * problem.out_channels * slices_out
    return samples * tiles * (products + to_products + to_outputs)
