"""Convolution by FFT with packed weight spectra: whole planes, or tiles of a size chosen by cost.

The transforms are torch's. The product of the spectra, which at many channels holds most of the
work, is compiled (impls/_spectra.py), and the weight's spectra are computed once.

Overlap-save: to get m outputs along an axis with an r-tap kernel, transform B = m + r - 1 inputs;
the products wrap around, but only into the r - 1 results that are thrown away. Small tiles waste
the overlap, large ones need more memory for the weight's spectra, which are as large as a tile for
each pair of channels.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F

from impls._arguments import add_bias
from impls._axes import along_a_row, of_plane
from impls._fourier import next_smooth
from impls._kernels.vector import VECTOR_BYTES
from impls._packing import Packed, Packing
from impls._spectra import Sizes, multiply_spectra, pack_spectra
from suite import Problem, register
from suite.phases import INVERSE, PRODUCT, TRANSFORM, UNPACK

Pair = tuple[int, int]

# A vector of frequencies must fit into a spectrum.
LEAST_LENGTH = 8
LEAST_ROW_LENGTH = 64
"""Of tiles of a single row."""
TILE_LENGTHS = (16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512)
# Rates of one core, for choosing a tile only: transforms and products in operations a second, the
# memory in bytes a second. Measured on a core of about 75 GFLOP/s; only their ratios matter.
TRANSFORM_RATE, PRODUCT_RATE, MEMORY_RATE = 7e9, 30e9, 8e9


@dataclass(frozen=True)
class Tiling:
    """Tiles of `size` inputs, of which `step` outputs are kept, `count` of them along each axis."""

    size: Pair
    step: Pair
    count: Pair

    @property
    def tiles(self) -> int:
        return self.count[0] * self.count[1]

    @property
    def bins(self) -> int:
        """Frequencies kept of a real tile."""
        return self.size[0] * (self.size[1] // 2 + 1)


class Spectra(NamedTuple):
    """The weight's spectra, and the tiling that they are made for."""

    tiling: Tiling
    spectra: torch.Tensor
    """See `pack_spectra`."""


def whole_plane(problem: Problem) -> Tiling:
    """Return the one tile that holds the padded plane."""
    if problem.padded_h == 1:
        return _along_columns(problem)[0]
    size = tuple(max(LEAST_LENGTH, next_smooth(n)) for n in (problem.padded_h, problem.padded_w))
    return Tiling((size[0], size[1]), (size[0], size[1]), (1, 1))


@functools.lru_cache(maxsize=256)
def cheapest(problem: Problem) -> Tiling:
    """Return the tiling, square tiles or the whole plane, that the cost model likes best."""
    tilings = [whole_plane(problem)]
    if problem.padded_h == 1:
        return min(_along_columns(problem), key=lambda tiling: _seconds(problem, tiling))
    reach_h, reach_w = problem.effective_kernel_h - 1, problem.effective_kernel_w - 1
    rows, columns = problem.padded_h - reach_h, problem.padded_w - reach_w
    for length in TILE_LENGTHS:
        step = length - reach_h, length - reach_w
        if min(step) > 0 and length < max(problem.padded_h, problem.padded_w):
            count = -(-rows // step[0]), -(-columns // step[1])
            tilings.append(Tiling((length, length), step, count))
    return min(tilings, key=lambda tiling: _seconds(problem, tiling))


def _along_columns(problem: Problem) -> list[Tiling]:
    """Return the tilings of a single row, which is transformed along its columns alone."""
    columns = problem.padded_w - problem.effective_kernel_w + 1
    whole = next_smooth(max(LEAST_ROW_LENGTH, problem.padded_w))
    tilings = [Tiling((1, whole), (1, whole), (1, 1))]
    length = LEAST_ROW_LENGTH
    while length < whole:
        step = length - problem.effective_kernel_w + 1
        if step > 0:
            tilings.append(Tiling((1, length), (1, step), (1, -(-columns // step))))
        length *= 2
    return tilings


def _seconds(problem: Problem, tiling: Tiling) -> float:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    pairs = k * c // problem.groups
    area = tiling.size[0] * tiling.size[1]
    transforms = 2.5 * area * math.log2(area) * n * tiling.tiles * (c + k)
    products = 8.0 * tiling.bins * n * tiling.tiles * pairs
    moved = 8 * tiling.bins * (pairs + 3 * n * tiling.tiles * (c + k))
    return transforms / TRANSFORM_RATE + products / PRODUCT_RATE + moved / MEMORY_RATE


def _pack(choose, weight: torch.Tensor, problem: Problem) -> Spectra:
    tiling = choose(problem)
    return Spectra(tiling, pack_spectra(weight, problem, tiling.size))


_whole = Packing("fft_packed", functools.partial(_pack, whole_plane))
_tiled = Packing("fft_tiled", functools.partial(_pack, cheapest))


def _run(packed: Packed, input: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    problem, (tiling, w_spectra) = packed.problem, packed.content
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    if n == 0:
        return input.new_zeros(problem.output_shape)

    with TRANSFORM:
        x_spectra = torch.fft.rfft2(_tiles(input.detach(), problem, tiling), tiling.size)
    with PRODUCT:
        y_spectra = x_spectra.new_empty((n, k, *x_spectra.shape[2:]))
        sizes = Sizes(
            lanes=VECTOR_BYTES // input.element_size(),
            images=n,
            tiles=tiling.tiles,
            groups=problem.groups,
            group_in=c // problem.groups,
            group_out=k // problem.groups,
            bins=tiling.bins,
        )
        multiply_spectra(
            torch.get_num_threads(),
            tuple(sizes),
            (
                torch.view_as_real(x_spectra).view(-1).numpy(),
                w_spectra.numpy(),
                torch.view_as_real(y_spectra).view(-1).numpy(),
            ),
        )
    with INVERSE:
        y = torch.fft.irfft2(y_spectra, tiling.size)
    with UNPACK:
        # Gradients do not come through: not through the bias alone, either.
        return add_bias(_joined(y, problem, tiling), None if bias is None else bias.detach())


def _tiles(x: torch.Tensor, problem: Problem, tiling: Tiling) -> torch.Tensor:
    """Return the padded input as overlapping tiles (N, C, rows, columns, size, size)."""
    pad_h, pad_w = problem.padding
    if tiling.tiles == 1:
        return F.pad(x, (pad_w, pad_w, pad_h, pad_h))[:, :, None, None].contiguous()
    covered_h, covered_w = (
        (count - 1) * step + size
        for count, step, size in zip(tiling.count, tiling.step, tiling.size, strict=True)
    )
    below = max(0, covered_h - problem.height - pad_h)
    right = max(0, covered_w - problem.width - pad_w)
    padded = F.pad(x, (pad_w, right, pad_h, below))
    tiles = padded.unfold(2, tiling.size[0], tiling.step[0])
    return tiles.unfold(3, tiling.size[1], tiling.step[1])[
        :, :, : tiling.count[0], : tiling.count[1]
    ].contiguous()


def _joined(y: torch.Tensor, problem: Problem, tiling: Tiling) -> torch.Tensor:
    """Return the kept parts of all tiles side by side, every stride-th row and column of them."""
    n, k = problem.batch_size, problem.out_channels
    plane = y[:, :, 0, 0]
    if tiling.tiles > 1:
        kept = y[..., : tiling.step[0], : tiling.step[1]].permute(0, 1, 2, 4, 3, 5)
        rows, columns = (
            count * step for count, step in zip(tiling.count, tiling.step, strict=True)
        )
        plane = kept.reshape(n, k, rows, columns)
    rows = slice(0, (problem.out_h - 1) * problem.stride_h + 1, problem.stride_h)
    columns = slice(0, (problem.out_w - 1) * problem.stride_w + 1, problem.stride_w)
    return plane[:, :, rows, columns]


def _workspace_bytes(choose, problem: Problem, itemsize: int) -> int:
    """Return the bytes of tiles and spectra of inputs and outputs, and of the joined output."""
    tiling = choose(problem)
    planes = problem.batch_size * tiling.tiles * (problem.in_channels + problem.out_channels)
    area = tiling.size[0] * tiling.size[1]
    padded = problem.batch_size * problem.in_channels * problem.padded_h * problem.padded_w
    joined = problem.output_elements * problem.stride_h * problem.stride_w
    # The inverse transform works on a copy of its input.
    return itemsize * (planes * (area + 4 * tiling.bins) + 2 * padded + 2 * joined)


def _executed_flops(choose, problem: Problem) -> float:
    tiling = choose(problem)
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    area = tiling.size[0] * tiling.size[1]
    transforms = 2.5 * area * math.log2(area) * n * tiling.tiles * (c + k)
    return transforms + 8.0 * tiling.bins * n * tiling.tiles * k * (c // problem.groups)


def _register(packing: Packing, choose):
    return register(
        packing.row,
        family="fft",
        nan_policy="plane",
        devices=("cpu",),
        via_float32=True,
        prepare=packing.prepare,
        workspace_bytes=functools.partial(_workspace_bytes, choose),
        executed_flops=functools.partial(_executed_flops, choose),
    )


@_register(_whole, whole_plane)
def fft_packed(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """FFT of the whole padded plane, the weight's spectra computed once.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q).
    Cost: 8·F·N·K·C/g operations for the products of F frequencies, 2.5·L·log2(L) for each plane.
    Extra memory: the spectra of inputs and outputs; the packed weight takes 8·F·K·C/g bytes.
    Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional networks through
    FFTs" (2014), section 2.
    """
    packed = _whole.of_call(input, weight, bias, stride, padding, dilation, groups)
    return _run(packed, input, bias)


@_register(_tiled, cheapest)
def fft_tiled(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Overlap-save FFT: tiles of the size that a cost model chooses, the weight's spectra packed.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q).
    Cost: as fft_packed with T tiles of B×B in place of one plane, T·m² ≥ P·Q, m = B - R + 1.
    Extra memory: tiles and spectra, (B/m)² times the planes; 8·F·K·C/g bytes of packed weight.
    Source: A. Zlateski, Z. Jia, K. Li, F. Durand, "FFT convolutions are faster than Winograd on
    modern CPUs, here is why" (2018), section 3.
    """
    packed = _tiled.of_call(input, weight, bias, stride, padding, dilation, groups)
    return _run(packed, input, bias)


for _row, _packing, _choose in ((fft_packed, _whole, whole_plane), (fft_tiled, _tiled, cheapest)):
    _along, _along_packing = along_a_row(_row, _packing)
    register(
        _packing.row,
        family="fft",
        nan_policy="plane",
        devices=("cpu",),
        via_float32=True,
        kind="conv1d",
        prepare=_along_packing.prepare,
        workspace_bytes=of_plane(functools.partial(_workspace_bytes, _choose)),
        executed_flops=of_plane(functools.partial(_executed_flops, _choose)),
    )(_along)
