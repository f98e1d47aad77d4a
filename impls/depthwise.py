"""Depthwise and grouped convolution, computed directly: no lowering, no matrix product.

With one or a few input channels a group there is little to sum, and libraries made for deep sums
spend their time elsewhere. The idea, one shifted sum over a whole plane, is in impls/_planes.py.
"""

from __future__ import annotations

import torch

from impls._arguments import problem_of
from impls._numba import use_torch_threads
from impls._planes import convolve, plan_for, scratch_elements
from suite import Problem, Unsupported, register
from suite.phases import PACK, PRODUCT


def _run(input, weight, bias, problem: Problem) -> torch.Tensor:
    plan, tables = plan_for(problem, input.element_size())
    threads = use_torch_threads()
    dtype = input.dtype
    planes, outs = scratch_elements(plan)
    with PACK:
        y = torch.empty(problem.output_shape, dtype=dtype)
        if bias is None:
            bias = torch.zeros(problem.out_channels, dtype=dtype)
        x, w = input.contiguous().view(-1).numpy(), weight.contiguous().view(-1).numpy()
        all_planes = torch.empty(threads, planes, dtype=dtype).numpy()
        all_outs = torch.empty(threads, outs, dtype=dtype).numpy()
    # Padding and cropping happen inside, plane by plane, while the plane is in the cache.
    with PRODUCT:
        convolve(
            *(tuple(plan), threads, x, w, bias.contiguous().numpy(), y.view(-1).numpy()),
            *(tables, all_planes, all_outs),
        )
    return y


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of a group's planes for each thread, and of a copy in NCHW order."""
    plan, _ = plan_for(problem, itemsize)
    each = sum(scratch_elements(plan)) * torch.get_num_threads()
    copies = problem.input_elements + problem.weight_elements + problem.out_channels
    return itemsize * (each + copies)


def _executed_flops(problem: Problem) -> float:
    """Return the operations with those on the positions between the rows."""
    plan, _ = plan_for(problem, 4)
    return 2 * plan.length * problem.reduction_length * problem.batch_size * problem.out_channels


def _why_not_depthwise(problem: Problem) -> str | None:
    if problem.groups == problem.in_channels:
        return None
    return f"needs one input channel a group, here are {problem.in_channels // problem.groups}"


@register(
    "depthwise",
    family="depthwise",
    devices=("cpu",),
    supports=_why_not_depthwise,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
)
def depthwise(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One input channel a group: shifted sums over whole planes, any kernel, stride, dilation.

    Shapes: input (N, C, H, W), weight (K, 1, R, S), result (N, K, P, Q) with K a multiple of C.
    Cost: 2·N·K·P·R·S·(W + padding) / stride operations in full vectors.
    Extra memory: one padded plane for each thread.
    Source: in the spirit of J. Zhang, F. Franchetti, T. M. Low, "High performance zero-memory
    overhead direct convolutions" (ICML 2018); the joined rows are explained in impls/_planes.py.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _why_not_depthwise(problem):
        raise Unsupported(reason)
    return _run(input, weight, bias, problem)


# A group's planes should stay in a core's own cache while its output channels are computed.
MOST_PLANES_BYTES = 2**20


def _why_not_grouped(problem: Problem) -> str | None:
    plan, _ = plan_for(problem, 4)
    needed = 4 * scratch_elements(plan)[0]
    if needed <= MOST_PLANES_BYTES:
        return None
    return (
        f"the padded planes of a group take {needed / 2**20:.1f} MiB, they have to stay in a "
        f"core's cache: {MOST_PLANES_BYTES / 2**20:.0f} MiB at most"
    )


@register(
    "grouped",
    family="direct",
    devices=("cpu",),
    supports=_why_not_grouped,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
)
def grouped(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A few input channels a group: the shifted sums of up to six output channels at once.

    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q).
    Cost: 2·N·K·P·C/g·R·S·(W + padding) / stride operations; each load of the input serves six FMAs.
    Extra memory: the padded planes of one group for each thread.
    Source: as for `depthwise`; the indirection over taps after M. Dukhan, "The indirect
    convolution algorithm" (2019), section 3.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _why_not_grouped(problem):
        raise Unsupported(reason)
    return _run(input, weight, bias, problem)
