"""A registered function with what it declares, and what it answers about a problem."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from suite.conditions import SIXTEEN_BIT, Scenario
from suite.declaration import Declaration
from suite.epilogues import EPILOGUES
from suite.errors import UsageError
from suite.kinds import KINDS
from suite.problem import Problem
from suite.ranges import shown
from suite.registry.widening import (
    ITEMSIZE,
    WIDE_ITEMSIZE,
    copies_bytes,
    widened,
    widened_prepare,
)

MOST_AMOUNT = 2.0**63
"""Of bytes and operations that an implementation's formulas may give."""

MOST_TEXT = 2000
"""Characters of a reason or a summary; a plug-in could give a gigabyte."""

SIGNS_OF_ONE_NUMBER = ("'int' object is not", "non-iterable int object", "has no len()")
"""In the words of a TypeError: something expected a pair."""


@dataclass(frozen=True, kw_only=True)
class Implementation(Declaration):
    """A registered function, what it declares about itself, and what it tells when asked."""

    function: Callable[..., Any]
    supports: Callable[[Problem], str | None] | None = None
    prepare: Callable[[Any, Problem], Any] | None = None
    available: Callable[[], str | None] | None = None
    workspace_bytes: Callable[[Problem, int], float] | None = None
    executed_flops: Callable[[Problem], float] | None = None
    accuracy_note: Callable[[Any, Problem], str] | None = None
    """For methods whose error depends on the weights: a sentence for the report."""
    adapt: str | None = None
    """How it takes conv2d's arguments, where its signature is another."""
    via_float32: bool = False
    """Whether it computes 16-bit types in float32, see `suite.registry.widening`."""
    others: tuple[Implementation, ...] = ()
    """Functions that were registered under the same name for other kinds."""

    @property
    def declaration(self) -> Declaration:
        """What of it can be told to another process, of all that bear its name."""
        own = (field.name for field in dataclasses.fields(Declaration))
        values = {name: getattr(self, name) for name in own}
        both = (self, *self.others)
        values["packs"] = any(each.packs for each in both)
        values["epilogues"] = tuple(
            name for name in EPILOGUES if any(name in each.epilogues for each in both)
        )
        values["kinds"] = tuple(kind for kind in KINDS if any(kind in e.kinds for e in both))
        return Declaration(**values)

    def of_kind(self, kind: str, dtype: str = "") -> Implementation:
        """Return the function of this name for a kind; this one where there is none.

        Args:
            dtype: what its operands will be; only 16-bit types make a difference.
        """
        own = next((each for each in (self, *self.others) if kind in each.kinds), self)
        if not own.is_widened(dtype):
            return own
        return dataclasses.replace(
            own,
            function=widened(own.function),
            prepare=widened_prepare(own.prepare) if own.prepare else None,
            via_float32=False,
        )

    def is_widened(self, dtype: str) -> bool:
        """Return whether it computes this type in float32."""
        return self.via_float32 and dtype in SIXTEEN_BIT

    def declared_workspace_bytes(self, problem: Problem, itemsize: int) -> int | None:
        """Return the extra memory by its own formula, None where it declares none.

        Raises:
            UsageError: the formula gives what no number of bytes can be.
        """
        own = self.of_kind(problem.kind)
        if own.workspace_bytes is None:
            return None
        copied_bytes = 0
        if own.via_float32 and itemsize == ITEMSIZE:
            itemsize = WIDE_ITEMSIZE
            copied_bytes = copies_bytes(problem, weight=own.prepare is None)
        own_bytes = self._amount("workspace_bytes", own.workspace_bytes(problem, itemsize))
        return int(own_bytes) + copied_bytes

    def declared_executed_flops(self, problem: Problem) -> float | None:
        """Return the executed operations by its own formula, None where it declares none.

        Raises:
            UsageError: the formula gives what no number of operations can be.
        """
        formula = self.of_kind(problem.kind).executed_flops
        if formula is None:
            return None
        return self._amount("executed_flops", formula(problem))

    def _amount(self, key: str, value: Any) -> float:
        try:
            amount = float(value)
        except (TypeError, ValueError, OverflowError):
            amount = math.nan
        if not 0 <= amount < MOST_AMOUNT:
            raise UsageError(
                f'{self.source}: {key} of "{self.name}" returned {shown(value)}; it has to return '
                f"a number from 0 to {MOST_AMOUNT:.3g}"
            )
        return amount

    def hint_for(self, error: Exception) -> str:
        """Return what may cure an exception of its own, or an empty text."""
        if self.adapt is None or not isinstance(error, TypeError) or "pair(" in self.adapt:
            return ""
        if not any(sign in str(error) for sign in SIGNS_OF_ONE_NUMBER):
            return ""
        return "; adapt gives it one number for both axes, and pair(stride) gives it both"

    def why_unavailable(self) -> str | None:
        """Return why it cannot run on this machine at all, or None."""
        return _reason(self.available()) if self.available else None

    def why_unsupported(self, scenario: Scenario) -> str | None:
        """Return why it does not cover `scenario`, or None."""
        if reason := self.of_kind(scenario.problem.kind).why_unavailable():
            return reason
        device = scenario.device.partition(":")[0]
        if device not in self.devices:
            return f"runs on {' and '.join(self.devices)} only"
        if scenario.dtype not in self.dtypes:
            return f"computes {', '.join(self.dtypes)} only"
        return self.why_unsupported_problem(scenario.problem.as_called())

    def asked(self, problem: Problem) -> Problem:
        """Return what it is asked to compute: the epilogue only where it fuses that one."""
        fused = self.of_kind(problem.kind).epilogues
        return problem if problem.epilogue in fused else problem.plain()

    def why_unsupported_problem(self, problem: Problem) -> str | None:
        """Return why it does not cover `problem`, or None. No function sees another kind.

        An epilogue that it does not fuse is nothing that it has to cover.
        """
        own = self.of_kind(problem.kind)
        if problem.kind not in own.kinds:
            return f"computes {' and '.join(self.declaration.kinds)} only"
        problem = self.asked(problem)
        if problem.in_channels == 0:
            # torch's own conv2d returns a tensor without channels here.
            return "an input without channels"
        return _reason(own.supports(problem)) if own.supports else None


def _reason(reason: Any) -> str | None:
    """Return what a plug-in gave for a reason as one; nothing and empty texts are none."""
    return shortened(str(reason)) if reason else None


def shortened(text: str) -> str:
    """Return a text that a table can show and a result can hold."""
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"
