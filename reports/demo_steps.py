"""What the families of algorithms do on their way, shown on a corner of the photograph.

Each step is computed here, by the textbook, whatever the implementations do in detail: the
pictures explain, and the table is what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

PATCH = 12
"""Side of the piece that is large enough to see a pixel of; smaller in small pictures."""
LEAST = 4
"""Side of a tile: in less there is nothing to show."""
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


def framed_piece(grey: ArrayLike) -> tuple[int, int, int, int]:
    """Return row, column, height and width of the piece of a picture that the steps are about."""
    plane = np.asarray(grey, dtype=float)
    return Work(plane, plane, plane).box


@dataclass(frozen=True)
class Work:
    """What is filtered, with what."""

    plane: Array
    gradient: Array
    """3×3 weights."""
    blur: Array
    """A kernel large enough for a product of spectra to pay."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Row, column, height and width of the piece that the steps are about.

        The one with the most contrast along a row, where a gradient shows something.
        """
        height, width = (min(PATCH, side) for side in self.plane.shape)
        contrast = np.abs(np.diff(self.plane, axis=1))
        tops = range(0, self.plane.shape[0] - height + 1, 4)
        lefts = range(0, self.plane.shape[1] - width + 1, 4)
        corners = [(top, left) for top in tops for left in lefts]
        top, left = max(
            corners, key=lambda c: contrast[c[0] : c[0] + height, c[1] : c[1] + width - 1].sum()
        )
        return top, left, height, width

    @property
    def patch(self) -> Array:
        """The piece itself."""
        top, left, height, width = self.box
        return self.plane[top : top + height, left : left + width]


def ways(families: set[str], grey: ArrayLike, gradient: ArrayLike, blur: ArrayLike) -> list[Way]:
    """Return the ways of those families that have one, in a fixed order.

    Args:
        grey: the picture, of shape (H, W).
        gradient: 3×3 weights that three of the ways are shown with.
        blur: weights of a larger kernel, with which spectra are multiplied.
    """
    work = Work(*(np.asarray(values, dtype=float) for values in (grey, gradient, blur)))
    if min(work.plane.shape) < LEAST:
        return []
    return [way(work) for members, way in _WAYS if families & members]


def _windows(patch: Array) -> Array:
    """Return all 3×3 windows, of shape (rows, columns, 3, 3)."""
    return np.lib.stride_tricks.sliding_window_view(patch, (3, 3))


def _sliding(work: Work) -> Way:
    patch = work.patch
    sums = np.einsum("pqrs,rs->pq", _windows(patch), work.gradient)
    row, column = sums.shape[0] // 2, sums.shape[1] // 2
    done = sums.copy()
    done.ravel()[row * sums.shape[1] + column + 1 :] = np.nan
    window = patch[row : row + 3, column : column + 3]
    return Way(
        "loops, direct: the definition",
        "a window moves over the picture; its pixels times the weights, added up, are one pixel",
        (
            Panel("a window of 3×3 pixels", patch, signed=False, box=(row, column, 3, 3)),
            Panel("the weights", work.gradient),
            Panel("pixel × weight, 9 products", window * work.gradient),
            Panel("their sum is the next pixel", done, box=(row, column, 1, 1)),
        ),
    )


def _columns(work: Work) -> Way:
    patch = work.patch
    windows = _windows(patch)
    columns = windows.reshape(-1, 9).T
    weights = np.stack([work.gradient.ravel(), work.gradient.T.ravel()])
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


def _spectra(work: Work) -> Way:
    plane, blur = work.plane, work.blur
    spectrum = np.fft.fft2(plane)
    of_blur = np.fft.fft2(blur, plane.shape)
    pad = blur.shape[0] // 2
    blurred = np.roll(np.fft.ifft2(spectrum * of_blur).real, (-pad, -pad), axis=(0, 1))
    return Way(
        "fft: one product a frequency",
        "in the spectrum a convolution is a product: the blur dims the high frequencies",
        (
            Panel("spectrum of the picture", _brightness(spectrum), signed=False),
            Panel(
                f"spectrum of the {'×'.join(map(str, blur.shape))} blur",
                _brightness(of_blur),
                signed=False,
            ),
            Panel("their product", _brightness(spectrum * of_blur), signed=False),
            Panel("transformed back", blurred, signed=False),
        ),
    )


def _brightness(spectrum: NDArray[np.complex128]) -> Array:
    """Return a spectrum's magnitude as it is usually shown: logarithmic, low frequencies inside."""
    brightness: Array = np.log1p(1e3 * np.abs(np.fft.fftshift(spectrum)) / np.abs(spectrum).max())
    return brightness


def _tiles(work: Work) -> Way:
    patch = work.patch
    row, column = (side // 2 - 2 for side in patch.shape)
    tile = patch[row : row + 4, column : column + 4]
    of_tile = WINOGRAD_INPUT @ tile @ WINOGRAD_INPUT.T
    of_weights = WINOGRAD_KERNEL @ work.gradient @ WINOGRAD_KERNEL.T
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


_WAYS: tuple[tuple[set[str], Callable[[Work], Way]], ...] = (
    ({"loops", "direct", "depthwise"}, _sliding),
    ({"im2col", "gemm"}, _columns),
    ({"fft"}, _spectra),
    ({"winograd"}, _tiles),
)
