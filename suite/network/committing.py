"""The one step that changes a caller's network, and the way back.

What was done is noted on the network itself, so that a copy of it and one that was pickled know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from suite.errors import UsageError
from suite.interrupts import held_back
from suite.modules.quickening import slow_down
from suite.network.bench import Configuration, apply
from suite.network.twin import InputsInFormat, in_format, planes_of
from suite.operands.tensors import FORMATS, memory_format_of
from suite.results.network import NetworkOutcome

ATTRIBUTE = "_convgauge_optimised"


@dataclass(frozen=True)
class Optimised:
    """What is noted on an optimised network."""

    outcome: NetworkOutcome
    formats: dict[str, str]
    """Name of each tensor of four dimensions → its memory format before."""
    origin: Origin | None = None
    """What it is a copy of; None where it is the caller's own."""


class Origin:
    """The network that an optimised copy was made of; its copies have the same, files have none."""

    def __init__(self, model: nn.Module | None) -> None:
        self.model = model

    def __deepcopy__(self, _: Any) -> Origin:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (None,)


def commit(
    model: nn.Module,
    configuration: Configuration,
    outcome: NetworkOutcome,
    origin: Origin | None = None,
) -> None:
    """Change a network as was found best, all of it or nothing.

    Ctrl-C waits for the end of it, and then undoes it.

    Args:
        origin: the caller's network, where this is a copy of it.
    """
    noted = Optimised(outcome, _formats(model), origin)
    try:
        with held_back():
            setattr(model, ATTRIBUTE, noted)
            if outcome.memory_format is not None:
                in_format(model, outcome.memory_format)
            apply(model, configuration)
    except BaseException:
        _undo(model, noted)
        raise


def restore(model: nn.Module) -> nn.Module:
    """Give a network back as it was: its classes, its memory format, its hooks.

    Of a copy, the network that it was made of, which nobody changed.

    Raises:
        UsageError: of a copy that came from a file, which does not have that.
    """
    origin = origin_of(model)
    if origin is None:
        return without_rows(model)
    if origin.model is None:
        raise UsageError(
            "this is a copy that fold=True made, read from a file that has no other: use the model "
            "that it was made of, which was left as it was"
        )
    return origin.model


def origin_of(model: nn.Module) -> Origin | None:
    """Return what an optimised copy was made of, None of any other network."""
    noted = getattr(model, ATTRIBUTE, None)
    origin: Origin | None = None if noted is None else noted.origin
    return origin


def without_rows(model: nn.Module) -> nn.Module:
    """Take back what `commit` did to a network, and return it; a folded one stays folded."""
    noted = getattr(model, ATTRIBUTE, None)
    if noted is not None:
        _undo(model, noted)
    return model


def outcome_of(model: nn.Module) -> NetworkOutcome:
    """Return what was done to a network.

    Raises:
        UsageError: nothing was.
    """
    noted = getattr(model, ATTRIBUTE, None)
    if noted is None:
        raise UsageError(
            "this model was not optimised, so there is nothing to explain; call "
            "convgauge.optimize(model, *example_inputs) first"
        )
    outcome: NetworkOutcome = noted.outcome
    return outcome


def _undo(model: nn.Module, noted: Optimised) -> None:
    for module in model.modules():
        slow_down(module)
    hooks = model._forward_pre_hooks
    for key in [key for key, hook in hooks.items() if isinstance(hook, InputsInFormat)]:
        del hooks[key]
        model._forward_pre_hooks_with_kwargs.pop(key, None)
    if noted.outcome.memory_format is not None:
        for name, tensor in planes_of(model):
            if name in noted.formats:
                before = FORMATS[noted.formats[name]]
                tensor.data = tensor.data.contiguous(memory_format=before)
    if hasattr(model, ATTRIBUTE):
        delattr(model, ATTRIBUTE)


def _formats(model: nn.Module) -> dict[str, str]:
    return {name: memory_format_of(tensor) for name, tensor in planes_of(model)}
