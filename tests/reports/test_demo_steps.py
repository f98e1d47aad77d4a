"""The steps that `demo` draws are those of a convolution: each way ends in the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from reports.demo_steps import LEAST, PATCH, Way, ways
from suite.demo import kernels

SOBEL, BLUR = np.array(kernels.SOBEL), np.array(kernels.gaussian())
GREY = np.random.default_rng(1).random((40, 36), dtype=np.float32)


def way_of(family: str) -> Way:
    (way,) = ways({family}, GREY, SOBEL, BLUR)
    return way


def panels(family: str) -> list[np.ndarray]:
    return [panel.values for panel in way_of(family).panels]


def correlated(plane: np.ndarray, weights: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(plane, weights.shape)
    return (windows * weights).sum(axis=(2, 3))


def test_a_window_times_the_weights_is_the_pixel_that_was_added_last():
    patch, weights, products, done = panels("loops")
    added = done[~np.isnan(done)]
    assert added[-1] == pytest.approx(products.sum())
    assert added == pytest.approx(correlated(patch, weights).ravel()[: len(added)])


def test_rows_times_columns_are_the_filtered_picture():
    patch, columns, weights, product = panels("im2col")
    assert columns.shape == (9, (PATCH - 2) ** 2)
    assert product == pytest.approx(correlated(patch, SOBEL))
    assert weights[0] == pytest.approx(SOBEL.ravel())


def test_the_product_of_spectra_is_the_blur():
    blurred = panels("fft")[-1]
    inner = blurred[4:-4, 4:-4]
    assert inner == pytest.approx(correlated(GREY.astype(float), BLUR))


def test_sixteen_products_make_the_four_pixels_of_a_tile():
    patch, _, _, sums = panels("winograd")
    row, column, height, width = way_of("winograd").panels[0].box
    assert sums == pytest.approx(
        correlated(patch[row : row + height, column : column + width], SOBEL), abs=1e-6
    )


def test_a_picture_smaller_than_a_piece_is_shown_whole():
    (way,) = ways({"im2col"}, GREY[: PATCH - 1], SOBEL, BLUR)
    patch, _, _, product = (panel.values for panel in way.panels)
    assert patch.shape == (PATCH - 1, PATCH)
    assert product == pytest.approx(correlated(patch, SOBEL))


def test_a_picture_too_small_for_a_tile_has_no_steps():
    assert ways({"loops", "fft"}, GREY[: LEAST - 1], SOBEL, BLUR) == []
