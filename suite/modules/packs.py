"""The packs of one module: made on the first call that a plan fits, dropped when they are stale."""

from __future__ import annotations

import itertools
import threading
import warnings
import weakref
from collections.abc import Iterable
from typing import Any

import torch

from suite.errors import Unsupported
from suite.modules.arguments import DTYPES, Arguments
from suite.modules.pack import Pack
from suite.modules.ready import Ready
from suite.modules.surroundings import is_plain, needs_gradients, wants_torch
from suite.operands.tensors import formats_of
from suite.tuning.plan import Plan, fingerprint_here

MOST_KEPT = 4
"""Kinds of calls whose packs are kept, the last used: a pack may be larger than its weight."""
WORTHWHILE_CALLS = 8
"""A pack that served fewer, when its weight changes, was not worth making."""
MOST_WAITING_CALLS = 63


_by_name: weakref.WeakValueDictionary[str, Packs] = weakref.WeakValueDictionary()
_numbers = itertools.count()


class Packs:
    """The plans of a module, and what was packed for them."""

    def __init__(self, plans: Iterable[Plan], arguments: Arguments) -> None:
        self.plans = tuple(plans)
        self.rows = tuple(dict.fromkeys(plan.row.name for plan in self.plans))
        self.arguments = arguments
        self.name = f"layer {next(_numbers)}"
        """By which compiled graphs find it.

        A process that builds the same modules finds what an earlier one compiled. Where a number
        means another layer, no harm is done: its packs refuse what is not their weight.
        """
        _by_name[self.name] = self
        self._plans = {_call_of(plan): plan for plan in self.plans}
        self._latest: Ready | None = None
        """The last used, once it has proved worthwhile: until then calls are counted."""
        self._kept: list[Ready] = []
        """The last used first."""
        self._refused: set[Plan] = set()
        self._waiting_calls = self._patience = 0
        self._lock = threading.Lock()

    @staticmethod
    def named(name: str) -> Packs | None:
        """Return the packs of that name, None where their module is gone."""
        return _by_name.get(name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and files have the plans, and nothing that was packed."""
        return Packs, (self.plans, self.arguments)

    @property
    def packs(self) -> list[Pack]:
        """The packs that are kept, each once."""
        return list({id(ready.pack): ready.pack for ready in self._kept}.values())

    def forget(self) -> None:
        """Drop every pack; the next call that a plan fits packs anew."""
        with self._lock:
            self._latest, self._kept = None, []
            self._refused.clear()
            self._waiting_calls = self._patience = 0

    def output(
        self, input: Any, weight: Any, bias: Any, residual: Any = None
    ) -> torch.Tensor | None:
        """Return a call's output, its weight packed where a plan fits; None where torch has to."""
        ready, output = self._latest, None
        if ready is not None and ready.takes(input, weight, bias, residual):
            output = ready.output(input, bias, residual)
        if output is None:
            return self._output_of_another(input, weight, bias, residual)
        return output

    def _output_of_another(
        self, input: Any, weight: Any, bias: Any, residual: Any
    ) -> torch.Tensor | None:
        """Return the output of a call that is not of the kind used last."""
        # What training needs comes first: there it is the price of every call.
        if not _are_tensors(input, weight, bias, residual):
            return None
        if needs_gradients(input, weight, bias, residual):
            return None
        if wants_torch() or not _can_be_packed(input, weight, bias, residual):
            return None
        with self._lock:
            self._drop_failed()
            self._drop_stale(weight)
            operands = input, weight, bias, residual
            ready = next((r for r in self._kept if r.takes(*operands)), None)
            ready = ready or self._packed_now(*operands)
            if ready is None:
                return None
            ready.calls += 1
            self._latest = ready if ready.calls >= WORTHWHILE_CALLS else None
            others = [other for other in self._kept if other is not ready]
            self._kept = [ready, *others][:MOST_KEPT]
        return ready.output(input, bias, residual)

    def _drop_failed(self) -> None:
        for ready in self._kept:
            if ready.failure is not None:
                self._refuse(ready.pack.plan, ready.failure)

    def _drop_stale(self, weight: torch.Tensor) -> None:
        """Drop what was packed of another weight, or of other values.

        Where weights change every few calls, packing takes longer than it saves: then more and
        more calls are left to torch before the next attempt.
        """
        stale = {id(pack) for pack in self.packs if not pack.is_of(weight)}
        if not stale:
            return
        calls = sum(ready.calls for ready in self._kept if id(ready.pack) in stale)
        was_wasted = calls < WORTHWHILE_CALLS
        self._patience = min(2 * self._patience + 1, MOST_WAITING_CALLS) if was_wasted else 0
        self._waiting_calls = self._patience
        self._kept = [ready for ready in self._kept if id(ready.pack) not in stale]
        self._latest = None

    def _packed_now(
        self,
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        residual: torch.Tensor | None,
    ) -> Ready | None:
        plan = self._plan_for(input, weight, bias)
        if plan is None or plan in self._refused:
            return None
        added = None if residual is None else tuple(residual.shape)
        if added != (plan.problem.output_shape if plan.problem.residual_elements else None):
            return None
        if self._waiting_calls:
            self._waiting_calls -= 1
            return None
        try:
            pack = next((pack for pack in self.packs if pack.plan == plan), None)
            return Ready(pack or Pack(plan, weight), self.arguments, input, bias, residual)
        except Exception as error:  # whatever is wrong with the row, torch can
            self._refuse(plan, error)
            return None

    def _plan_for(
        self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> Plan | None:
        n, c, h, w = input.shape
        call = (
            self.arguments.padded_shape((n, c, h, w)),
            tuple(weight.shape),
            bias is not None,
            self.arguments.of_conv2d,
            DTYPES[input.dtype],
            torch.get_num_threads(),
        )
        fitting = (self._plans.get((*call, name)) for name in formats_of(input))
        plan = next((plan for plan in fitting if plan is not None), None)
        if plan is None or plan.fingerprint != fingerprint_here(torch.__version__):
            return None
        return plan

    def _refuse(self, plan: Plan, error: Exception) -> None:
        """Leave a plan to torch from now on, as its row raised an error."""
        self._refused.add(plan)
        self._kept = [ready for ready in self._kept if ready.pack.plan != plan]
        self._latest = None
        if not isinstance(error, Unsupported):
            warnings.warn(
                f"the row {plan.row.name} failed, and torch computes this layer from now on: "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )


def _call_of(plan: Plan) -> tuple[Any, ...]:
    problem, conditions = plan.problem, plan.conditions
    return (
        problem.input_shape,
        problem.weight_shape,
        problem.bias,
        (problem.stride, problem.padding, problem.dilation, problem.groups),
        conditions.dtype,
        conditions.threads,
        conditions.memory_format,
    )


def _are_tensors(input: Any, weight: Any, *others: Any) -> bool:
    """Return whether they are torch's own kind of tensors, and of no class made from it."""
    kinds = (torch.Tensor, torch.nn.Parameter)
    if not (type(input) in kinds and type(weight) in kinds):
        return False
    return all(other is None or type(other) in kinds for other in others)


def _can_be_packed(input: torch.Tensor, weight: torch.Tensor, *others: torch.Tensor | None) -> bool:
    tensors = [input, weight, *(other for other in others if other is not None)]
    return (
        all(map(is_plain, tensors))
        and input.dim() == weight.dim() == 4
        and len({tensor.dtype for tensor in tensors}) == 1
        and not weight.is_inference()  # it would not tell when it changes
        and weight.data_ptr() != 0  # empty, or its storage is freed for now
        and bool(formats_of(weight))
    )
