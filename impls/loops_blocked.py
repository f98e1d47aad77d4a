"""The loops in blocks: partial sums stay in registers, the inputs of a block in the cache.

A block is six output channels by two vectors of neighbouring outputs. Each load of the input then
serves six products and each weight two, and a sum is written once, after all its products. The
outputs of a block read a narrow strip of the input, which stays in the cache while block after
block of output channels passes over it.
"""

from __future__ import annotations

import torch

from impls._arguments import problem_of
from impls._kernels.copies import copy_rows
from impls._kernels.pointers import View, at
from impls._kernels.taps import tap_product
from impls._kernels.vector import BLOCK_ROWS, BLOCK_VECTORS, BLOCKS
from impls._numba import part
from impls._parallel import OnThreads
from impls._planes.fill import fill_planes
from impls._planes.plan import MOST_VECTORS, Plan, plan_for
from suite import Problem, register

_sum_block = tap_product(BLOCKS)


FILL, SUM, CROP, STEPS = range(4)
"""Steps of an image: every thread does its share of one before any begins the next."""


@OnThreads
def _convolve(step, worker, threads, sizes, arrays):
    """Fill y, one image after the other.

    All arrays are flat, `sizes` is a Plan's values; `planes` and `joined` hold the padded planes
    and the joined output rows of all channels of an image.
    """
    plan = Plan(*sizes)
    x, w, bias, y, shifts, row_phases, column_phases, planes, joined = arrays
    image, step = step // STEPS, step % STEPS
    channels = plan.groups * plan.group_out
    if step == FILL:
        in_channels = plan.groups * plan.group_in
        first, last = part(in_channels, worker, threads)
        for channel in range(first, last):
            source = (image * in_channels + channel) * plan.in_h * plan.in_w
            target = at(planes, channel * plan.plane)
            fill_planes(plan, 1, target, at(x, source), row_phases, column_phases)
    elif step == SUM:
        width = BLOCK_VECTORS * plan.lanes
        blocks = (plan.group_out + BLOCK_ROWS - 1) // BLOCK_ROWS
        first, last = part((plan.length + width - 1) // width, worker, threads)
        for column in range(first, last):
            for group in range(plan.groups):
                plane = at(planes, group * plan.group_in * plan.plane + column * width)
                for block in range(blocks):
                    first_k, last_k = part(plan.group_out, block, blocks)
                    k = group * plan.group_out + first_k
                    out = View(at(joined, k * plan.out_row + column * width), plan.out_row)
                    weights = View(at(w, k * plan.taps), plan.taps)
                    b, taps = at(bias, k), at(shifts, 0)
                    _sum_block(last_k - first_k, out, weights, b, plane, taps, plan.taps, None)
    elif step == CROP:
        first, last = part(channels, worker, threads)
        for k in range(first, last):
            target = at(y, (image * channels + k) * plan.out_h * plan.out_w)
            row = View(at(joined, k * plan.out_row), plan.pitch)
            copy_rows(View(target, plan.out_w), row, plan.out_h, plan.out_w)


def _elements(problem: Problem, itemsize: int) -> tuple[int, int]:
    """Return the elements of the padded planes and of the joined output rows of one image."""
    plan, _ = plan_for(problem, itemsize)
    past_the_end = MOST_VECTORS * plan.lanes
    planes = problem.in_channels * plan.plane + past_the_end
    return planes, problem.out_channels * plan.out_row


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    copies = problem.input_elements + problem.weight_elements + 2 * problem.out_channels
    return itemsize * (sum(_elements(problem, itemsize)) + copies)


def _executed_flops(problem: Problem) -> float:
    plan, _ = plan_for(problem, 4)
    return 2 * plan.length * problem.reduction_length * problem.batch_size * problem.out_channels


@register(
    "loops_blocked",
    family="loops",
    devices=("cpu",),
    via_float32=True,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
)
def loops_blocked(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The compiled parallel loops in blocks that fit into registers and caches.

    One change from `loops_parallel`: the order of the work.
    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q). Not differentiable.
    Cost: 2·N·K·C/g·R·S·P·(W + padding) / stride operations, most of them at the peak.
    Extra memory: the padded input and the output of one image, with rows joined.
    Source: K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication" (2008),
    for the blocks; M. Dukhan, "The indirect convolution algorithm" (2019), section 3, for taking
    the second matrix from the input by its taps.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    plan, tables = plan_for(problem, input.element_size())
    planes, joined = _elements(problem, input.element_size())
    dtype = input.dtype
    y = torch.empty(problem.output_shape, dtype=dtype)
    if bias is None:
        bias = torch.zeros(problem.out_channels, dtype=dtype)
    arrays = (
        input.contiguous().view(-1).numpy(),
        weight.contiguous().view(-1).numpy(),
        bias.contiguous().numpy(),
        y.view(-1).numpy(),
        *tables,
        torch.zeros(planes, dtype=dtype).numpy(),
        torch.empty(joined, dtype=dtype).numpy(),
    )
    _convolve(torch.get_num_threads(), tuple(plan), arrays, (0, STEPS * problem.batch_size))
    return y
