"""The loops in blocks: partial sums stay in registers, the inputs of a block in the cache.

A block is six output channels by two vectors of neighbouring outputs. Each load of the input then
serves six products and each weight two, and a sum is written once, after all its products. The
outputs of a block read a narrow strip of the input, which stays in the cache while block after
block of output channels passes over it.
"""

from __future__ import annotations

import torch
from numba import njit, prange

from impls._arguments import problem_of
from impls._kernels.copies import copy_rows
from impls._kernels.taps import tap_product
from impls._kernels.vector import BLOCK_ROWS, BLOCK_VECTORS
from impls._numba import use_torch_threads
from impls._planes.plan import MOST_VECTORS, Plan, fill_planes, plan_for
from suite import Problem, register

_block_1, _block_2 = tap_product(1, BLOCK_VECTORS), tap_product(2, BLOCK_VECTORS)
_block_3, _block_4 = tap_product(3, BLOCK_VECTORS), tap_product(4, BLOCK_VECTORS)
_block_5, _block_6 = tap_product(5, BLOCK_VECTORS), tap_product(6, BLOCK_VECTORS)


@njit(cache=True)
def _sum_block(rows, y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count):
    """Compute a block of 1 to 6 channels; the arguments are those of `tap_product`."""
    if rows == 6:
        _block_6(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)
    elif rows == 5:
        _block_5(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)
    elif rows == 4:
        _block_4(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)
    elif rows == 3:
        _block_3(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)
    elif rows == 2:
        _block_2(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)
    else:
        _block_1(y, y_at, y_row, w, w_at, w_row, b, b_at, x, x_at, taps, count)


@njit(parallel=True, cache=True)
def _convolve(sizes, threads, x, w, bias, y, tables, planes, joined):
    """Fill y, one image after the other; planes and joined hold all channels of an image."""
    plan = Plan(*sizes)
    shifts, row_phases, column_phases = tables
    group_planes = plan.group_in * plan.plane
    channels = plan.groups * plan.group_out
    width = BLOCK_VECTORS * plan.lanes
    columns = (plan.length + width - 1) // width
    blocks = (plan.group_out + BLOCK_ROWS - 1) // BLOCK_ROWS
    for image in range(plan.images):
        for channel in prange(plan.groups * plan.group_in):
            x_at = (image * plan.groups * plan.group_in + channel) * plan.in_h * plan.in_w
            fill_planes(plan, 1, planes, channel * plan.plane, x, x_at, row_phases, column_phases)
        for worker in prange(threads):
            for column in range(columns * worker // threads, columns * (worker + 1) // threads):
                at = column * width
                for group in range(plan.groups):
                    for block in range(blocks):
                        first = plan.group_out * block // blocks
                        rows = plan.group_out * (block + 1) // blocks - first
                        k = group * plan.group_out + first
                        _sum_block(
                            *(rows, joined, k * plan.out_row + at, plan.out_row),
                            *(w, k * plan.taps, plan.taps, bias, k),
                            *(planes, group * group_planes + at, shifts, plan.taps),
                        )
        for k in prange(channels):
            to = (image * channels + k) * plan.out_h * plan.out_w
            at = k * plan.out_row
            copy_rows(y, to, plan.out_w, joined, at, plan.pitch, plan.out_h, plan.out_w)


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
    _convolve(
        *(tuple(plan), use_torch_threads(), input.contiguous().view(-1).numpy()),
        *(weight.contiguous().view(-1).numpy(), bias.contiguous().numpy(), y.view(-1).numpy()),
        *(tables, torch.zeros(planes, dtype=dtype).numpy()),
        torch.empty(joined, dtype=dtype).numpy(),
    )
    return y
