"""Direct convolution with packed weights: the output channels in the lanes, windows by address.

No lowering and no transform: the sum over a window is a matrix product whose first matrix is read
from where the input lies (impls/_windows/plan.py). The weights are packed once into panels of as
many output channels as a register block is wide, in the order in which the product reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch
import torch.nn.functional as F

from impls._kernels.finish import FUSED
from impls._numba import flat, is_channels_last, new_output
from impls._packing import Packing
from impls._transposed import Piece, output_for, pieces_of, scatter_of
from impls._windows.plan import Plan, Scatter, Tables, panel_width, plan_for
from impls._windows.sums import Operands, convolve
from suite import Problem, register
from suite.kinds import CONVOLUTIONS, TRANSPOSED

# Below this, waking a second thread costs more than it saves.
LEAST_FLOPS_A_THREAD = 200_000


@dataclass(frozen=True)
class Layout:
    """How an input in one memory format is read."""

    plan: Plan
    tables: Tables


@dataclass(frozen=True)
class Panels:
    """Weights in panels, and all that a call would otherwise find out anew."""

    panels: numpy.ndarray
    """(group, panel, tap, lane of the panel), flat"""
    no_bias: numpy.ndarray
    """Zeros, (group, output channel rounded up to whole panels), flat"""
    output_shape: tuple[int, ...]
    """(N, K, P, Q), or as many axes as there are"""
    most_threads: int
    """More would cost more than they save."""
    contiguous: Layout
    """For an input in NCHW."""
    channels_last: Layout
    """For an input in channels_last."""


def _pack(
    weight: torch.Tensor,
    problem: Problem,
    scatters: tuple[Scatter | None, Scatter | None] = (None, None),
) -> Panels:
    """Return the weight in panels; the last one of a group is filled up with zeros."""
    panel = panel_width(problem, weight.element_size())
    grouped = weight.detach().reshape(problem.groups, -1, problem.reduction_length)
    grouped = F.pad(grouped, (0, 0, 0, -grouped.shape[1] % panel))
    panels = grouped.unflatten(1, (-1, panel)).transpose(2, 3).contiguous().view(-1)
    return Panels(
        panels=panels.numpy(),
        no_bias=panels.new_zeros(grouped.shape[0] * grouped.shape[1]).numpy(),
        output_shape=problem.output_shape,
        most_threads=max(1, problem.direct_flops // LEAST_FLOPS_A_THREAD),
        contiguous=_layout(problem, weight.element_size(), False, scatters[0]),
        channels_last=_layout(problem, weight.element_size(), True, scatters[1]),
    )


def _layout(
    problem: Problem, itemsize: int, channels_last: bool, scatter: Scatter | None
) -> Layout:
    plan, tables = plan_for(problem, itemsize, channels_last, scatter)
    return Layout(plan, tables)


_packing = Packing("direct_packed", _pack)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of the copied input, and of a block of outputs for each thread."""
    plan, _ = plan_for(problem, itemsize, channels_last=False)
    return itemsize * (plan.padded_elements + torch.get_num_threads() * plan.chunk * plan.panel)


@register(
    "direct_packed",
    family="direct",
    devices=("cpu",),
    via_float32=True,
    kinds=CONVOLUTIONS,
    prepare=_packing.prepare,
    workspace_bytes=_workspace_bytes,
    executed_flops=lambda problem: problem.direct_flops,
    epilogues=FUSED,
)
def direct_packed(
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
    """Windows read by address, output channels in the lanes, weights packed: no copy but padding.

    Shapes: input (N, C, H, W) in either memory format, weight packed or (K, C/g, R, S), result
    (N, K, P, Q) in the input's format; one, two or three axes.
    Cost: 2·N·K·P·Q·C/g·R·S operations, K/g rounded up to whole panels.
    Extra memory: the padded input, where there is padding or the planes' size is a multiple of
    4 KiB; the packed weight is as large as the weight.
    Source: M. Dukhan, "The indirect convolution algorithm" (2019), section 3, with tables of
    distances in place of pointers; E. Georganas et al., "Anatomy of high-performance deep learning
    convolutions on SIMD architectures" (SC 2018), section II, for the channels in the lanes.
    """
    arguments = stride, padding, dilation, groups
    packed = _packing.of_call(input, weight, bias, *arguments, epilogue=epilogue, residual=residual)
    y = new_output(packed.content.output_shape, input.dtype, is_channels_last(input))
    _convolve(packed.content, input, bias, y, residual)
    return y


def _convolve(
    panels: Panels,
    input: torch.Tensor,
    bias: torch.Tensor | None,
    y: torch.Tensor,
    residual: torch.Tensor | None = None,
) -> None:
    """Fill y, which is in the input's memory format, and finish it as the plan has it."""
    is_last = is_channels_last(input)
    layout = panels.channels_last if is_last else panels.contiguous
    plan, added = layout.plan, panels.no_bias
    x = flat(input, is_last)
    if bias is not None:
        # torch's own padding would take longer than a small convolution does.
        added = added.copy()
        lanes = added.reshape(plan.groups, -1)
        lanes[:, : plan.group_out] = bias.detach().numpy().reshape(plan.groups, -1)
    threads = min(torch.get_num_threads(), panels.most_threads)
    padded = numpy.empty(plan.padded_elements, dtype=x.dtype) if plan.copies else x
    outputs = flat(y, is_last)
    residuals = outputs if residual is None else flat(residual, is_last)
    arrays = padded, panels.panels, added, outputs, residuals, *layout.tables
    items = numpy.empty((threads, plan.chunk * plan.panel), dtype=x.dtype)
    convolve(plan, threads, Operands(*arrays, unpadded=x, items=items))


def _pack_pieces(weight: torch.Tensor, problem: Problem) -> list[tuple[Piece, Panels]]:
    """Return each piece of a transposed convolution with its panels."""
    return [
        (
            piece,
            _pack(
                piece.kernel(weight, problem.groups),
                piece.problem,
                (scatter_of(piece, problem, False), scatter_of(piece, problem, True)),
            ),
        )
        for piece in pieces_of(problem)
    ]


_transposed_packing = Packing("direct_packed", _pack_pieces)


def _pieces_bytes(problem: Problem, itemsize: int) -> int:
    pieces = pieces_of(problem)
    return max((_workspace_bytes(piece.problem, itemsize) for piece in pieces), default=0)


@register(
    "direct_packed",
    family="direct",
    devices=("cpu",),
    via_float32=True,
    kinds=TRANSPOSED,
    prepare=_transposed_packing.prepare,
    workspace_bytes=_pieces_bytes,
    executed_flops=lambda problem: sum(piece.problem.direct_flops for piece in pieces_of(problem)),
)
def direct_packed_transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """A convolution of stride 1 for each residue of the stride, windows read by address.

    Shapes: input (N, C, …) in either memory format, weight packed or (C, K/g, …), result (N, K, …).
    Cost: 2·N·C·K/g·taps operations for each input; outputs are written to where they belong.
    Extra memory: the padded input, where there is padding.
    Source: impls/_transposed.py, and as for conv2d.
    """
    packed = _transposed_packing.of_call(
        input, weight, bias, stride, padding, dilation, groups, output_padding=output_padding
    )
    bias = None if bias is None else bias.detach()
    y = output_for(packed.problem, input, bias)
    for piece, panels in packed.content:
        _convolve(panels, input, piece.bias(bias), y)
    return y
