"""Problems of every kind, drawn by Hypothesis, and operands for them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from hypothesis import strategies as st

from suite.errors import UsageError
from suite.kinds import AXES_OF, KINDS, TRANSPOSED, axis_fields, side_fields
from suite.operands.tensors import Operands
from suite.problem import Problem


@st.composite
def problems(
    draw: st.DrawFn, kinds: Sequence[str] = KINDS, channels_a_group: Sequence[int] = (1, 2, 3)
) -> Problem:
    """Draw a problem of any kind, or of these."""
    kind = draw(st.sampled_from(kinds))
    axes, transposed = AXES_OF[kind], kind in TRANSPOSED
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    pad = st.integers(0, 3)
    channels = st.sampled_from(channels_a_group)
    # Fast rows want a stride of 1 and no dilation.
    steps, dilations = st.sampled_from([1, 1, 1, 2, 3]), st.sampled_from([1, 1, 2])

    def each(numbers: st.SearchStrategy[int]) -> list[int]:
        return [draw(numbers) for _ in range(axes)]

    pads = [(size, size) for size in each(pad)]
    if not transposed:
        pads = [(before, draw(pad)) for before, _ in pads]
    kernel = each(st.integers(1, 4 if axes < 3 else 3))
    stride, dilation = each(steps), each(dilations)
    output_pad = each(st.integers(0, 2)) if transposed else [0] * axes
    # Patches, which some rows want alone, are seldom drawn by chance.
    if draw(st.sampled_from([False, False, True])):
        stride, dilation = kernel, [1] * axes
        pads, output_pad = [(0, 0)] * axes, [0] * axes
    try:
        return Problem(
            batch_size=draw(st.integers(0, 3)),
            in_channels=groups * draw(channels),
            out_channels=groups * draw(channels),
            groups=groups,
            bias=draw(st.booleans()),
            kind=kind,
            **axis_fields("size", each(st.integers(1, 9 if axes < 3 else 5))),
            **axis_fields("kernel", kernel),
            **axis_fields("stride", stride),
            **axis_fields("dilation", dilation),
            **axis_fields("output_pad", output_pad),
            **side_fields(pads),
        )
    except UsageError:
        return draw(problems(kinds, channels_a_group))


def operands_of(problem: Problem, direction: str) -> Operands:
    def normal(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64)

    return Operands(
        normal(problem.input_shape),
        normal(problem.weight_shape),
        normal((problem.out_channels,)) if problem.bias else None,
        normal(problem.output_shape) if direction != "forward" else None,
    )
