"""What the families of algorithms do on their way, shown on a corner of the photograph.

Each step is computed here, by the textbook, whatever the implementations do in detail: the
pictures explain, and the table is what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.demo.kernels import SOBEL, gaussian

Array = NDArray[np.float64]

PATCH = 12
"""Side of the piece that is large enough to see a pixel of."""
WINOGRAD_INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], dtype=float)
WINOGRAD_KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
WINOGRAD_OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], dtype=float)
"""Bᵀ, G and Aᵀ of F(2×2, 3×3): Lavin & Gray, arXiv 1509.09308, section 4.1."""


@dataclass(frozen=True)
class Panel:
    """One picture of a way of computing."""

    caption: str
    values: Array
    """NaN where there is nothing yet."""
    signed: bool = True
    box: tuple[int, int, int, int] | None = None
    """Row, column, height and width of what is pointed at."""


@dataclass(frozen=True)
class Way:
    """How a family computes, in four panels."""

    title: str
    sentence: str
    panels: tuple[Panel, Panel, Panel, Panel]


def ways(families: set[str], grey: NDArray[np.float32]) -> list[Way]:
    """Return the ways of those families that have one, in a fixed order."""
    plane = np.asarray(grey, dtype=float)
    shown = []
    for members, way in _WAYS:
        if families & members and min(plane.shape) >= PATCH:
            shown.append(way(plane))
    return shown


def _patch(plane: Array) -> Array:
    """Return the piece with the most contrast along a row, where a gradient shows something."""
    contrast = np.abs(np.diff(plane, axis=1))
    tops = range(0, plane.shape[0] - PATCH + 1, 4)
    lefts = range(0, plane.shape[1] - PATCH + 1, 4)
    corners = [(top, left) for top in tops for left in lefts]
    top, left = max(
        corners, key=lambda c: contrast[c[0] : c[0] + PATCH, c[1] : c[1] + PATCH - 1].sum()
    )
    return plane[top : top + PATCH, left : left + PATCH]


def _windows(patch: Array) -> Array:
    """Return all 3×3 windows, of shape (rows, columns, 3, 3)."""
    return np.lib.stride_tricks.sliding_window_view(patch, (3, 3))


def _sliding(plane: Array) -> Way:
    patch = _patch(plane)
    sums = np.einsum("pqrs,rs->pq", _windows(patch), SOBEL)
    row, column = sums.shape[0] // 2, sums.shape[1] // 2
    done = sums.copy()
    done.ravel()[row * sums.shape[1] + column + 1 :] = np.nan
    window = patch[row : row + 3, column : column + 3]
    return Way(
        "loops, direct: the definition",
        "a window moves over the picture; its pixels times the weights, added up, are one pixel",
        (
            Panel("a window of 3×3 pixels", patch, signed=False, box=(row, column, 3, 3)),
            Panel("the weights", SOBEL.astype(float)),
            Panel("pixel × weight, 9 products", window * SOBEL),
            Panel("their sum is the next pixel", done, box=(row, column, 1, 1)),
        ),
    )


def _columns(plane: Array) -> Way:
    patch = _patch(plane)
    windows = _windows(patch)
    columns = windows.reshape(-1, 9).T
    weights = np.stack([SOBEL.ravel(), SOBEL.T.ravel()]).astype(float)
    product = weights @ columns
    return Way(
        "im2col, gemm: a matrix product",
        "every window becomes a column, so that one matrix product does all sums at once",
        (
            Panel("the picture", patch, signed=False, box=(0, 0, 3, 3)),
            Panel("its windows as columns", columns, signed=False, box=(0, 0, 9, 1)),
            Panel("the weights as rows", weights),
            Panel("rows × columns, folded back", product[0].reshape(windows.shape[:2])),
        ),
    )


def _spectra(plane: Array) -> Way:
    blur = gaussian().astype(float)
    spectrum = np.fft.fft2(plane)
    of_blur = np.fft.fft2(blur, plane.shape)
    pad = blur.shape[0] // 2
    blurred = np.roll(np.fft.ifft2(spectrum * of_blur).real, (-pad, -pad), axis=(0, 1))
    return Way(
        "fft: one product a frequency",
        "in the spectrum a convolution is a product: the blur dims the high frequencies",
        (
            Panel("spectrum of the picture", _brightness(spectrum), signed=False),
            Panel("spectrum of the 9×9 blur", _brightness(of_blur), signed=False),
            Panel("their product", _brightness(spectrum * of_blur), signed=False),
            Panel("transformed back", blurred, signed=False),
        ),
    )


def _brightness(spectrum: NDArray[np.complex128]) -> Array:
    """Return a spectrum's magnitude as it is usually shown: logarithmic, low frequencies inside."""
    brightness: Array = np.log1p(1e3 * np.abs(np.fft.fftshift(spectrum)) / np.abs(spectrum).max())
    return brightness


def _tiles(plane: Array) -> Way:
    patch = _patch(plane)
    row = column = PATCH // 2 - 2
    tile = patch[row : row + 4, column : column + 4]
    of_tile = WINOGRAD_INPUT @ tile @ WINOGRAD_INPUT.T
    of_weights = WINOGRAD_KERNEL @ SOBEL @ WINOGRAD_KERNEL.T
    sums = WINOGRAD_OUTPUT @ (of_tile * of_weights) @ WINOGRAD_OUTPUT.T
    return Way(
        "winograd: tiles",
        "sums and differences of a 4×4 tile and of the weights: 16 products in place of 36",
        (
            Panel("a tile of 4×4 pixels", patch, signed=False, box=(row, column, 4, 4)),
            Panel("Bᵀ·tile·B: additions only", of_tile),
            Panel("G·weights·Gᵀ: once for all tiles", of_weights),
            Panel("16 products, added to 4 pixels", sums),
        ),
    )


_WAYS: tuple[tuple[set[str], Callable[[Array], Way]], ...] = (
    ({"loops", "direct", "depthwise"}, _sliding),
    ({"im2col", "gemm"}, _columns),
    ({"fft"}, _spectra),
    ({"winograd"}, _tiles),
)
