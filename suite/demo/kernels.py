"""The weights of the demonstration's filters, as rows of numbers."""

from __future__ import annotations

import math

Weights = tuple[tuple[float, ...], ...]

SOBEL: Weights = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
"""The horizontal gradient; transposed it is the vertical one."""
GAUSSIAN_SIZE, GAUSSIAN_SIGMA = 9, 2.0


def gaussian() -> Weights:
    """Return the blur, 9×9; its sum is 1."""
    reach = [offset - GAUSSIAN_SIZE // 2 for offset in range(GAUSSIAN_SIZE)]
    bell = [math.exp(-(offset**2) / (2 * GAUSSIAN_SIGMA**2)) for offset in reach]
    return tuple(tuple(a * b / sum(bell) ** 2 for b in bell) for a in bell)
