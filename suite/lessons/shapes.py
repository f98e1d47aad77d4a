"""The shapes that exercises are marked on: few, small, and each to tell other mistakes apart."""

from __future__ import annotations

from typing import Any

from suite.conditions import Scenario
from suite.problem import Problem


def _problem(size: tuple[int, int], kernel: tuple[int, int], **others: Any) -> Problem:
    pad = others.pop("padding", (0, 0))
    usual = {"batch_size": 1, "in_channels": 1, "out_channels": 1}
    stride, dilation = others.pop("stride", (1, 1)), others.pop("dilation", (1, 1))
    return Problem(
        height=size[0],
        width=size[1],
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=stride[0],
        stride_w=stride[1],
        dilation_h=dilation[0],
        dilation_w=dilation[1],
        pad_top=pad[0],
        pad_bottom=pad[0],
        pad_left=pad[1],
        pad_right=pad[1],
        **{**usual, **others},
    )


SHAPES = {
    "example": _problem((4, 4), (3, 3)),
    "one-channel": _problem((6, 9), (3, 2)),
    "square": _problem((7, 7), (3, 3)),
    "channels": _problem((6, 7), (3, 3), in_channels=3, out_channels=4),
    "images": _problem((5, 6), (2, 3), batch_size=3, in_channels=2, out_channels=3),
    "bias": _problem((5, 6), (3, 3), in_channels=3, out_channels=4, bias=True),
    "stride": _problem((9, 13), (3, 2), in_channels=2, out_channels=3, stride=(2, 3)),
    "padding": _problem((6, 7), (3, 4), in_channels=2, out_channels=3, padding=(1, 2)),
    "same": _problem((6, 6), (3, 3), in_channels=2, out_channels=3, padding=(1, 1)),
    "dilation": _problem((9, 11), (3, 3), in_channels=2, out_channels=3, dilation=(2, 3)),
    "groups": _problem((5, 6), (3, 3), in_channels=4, out_channels=6, groups=2),
    "depthwise": _problem((6, 7), (3, 3), in_channels=3, out_channels=3, groups=3),
    "multiplier": _problem((6, 8), (3, 5), in_channels=3, out_channels=6, groups=3),
    "depthwise-padded": _problem(
        (7, 7), (3, 3), in_channels=4, out_channels=4, groups=4, padding=(1, 1)
    ),
    "patches": _problem((6, 8), (2, 2), in_channels=3, out_channels=5, stride=(2, 2)),
    "oblong-patches": _problem(
        (6, 12), (2, 3), batch_size=2, in_channels=3, out_channels=4, stride=(2, 3)
    ),
    "pixels": _problem((4, 5), (1, 1), batch_size=2, in_channels=3, out_channels=4),
    "3x3-channels": _problem((8, 10), (3, 3), in_channels=3, out_channels=4),
    "3x3-odd": _problem((7, 9), (3, 3), in_channels=2, out_channels=3),
    "square-channels": _problem((6, 6), (3, 3), in_channels=3, out_channels=3),
    "stride-padding": _problem(
        (8, 9), (3, 3), in_channels=2, out_channels=3, stride=(2, 1), padding=(1, 1)
    ),
    "everything": _problem(
        (9, 8),
        (3, 2),
        batch_size=2,
        in_channels=4,
        out_channels=6,
        stride=(2, 1),
        padding=(1, 2),
        dilation=(1, 2),
        groups=2,
        bias=True,
    ),
}
"""Name → problem."""


def scenarios(names: tuple[str, ...]) -> list[Scenario]:
    return [Scenario(id=name, problem=SHAPES[name], source="lesson") for name in names]
