"""What both FFT rows need: lengths without large prime factors, kernels without dilation."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch


@functools.cache
def next_smooth(length: int) -> int:
    """Return the smallest even number of at least `length` with no prime factor above 5.

    Even, as half a real spectrum then has a bin of its own at the highest frequency.
    """
    candidate = max(2, length + length % 2)
    while not _is_smooth(candidate):
        candidate += 2
    return candidate


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1


def spread(weight: torch.Tensor, dilation: Sequence[int]) -> torch.Tensor:
    """Return the kernel with the zeros that dilation leaves between its taps, along any axes."""
    if set(dilation) == {1}:
        return weight
    sizes = zip(weight.shape[2:], dilation, strict=True)
    shape = (*weight.shape[:2], *((size - 1) * step + 1 for size, step in sizes))
    taps = weight.new_zeros(shape)
    taps[(slice(None), slice(None), *(slice(None, None, step) for step in dilation))] = weight
    return taps
