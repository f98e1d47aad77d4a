"""Transposed convolution with packed weights: phases of a stride from tiles that stay in the cache.

`phases` (transposed.py) reads the whole input once for each phase and copies what it computed to
where it belongs. Here a tile of the input meets all taps of all phases while it is in a core's
cache, and each row of the output is written once (impls/_phases/plan.py).
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from impls._kernels.vector import BLOCK_ROWS
from impls._launch import BIAS, INPUT, OUTPUT, Given, Launch, Scratch
from impls._numba import template
from impls._packing import Packing
from impls._phases.plan import pack, plan_for
from impls._phases.sums import Operands, convolve
from suite import Problem, register
from suite.kinds import TRANSPOSED
from suite.phases import PACK, PRODUCT

# Below this, waking a second thread costs more than it saves.
LEAST_FLOPS_A_THREAD = 200_000


class Taps(NamedTuple):
    """The weight as the sums take it, and all that a call would otherwise find out anew."""

    launch: Launch
    """Returns an output."""
    no_bias: torch.Tensor
    """Zeros in place of a bias."""


def _threads(problem: Problem, available: int) -> int:
    return min(available, max(1, problem.direct_flops // LEAST_FLOPS_A_THREAD))


def _pack(weight: torch.Tensor, problem: Problem) -> Taps:
    threads = _threads(problem, torch.get_num_threads())
    plan, tables = plan_for(problem, weight.element_size(), threads)
    packed = pack(weight, problem)
    dtype = packed.dtype
    operands = Operands(
        Given(INPUT, dtype, problem.input_elements),
        packed,
        Given(BIAS, dtype, problem.out_channels),
        Given(OUTPUT, dtype, problem.output_elements),
        *tables,
        Scratch(dtype, plan.tile),
        Scratch(dtype, plan.phases_w * BLOCK_ROWS * plan.joined),
    )
    like = template(problem.output_shape, weight.dtype, False)
    launch = convolve.laid_out(tuple(plan), tuple(operands), most_threads=threads, like=like)
    return Taps(launch, weight.new_zeros(problem.out_channels))


_packing = Packing("phases_packed", _pack)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of a tile and of its sums for each thread, and of a copy in NCHW order."""
    threads = _threads(problem, torch.get_num_threads())
    plan, _ = plan_for(problem, itemsize, threads)
    each = plan.tile + plan.phases_w * BLOCK_ROWS * plan.joined
    return itemsize * (threads * each + problem.input_elements)


@register(
    "phases_packed",
    family="direct",
    devices=("cpu",),
    via_float32=True,
    kinds=TRANSPOSED,
    prepare=_packing.prepare,
    workspace_bytes=_workspace_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def phases_packed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """All phases of a stride from one tile after another, their outputs in the lanes.

    Shapes: input (N, C, …), weight packed or (C, K/g, …), result (N, K, …) in NCHW order.
    Cost: 2·N·C·K/g·taps operations for each input: each load of the input serves six output
    channels, and few of those waste no lanes.
    Extra memory: a tile of the input for each thread; the packed weight is as large as the weight.
    Source: the phases after W. Shi et al., "Is the deconvolution layer the same as a convolutional
    layer?" (2016); the sums as for `grouped`.
    """
    packed = _packing.of_call(
        input, weight, bias, stride, padding, dilation, groups, output_padding=output_padding
    )
    taps: Taps = packed.content
    with PACK:
        x = input.detach().contiguous()
        added = taps.no_bias if bias is None else bias.detach().contiguous()
    with PRODUCT:
        return taps.launch(x, added)
