"""Mistakes that people make in convolutions, each as a change to a right one.

A wrong output is compared with what each of them would give on the same operands: whichever gives
all outputs that were found is what the mistake looks like. It needs no knowledge of the code, holds
for every shape, and two mistakes at once are one change after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from suite.lessons.child.calls import Call

Before = Callable[[Call], Call | None]
"""Changes what is computed; None where the mistake changes nothing about such a call."""
After = Callable[[torch.Tensor, Call], torch.Tensor | None]
"""Changes the result."""


@dataclass(frozen=True)
class Mistake:
    """One way to be wrong."""

    name: str
    says: str
    look: str
    before: Before | None = None
    after: After | None = None


def result_of(call: Call, mistakes: tuple[Mistake, ...]) -> torch.Tensor | None:
    """Return what these mistakes, made together, make of a call; None where they have no part."""
    takes_part = False
    for mistake in mistakes:
        if mistake.before and (changed := mistake.before(call)) is not None:
            call, takes_part = changed, True
    y = call.result()
    for mistake in mistakes:
        if mistake.after and (changed_y := mistake.after(y, call)) is not None:
            y, takes_part = changed_y, True
    return y if takes_part else None
