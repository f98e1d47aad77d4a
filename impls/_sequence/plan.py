"""Long depthwise filters along a sequence: tiles, and a transform that needs no complex input.

A tile of B inputs is the polynomial x(t) = Σ x[n]·tⁿ. Multiplied by the filter's modulo t^B + 1,
all but the first R - 1 coefficients are outputs: what wraps around falls into those alone, its
sign does not matter, and they are thrown away (overlap-save). Over the complex numbers

    t^B + 1 = (t^(B/2) - i)·(t^(B/2) + i)

and what a real polynomial is modulo the second factor is the conjugate of what it is modulo the
first. So half of it is enough: B/2 complex numbers x[n] + i·x[n + B/2], read from the two halves of
a tile, and the product read back from where they came. The first factor falls apart into
(t^(B/8) - c)·(t^(B/8) - i·c)·… and so on, down to single roots (impls/_kernels/butterflies.py);
multiplied there, number by number, the product is put together the same way back.

Sources: R. Crandall, B. Fagin, "Discrete weighted transforms and large-integer arithmetic" (1994),
section 6, for the half; D. Bernstein, "Multidigit multiplication for mathematicians" (2001).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy

LEAST_TILE, MOST_TILE = 64, 2**22
"""Real numbers of a tile."""
INNER = 256
"""Places of a block that stays in a core's first cache: it goes through all steps left at once."""
NEAR_BYTES = 2**19
"""A tile of all lanes that fits into a core's own cache."""
FAR_COST = 1.4
"""What the operations on a larger one cost in comparison. Measured: 1.3 to 1.6."""
FIXED_STEPS = 6
"""What loading, multiplying and storing cost, in steps by two."""


class Transform(NamedTuple):
    """How a tile is taken apart; all sizes in places, each of them one complex vector."""

    places: int
    """B/2"""
    steps: int
    """How often it is taken apart."""
    outer: int
    """Steps before blocks stay in the first cache."""
    inner: int
    """Places of the blocks that the outer steps leave."""


@functools.cache
def transform_of(tile: int) -> tuple[Transform, numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Return how a tile is taken apart, and tables of float64 and int64.

    Returns:
        the transform; (step, 3): radix, places of a part, where its factors begin; the factors,
        flat; and the number of each place's root e^(2πi(n + 1/4)/places).
    """
    places = tile // 2
    radices = [4] * (int(math.log2(places)) // 2) + [2] * (int(math.log2(places)) % 2)
    turns = numpy.array([0.25])
    """The constant of each block's modulus t^size - e^(2πi·turn)."""
    size, begin, steps, factors = places, 0, [], []
    for radix in radices:
        size //= radix
        powers = numpy.multiply.outer(turns / radix, numpy.arange(1, radix))
        roots = numpy.exp(2j * numpy.pi * powers)
        steps.append((radix, size, begin))
        factors.append(roots.view(numpy.float64).reshape(-1))
        begin += factors[-1].size
        turns = numpy.add.outer(turns, numpy.arange(radix)).reshape(-1) / radix
    sizes = [places, *(size for _, size, _ in steps)]
    outer = sum(1 for size in sizes[:-1] if size > INNER)
    numbers = numpy.rint(turns * places - 0.25).astype(numpy.int64) % places
    transform = Transform(places, len(steps), outer, sizes[outer])
    return transform, numpy.array(steps, dtype=numpy.int64), numpy.concatenate(factors), numbers


def cheapest_tile(outputs: int, reach: int, lane_bytes: int) -> int:
    """Return the length of tiles, a power of two, that a filter over `reach` inputs takes.

    Args:
        lane_bytes: bytes of a vector.
    """
    least = max(LEAST_TILE, 2 ** math.ceil(math.log2(2 * reach)) // 2)
    tiles = [least]
    while tiles[-1] < outputs + reach - 1:
        tiles.append(2 * tiles[-1])
    return min(
        (tile for tile in tiles if tile >= reach),
        key=lambda tile: seconds(tile, outputs, reach, lane_bytes),
    )


def seconds(tile: int, outputs: int, reach: int, lane_bytes: int) -> float:
    """Return the cost of all tiles of a sequence, in operations of one unit."""
    count = -(-outputs // (tile - reach + 1))
    far = FAR_COST if tile * lane_bytes > NEAR_BYTES else 1.0
    return count * tile * (math.log2(tile) + FIXED_STEPS) * far


def spectra_of(taps: numpy.ndarray, tile: int, lanes: int) -> numpy.ndarray:
    """Return the reversed filters at every root, in the order of places, over their number.

    Shapes: taps (K, reach), result (⌈K/lanes⌉, place, 2, lanes), flat, in the type of `taps`.
    Computed in float64 and rounded once.
    """
    transform, *_, numbers = transform_of(tile)
    places = transform.places
    channels = -(-taps.shape[0] // lanes) * lanes
    result = numpy.zeros((channels // lanes, places, 2, lanes), dtype=taps.dtype)
    turn = numpy.exp(2j * numpy.pi * numpy.arange(places) / (4 * places))
    for group in range(channels // lanes):
        own = taps[group * lanes : (group + 1) * lanes, ::-1].astype(numpy.float64)
        padded = numpy.zeros((own.shape[0], tile))
        padded[:, : own.shape[1]] = own
        halves = (padded[:, :places] + 1j * padded[:, places:]) * turn
        # At e^(2πi(n + 1/4)/places); over `places`, as taking apart and together multiplies by it.
        at_roots = numpy.fft.ifft(halves)[:, numbers].T
        result[group, :, 0, : own.shape[0]] = at_roots.real
        result[group, :, 1, : own.shape[0]] = at_roots.imag
    return result.reshape(-1)
