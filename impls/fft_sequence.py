"""Long depthwise filters along a sequence: as long as it, if need be.

A direct sum grows with the filter, a transform hardly does. A library's transforms of all channels
one after the other pass the whole tensor through memory three times, with threads waiting for each
other in between. Here a thread takes a few channels at a time, as many as a vector has lanes,
through everything: read, transformed, multiplied, transformed back and written, while they stay in
its cache. How: impls/_sequence/plan.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy
import torch

from impls._kernels.vector import VECTOR_BYTES
from impls._numba import flat, is_channels_last, new_output
from impls._packing import Packing
from impls._sequence.plan import cheapest_tile, spectra_of, transform_of
from impls._sequence.sums import Sizes, convolve
from suite import Problem, register


class Spectra(NamedTuple):
    """The filters' spectra, and the tables of the transform that they are for."""

    tile: int
    spectra: numpy.ndarray
    """See `spectra_of`."""
    tables: tuple[numpy.ndarray, numpy.ndarray]
    """Steps and factors of the transform."""


def _tile(problem: Problem) -> int:
    return cheapest_tile(problem.out_w, problem.effective_kernel_w, VECTOR_BYTES)


def _pack(weight: torch.Tensor, problem: Problem) -> Spectra:
    tile = _tile(problem)
    lanes = VECTOR_BYTES // weight.element_size()
    taps = weight.detach().flatten(1).numpy()
    spread = numpy.zeros((problem.out_channels, problem.effective_kernel_w), dtype=taps.dtype)
    spread[:, :: problem.dilation_w] = taps
    _, steps, factors, _ = transform_of(tile)
    return Spectra(tile, spectra_of(spread, tile, lanes), (steps, factors.astype(taps.dtype)))


def _why_not(problem: Problem) -> str | None:
    if problem.groups != problem.in_channels:
        return f"needs one input channel a group, here are {problem.in_channels // problem.groups}"
    if problem.stride_w != 1:
        return "needs stride 1"
    return None


_packing = Packing("fft_sequence", _pack, _why_not)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    """Return the bytes of a tile of all lanes for each thread."""
    return VECTOR_BYTES * _tile(problem) * torch.get_num_threads()


def _executed_flops(problem: Problem) -> float:
    """Return the operations of the steps, 34 for 4 complex numbers, and of the products."""
    tile = _tile(problem)
    transform, *_ = transform_of(tile)
    tiles = -(-problem.out_w // (tile - problem.effective_kernel_w + 1))
    a_tile = transform.places * (2 * 8.5 * transform.steps + 6)
    return problem.batch_size * problem.out_channels * tiles * a_tile


@register(
    "fft_sequence",
    family="fft",
    nan_policy="plane",
    devices=("cpu",),
    via_float32=True,
    kind="conv1d",
    supports=_why_not,
    prepare=_packing.prepare,
    workspace_bytes=_workspace_bytes,
    executed_flops=_executed_flops,
)
def fft_sequence(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Overlap-save FFT of a few channels at a time, which stay in the cache; spectra packed.

    Shapes: input (N, C, L), weight packed or (K, 1, S), result (N, K, outputs), K a multiple of C.
    Cost: about 17·log4(B/2) + 6 operations for each two inputs of a tile of B, whatever S is.
    Extra memory: a tile of as many channels as a vector has lanes for each thread; the packed
    weight takes B numbers a channel.
    Source: impls/_sequence/plan.py; the purpose after M. Poli et al., "Hyena hierarchy" (2023).
    """
    packed = _packing.of_call(input, weight, bias, stride, padding, dilation, groups)
    problem, (tile, spectra, tables) = packed.problem, packed.content
    is_last = is_channels_last(input)
    x, y = flat(input.detach(), is_last), new_output(problem.output_shape, input.dtype, is_last)
    transform, *_ = transform_of(tile)
    c, k, length, outputs = problem.in_channels, problem.out_channels, problem.width, problem.out_w
    lanes, reach = VECTOR_BYTES // input.element_size(), problem.effective_kernel_w
    x_channel, x_time = (1, c) if is_last else (length, 1)
    y_channel, y_time = (1, k) if is_last else (outputs, 1)
    sizes = Sizes(
        lanes=lanes,
        images=problem.batch_size,
        channels=k,
        multiplier=k // c,
        length=length,
        out_length=outputs,
        reach=reach,
        pad=problem.pad_left,
        tile=tile,
        tiles=-(-outputs // (tile - reach + 1)),
        places=transform.places,
        steps=transform.steps,
        outer=transform.outer,
        inner=transform.inner,
        x_channel=x_channel,
        x_time=x_time,
        y_channel=y_channel,
        y_time=y_time,
    )
    added = spectra[:0] if bias is None else bias.detach().contiguous().numpy()
    threads = torch.get_num_threads()
    scratch = numpy.empty((threads, lanes * tile), dtype=x.dtype)
    arrays = x, spectra, added, flat(y, is_last), *tables, scratch
    convolve(threads, tuple(sizes), arrays)
    return y
