"""Large tensors a piece at a time, so that what is computed on the way needs little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

PIECE_ELEMENTS = 4 * 2**20
"""Of a result: 32 MiB in float64, so that a dozen tensors of them take less than 0.5 GiB."""

CACHED_ELEMENTS = 2**15 - 1
"""What a core keeps at hand of a dozen tensors in float64. From one element more on torch shares an
operation among threads, and waking those takes longer than this much work."""

Piece = tuple[slice, ...]


def pieces(shape: Sequence[int], most: int = PIECE_ELEMENTS) -> Iterator[Piece]:
    """Yield slices that together cover a tensor of this shape once, in order.

    None has more than `most` elements, unless one row of the last axis has.
    """
    if not shape or 0 in shape:
        return
    if len(shape) == 1:
        yield (slice(0, shape[0]),)
        return
    inner = 1
    for size in shape[1:]:
        inner *= size
    if inner > most:
        for index in range(shape[0]):
            for rest in pieces(shape[1:], most):
                yield (slice(index, index + 1), *rest)
        return
    step = max(1, most // inner)
    whole = tuple(slice(0, size) for size in shape[1:])
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])), *whole)
