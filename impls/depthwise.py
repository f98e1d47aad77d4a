"""Depthwise and grouped convolution, computed directly: no lowering, no matrix product.

With one or a few input channels a group there is little to sum, and libraries made for deep sums
spend their time elsewhere. The idea, one shifted sum over a whole plane, is in
impls/_planes/plan.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from impls._axes import along_a_row, of_plane, of_slices, over_depth, slices_bytes, slices_of
from impls._kernels.finish import FUSED
from impls._launch import BIAS, INPUT, OUTPUT, RESIDUAL, Given, Launch, Scratch
from impls._numba import template
from impls._packing import Packed, Packing
from impls._planes.plan import STACK, plan_for, stack_shifts, stack_weights
from impls._planes.sums import Operands, sum_joined_rows, sum_neighbours, sum_stacks
from suite import Problem, register
from suite.phases import PACK, PRODUCT

# Below this, waking a second thread costs more than it saves.
LEAST_FLOPS_A_THREAD = 100_000


@dataclass(frozen=True, slots=True)
class Taps:
    """The weight as the sums take it, and all that a call would otherwise find out anew."""

    launch: Launch
    """Returns an output."""
    repeats: int
    """How often the bias of a channel stands in the array of all."""
    no_bias: torch.Tensor
    """Zeros in place of a bias."""


def _pack(weight: torch.Tensor, problem: Problem) -> Taps:
    plan, tables = plan_for(problem, weight.element_size())
    # (K, C/g, R, S), or `stack_weights` of it
    taps = weight.detach().contiguous().numpy()
    repeats, sums = 1, sum_neighbours if plan.neighbours else sum_joined_rows
    if plan.stack_taps:
        if not plan.neighbours:
            taps, repeats, sums = stack_weights(taps, problem), STACK, sum_stacks
        tables = (stack_shifts(problem, plan), *tables[1:])
    biases, dtype = problem.out_channels * repeats, taps.dtype
    operands = Operands(
        Given(INPUT, dtype, problem.input_elements),
        taps.reshape(-1),
        Given(BIAS, dtype, biases),
        Given(OUTPUT, dtype, problem.output_elements),
        Given(RESIDUAL, dtype, problem.output_elements),
        *tables,
        Scratch(dtype, plan.scratch),
    )
    most_threads = max(1, problem.direct_flops // LEAST_FLOPS_A_THREAD)
    like = template(problem.output_shape, weight.dtype, False)
    launch = sums.laid_out(tuple(plan), tuple(operands), most_threads=most_threads, like=like)
    return Taps(launch, repeats, weight.new_zeros(biases))


def _run(
    packed: Packed,
    input: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
) -> torch.Tensor:
    taps: Taps = packed.content
    with PACK:
        x, added = input.contiguous(), taps.no_bias
        if bias is not None:
            added = bias if taps.repeats == 1 else bias.detach().repeat_interleave(taps.repeats)
        added_to = None if residual is None else residual.contiguous()
    # Padding and cropping happen inside, plane by plane, while the plane is in the cache.
    with PRODUCT:
        return taps.launch(x, added.contiguous(), added_to)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of a group's planes for each thread, and of a copy in NCHW order."""
    plan, _ = plan_for(problem, itemsize)
    each = plan.scratch * torch.get_num_threads()
    copies = problem.input_elements + 4 * (problem.weight_elements + problem.out_channels)
    return itemsize * (each + copies)


def _executed_flops(problem: Problem) -> float:
    """Return the operations with those whose results or factors are padding."""
    plan, _ = plan_for(problem, 4)
    planes = problem.batch_size * problem.out_channels
    if plan.stack_taps:
        stacks = -(-plan.out_h // STACK)
        taps = plan.taps if plan.neighbours else plan.stack_taps
        return 2 * planes * stacks * STACK * plan.stack_row * taps
    return 2 * planes * plan.length * problem.reduction_length


def _why_not_depthwise(problem: Problem) -> str | None:
    if problem.groups == problem.in_channels:
        return None
    return f"needs one input channel a group, here are {problem.in_channels // problem.groups}"


_depthwise_packing = Packing("depthwise", _pack, _why_not_depthwise)


@register(
    "depthwise",
    family="depthwise",
    nan_policy="tile",  # the zeros of a stack meet rows beyond the kernel
    devices=("cpu",),
    via_float32=True,
    supports=_why_not_depthwise,
    prepare=_depthwise_packing.prepare,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
    epilogues=FUSED,
)
def depthwise(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    *,
    epilogue="none",
    residual=None,
):
    """One input channel a group: shifted sums over whole planes, any kernel, stride, dilation.

    Shapes: input (N, C, H, W), weight (K, 1, R, S), result (N, K, P, Q) with K a multiple of C.
    Cost: 2·N·K·P·R·S·Q operations in full vectors at stride 1, four output rows at once;
    (R + 3)·S in place of R·S where a dilation or a kernel of two rows leaves gaps.
    Extra memory: one padded plane for each thread.
    Source: in the spirit of J. Zhang, F. Franchetti, T. M. Low, "High performance zero-memory
    overhead direct convolutions" (ICML 2018); the joined rows are explained in
    impls/_planes/plan.py.
    """
    arguments = stride, padding, dilation, groups
    packed = _depthwise_packing.of_call(
        input, weight, bias, *arguments, epilogue=epilogue, residual=residual
    )
    return _run(packed, input, bias, residual)


# A group's planes should stay in a core's own cache while its output channels are computed.
MOST_PLANES_BYTES = 2**20


def _why_not_grouped(problem: Problem) -> str | None:
    plan, _ = plan_for(problem, 4)
    needed = 4 * plan.planes
    if needed <= MOST_PLANES_BYTES:
        return None
    return (
        f"the padded planes of a group take {needed / 2**20:.1f} MiB, they have to stay in a "
        f"core's cache: {MOST_PLANES_BYTES / 2**20:.0f} MiB at most"
    )


_grouped_packing = Packing("grouped", _pack, _why_not_grouped)


@register(
    "grouped",
    family="direct",
    nan_policy="tile",
    devices=("cpu",),
    via_float32=True,
    supports=_why_not_grouped,
    prepare=_grouped_packing.prepare,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
    epilogues=FUSED,
)
def grouped(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    *,
    epilogue="none",
    residual=None,
):
    """A few input channels a group: the shifted sums of up to six output channels at once.

    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q).
    Cost: 2·N·K·P·C/g·R·S·(W + padding) / stride operations; each load of the input serves six FMAs.
    Extra memory: the padded planes of one group for each thread.
    Source: as for `depthwise`; the indirection over taps after M. Dukhan, "The indirect
    convolution algorithm" (2019), section 3.
    """
    arguments = stride, padding, dilation, groups
    packed = _grouped_packing.of_call(
        input, weight, bias, *arguments, epilogue=epilogue, residual=residual
    )
    return _run(packed, input, bias, residual)


def _register_other_axes(row, family: str, packing: Packing) -> None:
    """Register a row for a sequence, an image of one row, and for a volume, a sum over planes."""
    declared: dict[str, Any] = {
        "family": family,
        "nan_policy": "tile",
        "devices": ("cpu",),
        "via_float32": True,
    }
    along, along_packing = along_a_row(row, packing)
    register(
        packing.row,
        kind="conv1d",
        supports=of_plane(packing.why_not),
        prepare=along_packing.prepare,
        workspace_bytes=of_plane(_workspace_bytes),
        executed_flops=of_plane(_executed_flops),
        **declared,
    )(along)
    summed, summed_packing = over_depth(row, packing)
    register(
        packing.row,
        kind="conv3d",
        supports=of_slices(packing.why_not),
        prepare=summed_packing.prepare,
        workspace_bytes=lambda problem, itemsize: slices_bytes(_workspace_bytes, problem, itemsize),
        executed_flops=lambda problem: problem.kernel_d * _executed_flops(slices_of(problem)),
        **declared,
    )(summed)


_register_other_axes(depthwise, "depthwise", _depthwise_packing)
_register_other_axes(grouped, "direct", _grouped_packing)
