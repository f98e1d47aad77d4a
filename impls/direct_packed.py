"""Direct convolution with packed weights: the output channels in the lanes, windows by address.

No lowering and no transform: the sum over a window is a matrix product whose first matrix is read
from where the input lies (impls/_windows/sums.py). The weights are packed once into panels of as
many output channels as a register block is wide, in the order in which the product reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
import torch.nn.functional as F

from impls._arguments import problem_of
from impls._kernels.vector import BLOCK_VECTORS, CACHE_LINE_BYTES, VECTOR_BYTES
from impls._numba import dense, is_channels_last, new_output, use_torch_threads
from impls._windows.sums import SINGLE_VECTORS, Plan, convolve
from suite import Problem, Unsupported, register

# A chunk of outputs by a panel of channels, and the part of a panel that one pass reads, stay in
# a core's first cache.
CHUNK = 96
DEPTH = 192
# Elements this far apart, or a multiple of it, fall into the same 16 or fewer sets of a core's
# second cache.
COLLISION_BYTES = 4096
# Below this, waking a second thread costs more than it saves.
LEAST_FLOPS_A_THREAD = 200_000


Tables = tuple[numpy.ndarray, numpy.ndarray]


@dataclass(frozen=True)
class Packed:
    """Weights in panels, and all that a call would otherwise find out anew."""

    input_shape: tuple[int, int, int, int]
    output_shape: tuple[int, int, int, int]
    panels: numpy.ndarray
    """(group, panel, tap, lane of the panel), flat"""
    no_bias: numpy.ndarray
    threads: int
    plans: dict[bool, tuple[Plan, tuple[int, ...], Tables]]
    """For an input in NCHW and one in channels_last: the plan, its values alone, its tables."""


def _panel(problem: Problem, itemsize: int) -> int:
    """Return the output channels of a panel: more where one output leaves few sums to work on."""
    lanes = VECTOR_BYTES // itemsize
    single = problem.output_elements == problem.out_channels
    wide = single and problem.out_channels // problem.groups > BLOCK_VECTORS * lanes
    return (SINGLE_VECTORS if wide else BLOCK_VECTORS) * lanes


def pack(weight: torch.Tensor, problem: Problem) -> Packed:
    """Return the weight in panels; the last one of a group is filled up with zeros."""
    panel = _panel(problem, weight.element_size())
    grouped = weight.detach().reshape(problem.groups, -1, problem.reduction_length)
    grouped = F.pad(grouped, (0, 0, 0, -grouped.shape[1] % panel))
    panels = grouped.unflatten(1, (-1, panel)).transpose(2, 3).contiguous().view(-1)
    plans = {last: _plan(problem, weight.element_size(), last) for last in (False, True)}
    return Packed(
        problem.input_shape,
        problem.output_shape,
        panels.numpy(),
        panels.new_zeros(grouped.shape[0] * grouped.shape[1]).numpy(),
        max(1, problem.direct_flops // LEAST_FLOPS_A_THREAD),
        plans,
    )


def _copies(problem: Problem, itemsize: int, channels_last: bool) -> bool:
    """Return whether the input has to be copied: for padding, or as its planes collide."""
    plane_bytes = problem.height * problem.width * itemsize
    collide = not channels_last and problem.in_channels > 1 and plane_bytes % COLLISION_BYTES == 0
    return problem.padding != (0, 0) or collide


def _plan(p: Problem, itemsize: int, channels_last: bool) -> tuple[Plan, tuple[int, ...], Tables]:
    """Return the plan, and the tables of windows' corners and of taps."""
    panel = _panel(p, itemsize)
    column_step = p.in_channels if channels_last else 1
    row = p.width * column_step
    padded_row = p.padded_w * column_step
    copies = _copies(p, itemsize, channels_last)
    # Planes that lie an odd number of lines apart share no place in a cache.
    plane = p.padded_h * padded_row + (CACHE_LINE_BYTES // itemsize if copies else 0)
    channel_step = 1 if channels_last else plane
    plan = Plan(
        lanes=VECTOR_BYTES // itemsize,
        panel=panel,
        chunk=CHUNK,
        depth=DEPTH,
        images=p.batch_size,
        groups=p.groups,
        group_in=p.in_channels // p.groups,
        group_out=p.out_channels // p.groups,
        panels=-(-p.out_channels // p.groups // panel),
        outputs=p.out_h * p.out_w,
        taps=p.reduction_length,
        copies=copies,
        rows=p.batch_size * (1 if channels_last else p.in_channels) * p.height,
        plane_rows=p.height,
        row=row,
        pad_rows=p.pad_top,
        left=p.pad_left * column_step,
        padded_row=padded_row,
        padded_rows=p.padded_h,
        padded_plane=plane,
        stride_h=p.stride_h,
        reach_h=p.effective_kernel_h,
        padded_image=plane * (1 if channels_last else p.in_channels),
        channel_step=channel_step,
        out_channel=1 if channels_last else p.out_h * p.out_w,
        out_image=p.out_channels * p.out_h * p.out_w,
    )
    corners = numpy.add.outer(
        numpy.arange(p.out_h) * (p.stride_h * padded_row),
        numpy.arange(p.out_w) * (p.stride_w * column_step),
    )
    taps = numpy.add.outer(
        numpy.arange(plan.group_in) * channel_step,
        numpy.add.outer(
            numpy.arange(p.kernel_h) * (p.dilation_h * padded_row),
            numpy.arange(p.kernel_w) * (p.dilation_w * column_step),
        ),
    )
    tables = (corners.ravel().astype(numpy.int64), taps.ravel().astype(numpy.int64))
    return plan, tuple(plan), tables


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of the copied input, and of a block of outputs for each thread."""
    plan, _, _ = _plan(problem, itemsize, False)
    copied = plan.images * plan.padded_image if plan.copies else 0
    return itemsize * (copied + torch.get_num_threads() * plan.chunk * plan.panel)


@register(
    "direct_packed",
    family="direct",
    devices=("cpu",),
    prepare=pack,
    workspace_bytes=_workspace_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def direct_packed(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Windows read by address, output channels in the lanes, weights packed: no copy but padding.

    Shapes: input (N, C, H, W) in either memory format, weight packed or (K, C/g, R, S), result
    (N, K, P, Q) in the input's format.
    Cost: 2·N·K·P·Q·C/g·R·S operations, K/g rounded up to whole panels.
    Extra memory: the padded input, where there is padding or the planes' size is a multiple of
    4 KiB; the packed weight is as large as the weight.
    Source: M. Dukhan, "The indirect convolution algorithm" (2019), section 3, with tables of
    distances in place of pointers; E. Georganas et al., "Anatomy of high-performance deep learning
    convolutions on SIMD architectures" (SC 2018), section II, for the channels in the lanes.
    """
    if not isinstance(weight, Packed):
        problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
        weight = pack(weight, problem)
    if input.shape != weight.input_shape:
        raise Unsupported(f"packed for inputs of {weight.input_shape}, got {tuple(input.shape)}")
    x, y = dense(input), new_output(weight.output_shape, input)
    plan, sizes, tables = weight.plans[is_channels_last(input)]
    added = weight.no_bias
    if bias is not None:
        # torch's own padding would take longer than a small convolution does.
        added = added.copy()
        lanes = added.reshape(plan.groups, -1)
        lanes[:, : plan.group_out] = bias.detach().numpy().reshape(plan.groups, -1)
    threads = min(use_torch_threads(), weight.threads)
    padded = x.memory
    if plan.copies:
        padded = numpy.empty(plan.images * plan.padded_image, dtype=x.memory.dtype)
    items = numpy.empty((threads, plan.chunk * plan.panel), dtype=x.memory.dtype)
    convolve(
        *(sizes, threads, x.memory, padded, weight.panels, added),
        *(y.memory, *tables, items),
    )
    return y.tensor
