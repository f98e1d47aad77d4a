"""Kinds of problem: how many axes each has, and what those are called.

A kind is named as torch's function that solves it. Where something holds a number for each axis,
the outermost stands first.
"""

from __future__ import annotations

from collections.abc import Sequence

from suite.errors import UsageError

Pair = tuple[int, int]
Sizes = tuple[int, ...]
"""One number for each axis that a kind has."""

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
KINDS = (*CONVOLUTIONS, *TRANSPOSED)
AXES_OF = {kind: int(kind[-2]) for kind in KINDS}
AXIS_NAMES = ("depth", "height", "width")
"""Of the three that a problem has room for; a kind of fewer axes has the last ones."""
SUFFIXES = ("d", "h", "w")
SIDES = (("pad_front", "pad_back"), ("pad_top", "pad_bottom"), ("pad_left", "pad_right"))
FIELDS_OF_AXES: tuple[dict[str, int], ...] = tuple(
    {
        size: 1,
        f"kernel_{suffix}": 1,
        f"stride_{suffix}": 1,
        f"dilation_{suffix}": 1,
        **dict.fromkeys((*sides, f"output_pad_{suffix}"), 0),
    }
    for size, suffix, sides in zip(AXIS_NAMES, SUFFIXES, SIDES, strict=True)
)
"""A problem's fields of each axis → what they are where its kind has no such axis."""


def absent_fields(kind: str) -> frozenset[str]:
    """Return the fields of a problem that say nothing in a kind: of axes that it has not, and
    output padding unless it is transposed."""
    absent = 3 - AXES_OF[kind]
    output_pads = {f"output_pad_{suffix}" for suffix in SUFFIXES}
    return frozenset(name for of_axis in FIELDS_OF_AXES[:absent] for name in of_axis) | (
        frozenset() if kind in TRANSPOSED else frozenset(output_pads)
    )


def each_axis(value: int | Sequence[int], axes: int) -> Sizes:
    """Return one number for each axis, from what torch takes: one for all, or one for each.

    Raises:
        UsageError: another number of them.
    """
    if isinstance(value, int):
        return (value,) * axes
    sizes = tuple(value)
    if len(sizes) == 1:
        return sizes * axes
    if len(sizes) != axes:
        raise UsageError(f"found {list(sizes)}, expected one number or {axes}, one for each axis")
    return sizes


def axis_fields(name: str, sizes: Sequence[int]) -> dict[str, int]:
    """Return a problem's fields for the last axes: "stride" → {"stride_h": …, "stride_w": …}.

    The axes' own sizes are called depth, height and width. Fields without a default are given for
    axes that are not there, too.
    """
    absent = 3 - len(sizes)
    keys = AXIS_NAMES if name == "size" else [f"{name}_{suffix}" for suffix in SUFFIXES]
    usual = dict.fromkeys(keys[1:absent], 1) if name in ("size", "kernel") else {}
    return usual | dict(zip(keys[absent:], sizes, strict=True))


def side_fields(pads: Sequence[Pair]) -> dict[str, int]:
    """Return a problem's padding fields for the last axes, from (before, behind) of each."""
    sides = SIDES[3 - len(pads) :]
    return {
        name: size
        for names, pair in zip(sides, pads, strict=True)
        for name, size in zip(names, pair, strict=True)
    }
