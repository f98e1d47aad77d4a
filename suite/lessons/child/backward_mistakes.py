"""Mistakes in the gradient with respect to the input."""

from __future__ import annotations

from dataclasses import replace

import torch

from suite.lessons.child.calls import Call
from suite.lessons.child.changes import (
    ALL,
    of_kernel,
    of_sides,
    square,
    zeroed,
)
from suite.lessons.child.mistakes import Mistake


def _correlated(_y: torch.Tensor, call: Call) -> torch.Tensor | None:
    """Return the gradient spread with the kernel flipped once too often."""
    return replace(call, w=call.w.flip(2, 3)).result()


BACKWARD = (
    Mistake(
        "kernel not flipped",
        "the gradient is spread with the kernel flipped: written as a correlation of the padded "
        "gradient, the kernel has to be flipped once, and it was not (or twice)",
        "input row i receives from output row p through tap r = i + pad - p·stride",
        after=_correlated,
    ),
    Mistake(
        "stride left out",
        "the stride is ignored: the gradient's rows are taken to be neighbours",
        "output row p came from input rows p·stride - pad + r",
        lambda c: replace(c, stride=(1, 1)) if c.stride != (1, 1) else None,
    ),
    Mistake(
        "swapped stride",
        "the strides of rows and columns are exchanged",
        "stride is (rows, columns)",
        lambda c: replace(c, stride=c.stride[::-1]) if c.stride[0] != c.stride[1] else None,
    ),
    Mistake(
        "padding left out",
        "the padding is left out: every contribution lands too far down and to the right",
        "output row p came from input rows p·stride - pad + r",
        of_sides(lambda _: (0, 0, 0, 0)),
    ),
    Mistake(
        "swapped padding",
        "the paddings of rows and columns are exchanged",
        "padding is (rows, columns)",
        lambda c: (
            replace(c, sides=(*c.sides[2:], *c.sides[:2])) if c.sides[:2] != c.sides[2:] else None
        ),
    ),
    Mistake(
        "padding not cut off",
        "the result still has the padding's rows and columns",
        "what lands on the padding is dropped: crop H rows from row pad on",
        after=lambda y, c: (
            replace(
                c,
                sides=(0, 0, 0, 0),
                plane=(y.shape[2] + sum(c.sides[:2]), y.shape[3] + sum(c.sides[2:])),
            ).result()
            if any(c.sides)
            else None
        ),
    ),
    Mistake(
        "only the last contribution",
        "contributions overwrite each other where windows overlap",
        "a sum grows: += where there is =",
        of_kernel(lambda w: zeroed(w, ALL, slice(1), slice(1))),
    ),
    Mistake(
        "only the last output channel",
        "only the last output channel sends its gradient back",
        "an input element receives from all output channels: the sum runs over k",
        lambda c: (
            replace(c, x=torch.cat([torch.zeros_like(c.x[:, :-1]), c.x[:, -1:]], 1))
            if c.x.shape[1] > 1
            else None
        ),
    ),
    Mistake(
        "channels of the weight exchanged",
        "the weight's output and input channels are exchanged",
        "output channel k and input channel c meet in w[k, c]",
        lambda c: replace(c, w=c.w.transpose(0, 1)) if c.w.shape[0] == c.w.shape[1] > 1 else None,
    ),
    Mistake(
        "transposed kernel",
        "the kernel is transposed",
        "compare the order of the loops over r and s with the order of the indices of w",
        square(lambda w: w.transpose(2, 3)),
    ),
)
"""Mistakes in the gradient with respect to the input."""
