"""The product of spectra: for every frequency, a small complex matrix product over channels.

As a batch of matrix products, one for each frequency, it would need its data in an order that no
transform delivers, and the matrices are too small for a library. Here a vector's lanes are
neighbouring frequencies, as the transform left them, and every lane does its own product.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from impls._fourier import spread
from impls._kernels.pointers import View, at
from impls._kernels.spectra import MOST_ROWS, multiply_rows
from impls._kernels.vector import VECTOR_BYTES
from impls._numba import part
from impls._parallel import OnThreads
from suite import Problem


class Sizes(NamedTuple):
    """What the product of spectra has to know of a problem."""

    lanes: int
    """Frequencies of a vector."""
    images: int
    """N, the batch size."""
    tiles: int
    """T, tiles of a plane."""
    groups: int
    """g, the groups of channels."""
    group_in: int
    """C/g, input channels of a group."""
    group_out: int
    """K/g, output channels of a group."""
    bins: int
    """F, frequencies of a tile."""


def pack_spectra(weight: torch.Tensor, problem: Problem, size: tuple[int, int]) -> torch.Tensor:
    """Return the conjugated spectra in the order in which the product reads them, flat.

    (vector of frequencies, output channel, input channel, real and imaginary part, lane). The last
    vector ends with the last frequency and overlaps the one before it.
    """
    spectra = torch.fft.rfft2(spread(weight.detach(), problem.dilation), size).conj().flatten(2)
    lanes = VECTOR_BYTES // weight.element_size()
    bins = spectra.shape[2]
    starts = [min(first, bins - lanes) for first in range(0, bins, lanes)]
    frequencies = torch.tensor(starts).view(-1, 1) + torch.arange(lanes)
    parts = torch.view_as_real(spectra.resolve_conj())[:, :, frequencies]
    return parts.permute(2, 0, 1, 4, 3).contiguous().view(-1)


@OnThreads
def multiply_spectra(step, worker, threads, sizes, arrays):
    """Fill y[n][k][t] with Σ_c x[n][c][t]·w[k][c] for a share of the frequencies, all images n and
    tiles t.

    Shapes: x (N, C, T, F), y (N, K, T, F), complex numbers as pairs of reals, flat; w as
    `pack_spectra` returns it. `sizes` is a `Sizes`' values.
    """
    s = Sizes(*sizes)
    x, w, y = arrays
    vectors = (s.bins + s.lanes - 1) // s.lanes
    blocks = (s.group_out + MOST_ROWS - 1) // MOST_ROWS
    row = 2 * s.tiles * s.bins
    w_row = 2 * s.lanes * s.group_in
    first_vector, last_vector = part(vectors, worker, threads)
    for vector in range(first_vector, last_vector):
        frequency = 2 * min(vector * s.lanes, s.bins - s.lanes)
        for n in range(s.images * s.tiles):
            image, tile = n // s.tiles, n % s.tiles
            offset = 2 * tile * s.bins + frequency
            for group in range(s.groups):
                source = image * s.groups + group
                x_rows = View(at(x, source * s.group_in * row + offset), row)
                for block in range(blocks):
                    first, last = part(s.group_out, block, blocks)
                    k = source * s.group_out + first
                    y_rows = View(at(y, k * row + offset), row)
                    kernel = (vector * s.groups + group) * s.group_out + first
                    w_rows = View(at(w, kernel * w_row), w_row)
                    multiply_rows(last - first, y_rows, x_rows, w_rows, s.group_in)
