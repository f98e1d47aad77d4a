"""What rows are tried in: copies of a network, folded and in other memory formats, and what each
of them has to return."""

from __future__ import annotations

import time
from dataclasses import dataclass

from torch import nn

from suite.errors import UsageError
from suite.modules.refusals import why_not
from suite.network import refusing
from suite.network.committing import without_rows
from suite.network.folding.attempt import attempt
from suite.network.folding.folding import Folded
from suite.network.survey import Survey, survey
from suite.network.task import LeftAlone, Task
from suite.network.twin import CannotCopy, in_format, run, twin_of
from suite.network.variant import Variant
from suite.network.verifying import Reference, reference_of
from suite.operands.tensors import FORMATS


@dataclass(frozen=True)
class Prepared:
    """Copies of a network, and what they have to return."""

    twin: nn.Module
    """A copy, as the network was given."""
    folded: Folded | None
    """The copy again, if it could be folded."""
    survey: Survey
    """Of the folded copy, or of the plain one."""
    reference: Reference
    own: Variant
    """In the memory format in which it was given."""
    variants: list[Variant]
    """To be tried: `own`, unless another format was asked for, and the others; at least one."""


def prepared(task: Task) -> Prepared:
    """Return all that can be done with a network before a row is tried in it.

    Raises:
        LeftAlone, UsageError: see there.
    """
    if reason := refusing.why_not_at_all(task.model):
        raise LeftAlone(reason)
    task.watch("running the model once")
    try:
        twin = without_rows(twin_of(task.model))
    except CannotCopy as error:
        raise LeftAlone(f"it cannot be copied, and all is tried on a copy: {error}") from error
    sums = refusing.weight_sums(twin)
    there = survey(twin, task.inputs)
    _require_open_layers(task, there)
    if reason := refusing.why_not_comparable(twin, task.inputs, there.output, sums):
        raise LeftAlone(reason, there)
    began = time.monotonic()
    run(twin, task.inputs)
    passed = time.monotonic()
    reference = _reference(task, twin, there)
    task.time.pass_s, task.time.exact_s = passed - began, time.monotonic() - passed
    own, given, folded = there.memory_format, twin, None
    if task.wish.fold and (folded := _folded(task, twin, reference)):
        task.time.is_folded = True
        given = twin_of(folded.model)
        there = survey(given, task.inputs)
    first = Variant(None, given, there)
    variants = _variants(task, first, own, reference)
    return Prepared(twin, folded, there, reference, first, variants)


def _require_open_layers(task: Task, there: Survey) -> None:
    """Note what may not be replaced in the network itself.

    Raises:
        LeftAlone: nothing may.
    """
    if not task.wish.fold:
        for layer in there.open_layers:  # some things a copy does not show
            layer.reason = why_not(task.model.get_submodule(layer.path)) or ""
    if not there.layers:
        raise LeftAlone("no convolution module in it", there)
    if not there.open_layers:
        raise LeftAlone("none of its convolutions can be replaced", there)


def _reference(task: Task, twin: nn.Module, there: Survey) -> Reference:
    reference = reference_of(twin_of(twin), task.inputs, there.output)
    if not reference.is_float64:
        task.remarks.append(
            "it could not be held against float64 as a whole: its outputs are held against "
            "torch's own"
        )
    return reference


def _folded(task: Task, twin: nn.Module, reference: Reference) -> Folded | None:
    task.watch("folding batch norms, activations and sums into convolutions")
    folded, remarks = attempt(twin, task.inputs, reference, task.wish.tolerance)
    task.remarks.extend(remarks)
    return folded


def _variants(task: Task, first: Variant, own: str, reference: Reference) -> list[Variant]:
    """Return the network in each memory format that is to be tried.

    Args:
        first: the network in its own format, which is `own`.

    Raises:
        LeftAlone: it cannot be taken to the format that was asked for.
    """
    wanted = task.wish.memory_format
    others: list[Variant] = []
    for memory_format in FORMATS if wanted is None else (wanted,):
        if memory_format != own:
            others += _in_other_format(task, first.model, memory_format, reference)
    if wanted is not None and wanted != own:
        if not others:
            raise LeftAlone(task.remarks.pop(), first.survey)
        return others
    # Nothing tells which format is faster where nothing is measured.
    return [first, *others] if task.wish.budget_s else [first]


def _in_other_format(
    task: Task, model: nn.Module, memory_format: str, reference: Reference
) -> list[Variant]:
    """Return the network in a format in which it was not given; nothing where it fails there.

    Code that takes an activation's memory for granted, `x.view(n, -1)`, raises there.
    """
    other = in_format(twin_of(model), memory_format)
    try:
        there = survey(other, task.inputs)
    except UsageError as error:
        task.remarks.append(f"it cannot be taken to {memory_format}: {error.__cause__}")
        return []
    if reference.error_of(there.output) > reference.limit(None):
        task.remarks.append(f"it cannot be taken to {memory_format}: its outputs differ there")
        return []
    return [Variant(memory_format, other, there)]
