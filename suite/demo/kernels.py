"""The weights of the demonstration's filters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=np.float32)
"""The horizontal gradient; transposed it is the vertical one."""
GAUSSIAN_SIZE, GAUSSIAN_SIGMA = 9, 2.0


def gaussian() -> NDArray[np.float32]:
    """Return the blur, of shape (9, 9); its sum is 1."""
    reach = np.arange(GAUSSIAN_SIZE) - GAUSSIAN_SIZE // 2
    bell = np.exp(-(reach**2) / (2 * GAUSSIAN_SIGMA**2))
    blur: NDArray[np.float32] = (np.outer(bell, bell) / bell.sum() ** 2).astype(np.float32)
    return blur
