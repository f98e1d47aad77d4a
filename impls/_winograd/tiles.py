"""The transforms of every tile and kernel that the blocked Winograd rows offer, compiled."""

from __future__ import annotations

from impls._winograd.cook_toom import Filter, cook_toom
from impls._winograd.transforms import transforms

TAPS = (3, 5, 7)
TILES = {4: (3,), 6: (3, 5), 8: (3, 5, 7)}
"""Kernel sizes that a tile of n inputs serves; beyond them too little of it is output."""


def filter_of(tile: int, taps: int) -> Filter:
    """Return the filter along one axis: none of its own where the kernel has one tap."""
    return cook_toom(tile - taps + 1, taps) if taps > 1 else cook_toom(1, 1)


# (tile, taps along the rows, taps along the columns): square kernels, one row, one column.
SHAPES = tuple(
    (tile, *kernel)
    for tile, served in TILES.items()
    for taps in served
    for kernel in ((taps, taps), (1, taps), (taps, 1))
)
_FILTERS = [(filter_of(tile, r), filter_of(tile, s)) for tile, r, s in SHAPES]

to_products = transforms(
    "to_products", [(rows.input_matrix, columns.input_matrix) for rows, columns in _FILTERS]
)
to_outputs = transforms(
    "to_outputs",
    [(rows.output_matrix, columns.output_matrix) for rows, columns in _FILTERS],
    adds=True,
)
