"""The product of spectra: for every frequency, a small complex matrix product over channels.

As a batch of matrix products, one for each frequency, it would need its data in an order that no
transform delivers, and the matrices are too small for a library. Here a vector's lanes are
neighbouring frequencies, as the transform left them, and every lane does its own product.
"""

from __future__ import annotations

import torch
from numba import njit, prange

from impls._kernels.products import complex_product
from impls._kernels.vector import VECTOR_BYTES
from suite import Problem

_rows_1, _rows_2 = complex_product(1), complex_product(2)
_rows_3, _rows_4 = complex_product(3), complex_product(4)
MOST_ROWS = 4


def spread(weight: torch.Tensor, problem: Problem) -> torch.Tensor:
    """Return the kernel with the zeros that dilation leaves between its taps."""
    if problem.dilation == (1, 1):
        return weight
    shape = (*weight.shape[:2], problem.effective_kernel_h, problem.effective_kernel_w)
    taps = weight.new_zeros(shape)
    taps[:, :, :: problem.dilation_h, :: problem.dilation_w] = weight
    return taps


def pack_spectra(weight: torch.Tensor, problem: Problem, size: tuple[int, int]) -> torch.Tensor:
    """Return the conjugated spectra in the order in which the product reads them, flat.

    (vector of frequencies, output channel, input channel, real and imaginary part, lane). The last
    vector ends with the last frequency and overlaps the one before it.
    """
    spectra = torch.fft.rfft2(spread(weight.detach(), problem), size).conj().flatten(2)
    lanes = VECTOR_BYTES // weight.element_size()
    bins = spectra.shape[2]
    starts = [min(first, bins - lanes) for first in range(0, bins, lanes)]
    frequencies = torch.tensor(starts).view(-1, 1) + torch.arange(lanes)
    parts = torch.view_as_real(spectra.resolve_conj())[:, :, frequencies]
    return parts.permute(2, 0, 1, 4, 3).contiguous().view(-1)


@njit(parallel=True, cache=True)
def multiply_spectra(threads, lanes, images, tiles, groups, group_in, group_out, bins, x, w, y):
    """Fill y[n][k][t] with Σ_c x[n][c][t]·w[k][c] for all frequencies, images n and tiles t.

    Shapes: x (N, C, T, F), y (N, K, T, F), complex numbers as pairs of reals, flat.
    """
    vectors = (bins + lanes - 1) // lanes
    blocks = (group_out + MOST_ROWS - 1) // MOST_ROWS
    row = 2 * tiles * bins
    w_row = 2 * lanes * group_in
    for worker in prange(threads):
        for vector in range(vectors * worker // threads, vectors * (worker + 1) // threads):
            frequency = 2 * min(vector * lanes, bins - lanes)
            for n in range(images * tiles):
                image, tile = n // tiles, n % tiles
                for group in range(groups):
                    source = image * groups + group
                    x_at = source * group_in * row + 2 * tile * bins + frequency
                    for block in range(blocks):
                        first = group_out * block // blocks
                        rows = group_out * (block + 1) // blocks - first
                        y_at = (source * group_out + first) * row + 2 * tile * bins + frequency
                        w_at = ((vector * groups + group) * group_out + first) * w_row
                        if rows == 4:
                            _rows_4(y, y_at, row, x, x_at, row, w, w_at, w_row, group_in)
                        elif rows == 3:
                            _rows_3(y, y_at, row, x, x_at, row, w, w_at, w_row, group_in)
                        elif rows == 2:
                            _rows_2(y, y_at, row, x, x_at, row, w, w_at, w_row, group_in)
                        else:
                            _rows_1(y, y_at, row, x, x_at, row, w, w_at, w_row, group_in)
