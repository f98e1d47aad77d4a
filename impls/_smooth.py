"""Transform lengths that an FFT handles without large prime factors."""

from __future__ import annotations

import functools


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
