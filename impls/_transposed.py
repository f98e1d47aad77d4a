"""A transposed convolution as convolutions of stride 1: its phases.

Along an axis with stride s, output o gets products from those inputs i and taps r alone with

    o + padding = i·s + r·dilation

so which taps meet it depends on its residue o % s only. All outputs of one residue along every
axis, a phase, are an ordinary convolution of the whole input by those taps in reverse order, with
stride 1: no zeros are inserted and nothing is scattered. Phases whose windows begin at the same
input, are equally long and equally many are one convolution, with the output channels of them all.

Sources: A. Aitken et al., "Checkerboard artifact free sub-pixel convolution" (2017), section 2;
W. Shi et al., "Is the deconvolution layer the same as a convolutional layer?" (2016).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy
import torch

from impls._arguments import per_channel
from impls._interleave import interleave
from impls._numba import is_channels_last, new_output
from impls._windows.plan import Scatter, places_of
from suite import Problem


class Residue(NamedTuple):
    """Outputs of one residue, along one axis."""

    first: int
    """The first of them."""
    count: int
    """How many there are."""
    taps: tuple[int, ...]
    """The taps that they meet, in the order of the inputs."""
    start: int
    """The input that the first output's first tap meets; below 0 it is padding."""


class Axis(NamedTuple):
    """Residues along one axis that are computed together."""

    residues: tuple[Residue, ...]
    """Which."""
    start: int
    """Where the window of the first output begins."""
    taps: int
    """Inputs in a window."""
    dilation: int
    """From one input of a window to the next."""
    padding: int
    """Zeros on both sides, so that every window lies within."""


class Piece(NamedTuple):
    """Phases that are one convolution."""

    problem: Problem
    """The convolution, with the output channels of all its phases: (K, residues of each axis)."""
    axes: tuple[Axis, ...]

    @property
    def phases(self) -> int:
        return math.prod(len(axis.residues) for axis in self.axes)

    def kernel(self, weight: torch.Tensor, groups: int) -> torch.Tensor:
        """Return the convolution's weight, from a transposed one's (C, K/g, …)."""
        per_group = weight.unflatten(0, (groups, -1)).transpose(1, 2)  # (g, K/g, C/g, …)
        residues = [len(axis.residues) for axis in self.axes]
        windows = [axis.taps for axis in self.axes]
        kernel = weight.new_zeros(*per_group.shape[:2], *residues, per_group.shape[2], *windows)
        for which in itertools.product(*(range(count) for count in residues)):
            part = per_group
            place: list[Any] = []
            for number, (axis, residue) in enumerate(zip(self.axes, which, strict=True)):
                own = axis.residues[residue]
                part = part.index_select(3 + number, torch.tensor(own.taps))
                offset = (own.start - axis.start) // axis.dilation
                place.append(slice(offset, offset + len(own.taps)))
            kernel[(slice(None), slice(None), *which, slice(None), *place)] = part
        return kernel.reshape(self.problem.weight_shape)

    def bias(self, bias: torch.Tensor | None) -> torch.Tensor | None:
        """Return the bias of all phases."""
        return None if bias is None else bias.repeat_interleave(self.phases)

    def place(self, outputs: torch.Tensor, target: torch.Tensor, stride: tuple[int, ...]) -> None:
        """Copy the convolution's outputs to where they belong."""
        if outputs.requires_grad or target.requires_grad:
            self._place_in_torch(outputs, target, stride)
            return
        last = is_channels_last(target)
        if is_channels_last(outputs) != last:
            outputs = in_format_of(target, outputs)
        absent = 3 - len(self.axes)
        most = max(len(axis.residues) for axis in self.axes)
        tables = numpy.zeros((3, most, 3), dtype=numpy.int64)
        tables[:absent, 0] = 0, 1, 0
        for number, axis in enumerate(self.axes):
            begin = axis.start + axis.padding
            for which, residue in enumerate(axis.residues):
                tables[absent + number, which] = residue.first, residue.count, begin
        beyond = (1,) * absent
        phases = (*beyond, *(len(axis.residues) for axis in self.axes))
        source, goal = (*beyond, *outputs.shape[2:]), (*beyond, *target.shape[2:])
        columns = phases, source, goal, (*beyond, *stride)
        grid = numpy.array(columns, dtype=numpy.int64).T.copy()
        interleave(outputs, target, grid, tables, last)

    def _place_in_torch(
        self, outputs: torch.Tensor, target: torch.Tensor, stride: tuple[int, ...]
    ) -> None:
        """Do the same so that gradients come through."""
        residues = [len(axis.residues) for axis in self.axes]
        phases = outputs.unflatten(1, (-1, *residues))
        for which in itertools.product(*(range(count) for count in residues)):
            source, goal = [], []
            for axis, residue, step in zip(self.axes, which, stride, strict=True):
                own, begin = axis.residues[residue], axis.start + axis.padding
                source.append(slice(begin, begin + own.count))
                goal.append(slice(own.first, None, step))
            target[(..., *goal)] = phases[(slice(None), slice(None), *which, *source)]


def in_format_of(target: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in the memory format of another."""
    return new_output(tensor.shape, tensor.dtype, is_channels_last(target)).copy_(tensor)


def residues_of(problem: Problem, axis: int) -> Iterator[Residue]:
    """Yield what the outputs of each residue meet."""
    stride, dilation = problem.stride[axis], problem.dilation[axis]
    kernel, pad = problem.kernel[axis], problem.padding[axis]
    outputs = problem.output_size[axis]
    for first in range(min(stride, outputs)):
        taps = [r for r in range(kernel) if (first + pad - r * dilation) % stride == 0][::-1]
        start = (first + pad - taps[0] * dilation) // stride if taps else 0
        yield Residue(first, -(-(outputs - first) // stride), tuple(taps), start)


def _together(problem: Problem, axis: int, widths: tuple[int, ...]) -> list[Axis]:
    """Return the residues along an axis: those alike together, or all in one wider window.

    Args:
        widths: the inputs that a window may have; empty for what each residue meets.
    """
    dilation = problem.dilation[axis] // math.gcd(problem.dilation[axis], problem.stride[axis])
    residues = [residue for residue in residues_of(problem, axis) if residue.taps]
    alike: dict[Any, list[Residue]] = {}
    for residue in residues:
        key = None if widths else (residue.start, residue.count, len(residue.taps))
        alike.setdefault(key, []).append(residue)
    made = []
    for group in alike.values():
        start = min(residue.start for residue in group)
        last = max(residue.start + (len(residue.taps) - 1) * dilation for residue in group)
        taps = (last - start) // dilation + 1
        taps = next((width for width in widths if width >= taps), taps)
        reach = start + (taps - 1) * dilation
        beyond = reach + max(residue.count for residue in group) - problem.input_size[axis]
        made.append(Axis(tuple(group), start, taps, dilation, max(0, -start, beyond)))
    return made


@functools.lru_cache(maxsize=256)
def pieces_of(problem: Problem, widths: tuple[int, ...] = ()) -> tuple[Piece, ...]:
    """Return the convolutions that a transposed one is made of.

    Args:
        widths: windows that a fast convolution takes: then there is one for all phases, its kernel
            filled up with zeros; empty for one for all phases that meet the same inputs.
    """
    by_axis = [_together(problem, axis, widths) for axis in range(problem.axes)]
    pieces = []
    for axes in itertools.product(*by_axis):
        phases = math.prod(len(axis.residues) for axis in axes)
        convolution = Problem.of_call(
            problem.input_shape,
            (
                problem.out_channels * phases,
                problem.in_channels // problem.groups,
                *(axis.taps for axis in axes),
            ),
            padding=tuple(axis.padding for axis in axes),
            dilation=tuple(axis.dilation for axis in axes),
            groups=problem.groups,
            bias=problem.bias,
        )
        pieces.append(Piece(convolution, axes))
    return tuple(pieces)


@functools.lru_cache(maxsize=256)
def leaves_gaps(problem: Problem) -> bool:
    """Return whether some outputs meet no tap: their value is the bias."""
    return any(
        not residue.taps for axis in range(problem.axes) for residue in residues_of(problem, axis)
    )


def scatter_of(piece: Piece, problem: Problem, channels_last: bool) -> Scatter:
    """Return where a piece's outputs lie in those of the transposed convolution.

    Its phases are equally many along every axis: it is none of the pieces of given widths.
    """
    absent = 3 - problem.axes
    sizes = (*(1,) * absent, *problem.output_size)
    column = problem.out_channels if channels_last else 1
    steps = sizes[1] * sizes[2] * column, sizes[2] * column, column
    strides = (*(1,) * absent, *problem.stride)
    begins, counts = [0] * absent, [1] * absent
    firsts = numpy.zeros(1, dtype=numpy.int64)
    for axis, step in zip(piece.axes, steps[absent:], strict=True):
        begins.append(axis.start + axis.padding)
        counts.append(axis.residues[0].count)
        own = numpy.array([residue.first * step for residue in axis.residues])
        firsts = numpy.add.outer(firsts, own).ravel()
    channel = 1 if channels_last else math.prod(sizes)
    channels = numpy.add.outer(numpy.arange(problem.out_channels) * channel, firsts).ravel()
    triple = (counts[0], counts[1], counts[2])
    return Scatter(
        begins=(begins[0], begins[1], begins[2]),
        counts=triple,
        places=places_of(triple, (strides[0], strides[1], strides[2]), steps),
        channels=channels.astype(numpy.int64),
        image_step=problem.out_channels * math.prod(sizes),
    )


def output_for(problem: Problem, input: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return the output to fill, in the input's format: what meets no tap is the bias already."""
    y = new_output(problem.output_shape, input.dtype, is_channels_last(input))
    if leaves_gaps(problem):
        y.zero_()
        if bias is not None:
            y += per_channel(bias, problem.axes)
    return y


def convolve_pieces(
    convolve: Callable[..., torch.Tensor],
    packs: list[tuple[Piece, Any]],
    problem: Problem,
    input: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Return the transposed convolution from its pieces.

    Args:
        convolve: takes a piece, what was packed for it, the input and the bias of its channels.
        packs: each piece and what was packed for it.
    """
    y = output_for(problem, input, bias)
    for piece, packed in packs:
        outputs = convolve(piece, packed, input, piece.bias(bias))
        if len(packs) == 1 and outputs.shape == y.shape and max(problem.stride) == 1:
            return outputs
        piece.place(outputs, y, problem.stride)
    return y


def outputs_of(pieces: tuple[Piece, ...]) -> int:
    """Return the elements of the largest piece's outputs, before they are where they belong."""
    return max((piece.problem.output_elements for piece in pieces), default=0)
