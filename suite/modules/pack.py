"""A packed weight, and what tells whether it is still of the weight's present values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from suite.errors import Unsupported
from suite.modules.samples import samples_of
from suite.operands.epilogue import finishing
from suite.tuning.candidates import load_row
from suite.tuning.plan import Plan


class Pack:
    """A weight as the row of a plan reads it."""

    __slots__ = ("address", "content", "function", "held", "plan", "samples", "version", "weight")

    def __init__(self, plan: Plan, weight: torch.Tensor) -> None:
        """Pack a weight.

        Raises:
            Unsupported: the row is not there, or does not take this weight.
        """
        entry = load_row(plan.row)
        if entry is None:
            raise Unsupported("it is not registered here")
        if reason := entry.why_unavailable():
            raise Unsupported(reason)
        entry = entry.of_kind(plan.problem.kind, plan.conditions.dtype)
        self.plan = plan
        fuses = () if plan.apart else entry.epilogues
        self.function: Callable[..., Any] = finishing(entry.function, fuses, plan.problem.epilogue)
        """Takes a residual behind conv2d's own arguments, where the plan's problem adds one."""
        self.weight = weight
        self.version = weight._version
        self.address = weight.data_ptr()
        # As long as this is held, no other tensor comes to lie at the address.
        with torch.inference_mode(False):
            self.held = weight.detach()
        self.samples = samples_of(weight)
        self.content: Any = self.held
        if entry.prepare is not None:
            # Whatever the mode of this call, others will read it.
            with torch.inference_mode(False), torch.no_grad():
                problem = plan.problem.plain() if plan.apart else entry.asked(plan.problem)
                self.content = entry.prepare(self.held, problem)

    def is_of(self, weight: torch.Tensor) -> bool:
        """Return whether it was packed from this weight, and from its present values."""
        held = self.held
        is_same = (
            weight is self.weight
            and weight._version == self.version
            and weight.data_ptr() == self.address
            and (weight.dtype, weight.shape, weight.stride())
            == (held.dtype, held.shape, held.stride())
        )
        if not is_same:  # the samples may lie in memory that is the weight's no more
            return False
        view, expected = next(self.samples)
        return view.tobytes() == expected
