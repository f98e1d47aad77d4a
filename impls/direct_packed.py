"""Direct convolution with packed weights: the output channels in the lanes, windows by address.

No lowering and no transform: the sum over a window is a matrix product whose first matrix is read
from where the input lies (impls/_windows/plan.py). The weights are packed once into panels of as
many output channels as a register block is wide, in the order in which the product reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from impls._kernels.finish import FUSED
from impls._launch import BIAS, INPUT, OUTPUT, RESIDUAL, Given, Launch, Scratch
from impls._numba import filled_up, lying, template, without_gaps
from impls._packing import Packing
from impls._transposed import Piece, output_for, pieces_of, scatter_of
from impls._windows.plan import Scatter, panel_width, plan_for
from impls._windows.sums import Operands, launch_for
from suite import Problem, register
from suite.kinds import CONVOLUTIONS, TRANSPOSED

# Below this, waking a second thread costs more than it saves.
LEAST_FLOPS_A_THREAD = 200_000


@dataclass(frozen=True, slots=True)
class Panels:
    """Weights in panels, and all that a call would otherwise find out anew."""

    no_bias: torch.Tensor
    """Zeros, (group, output channel rounded up to whole panels), flat"""
    groups: int
    """g, the groups of channels."""
    width: int
    """Output channels of a group, rounded up."""
    contiguous: Launch
    """Returns an output in NCHW."""
    channels_last: Launch
    """Returns one in channels_last."""


def _pack(
    weight: torch.Tensor,
    problem: Problem,
    scatters: tuple[Scatter | None, Scatter | None] = (None, None),
) -> Panels:
    """Return the weight in panels; the last one of a group is filled up with zeros."""
    panel = panel_width(problem, weight.element_size())
    grouped = weight.detach().reshape(problem.groups, -1, problem.reduction_length)
    grouped = F.pad(grouped, (0, 0, 0, -grouped.shape[1] % panel))
    # (group, panel, tap, lane of the panel), flat
    panels = grouped.unflatten(1, (-1, panel)).transpose(2, 3).contiguous().view(-1)
    return Panels(
        no_bias=panels.new_zeros(grouped.shape[0] * grouped.shape[1]),
        groups=problem.groups,
        width=grouped.shape[1],
        contiguous=_launch(problem, panels, False, scatters[0]),
        channels_last=_launch(problem, panels, True, scatters[1]),
    )


def _launch(
    problem: Problem, panels: torch.Tensor, channels_last: bool, scatter: Scatter | None
) -> Launch:
    plan, tables = plan_for(problem, panels.element_size(), channels_last, scatter)
    weights = panels.numpy()
    dtype, outputs = weights.dtype, plan.images * plan.out_image_step
    unpadded = Given(INPUT, dtype, problem.input_elements)
    operands = Operands(
        x=Scratch(dtype, plan.padded_elements, rows=1, is_flat=True) if plan.copies else unpadded,
        w=weights,
        bias=Given(BIAS, dtype, plan.groups * plan.panels * plan.panel),
        y=Given(OUTPUT, dtype, outputs),
        residual=Given(RESIDUAL, dtype, outputs),
        **tables._asdict(),
        unpadded=unpadded,
        items=Scratch(dtype, plan.item_elements),
    )
    most_threads = max(1, problem.direct_flops // LEAST_FLOPS_A_THREAD)
    if scatter is not None:  # there is one output for all pieces
        return launch_for(plan, operands, most_threads, None)
    like = template(problem.output_shape, panels.dtype, channels_last)
    return launch_for(plan, operands, most_threads, like)


_packing = Packing("direct_packed", _pack)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of the copied input, and of a block of outputs for each thread."""
    plan, _ = plan_for(problem, itemsize, channels_last=False)
    return itemsize * (plan.padded_elements + torch.get_num_threads() * plan.item_elements)


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
    return _convolve(packed.content, input, bias, residual)


def _convolve(
    panels: Panels,
    input: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None = None,
    output: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the output, finished as the plan has it: a new one, or a piece of that given."""
    x, is_last = without_gaps(input)
    added = panels.no_bias
    if bias is not None:
        added = filled_up(bias, panels.groups, panels.width)
    launch = panels.channels_last if is_last else panels.contiguous
    return launch(x, added, None if residual is None else lying(residual, is_last), output)


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
        _convolve(panels, input, piece.bias(bias), output=y)
    return y
