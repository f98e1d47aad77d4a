"""What `optimize` is asked, checked before anything is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from suite.errors import UsageError
from suite.operands.tensors import FORMATS


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a network is to be optimised."""

    budget_s: float
    """Seconds to measure for; 0 takes what is known and measures nothing."""
    memory_format: str | None
    """What the network is to be taken to; None chooses by measurement."""
    tolerance: float | None
    """Largest relative L2 error of a layer and of the outputs; None: the gates' own."""
    fold: bool = False
    """Whether a copy is to be optimised in which batch norms, activations and sums are folded."""
    measure_again: bool = False
    """Whether what is remembered of this machine is measured again."""


def checked_wish(
    model: Any,
    budget_s: Any,
    memory_format: Any,
    tolerance: Any,
    fold: Any = False,
    measure_again: Any = False,
) -> Wish:
    """Return what was asked.

    Raises:
        UsageError: something that it cannot be; names what is accepted.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"optimize takes a torch.nn.Module; this is a {type(model).__name__}. "
            "Call it as optimize(model, *example_inputs)"
        )
    if not _is_number(budget_s) or not 0 <= budget_s < math.inf:
        raise UsageError(
            f"budget_s is {budget_s!r}; accepted: seconds, 0 to take what is known already"
        )
    if tolerance is not None and (not _is_number(tolerance) or not 0 < tolerance < math.inf):
        raise UsageError(
            f"tolerance is {tolerance!r}; accepted: a relative L2 error above 0, such as 1e-6"
        )
    if not isinstance(fold, bool):
        raise UsageError(
            f"fold is {fold!r}; accepted: False to change the model in place, True for a copy for "
            "inference with batch norms, activations and sums folded into its convolutions"
        )
    if not isinstance(measure_again, bool):
        raise UsageError(
            f"measure_again is {measure_again!r}; accepted: False to take what is remembered of "
            "this machine, True to measure it anew"
        )
    return Wish(
        budget_s=float(budget_s),
        memory_format=_format(memory_format),
        tolerance=tolerance,
        fold=fold,
        measure_again=measure_again,
    )


def _format(memory_format: Any) -> str | None:
    if memory_format is None:
        return None
    for name, value in FORMATS.items():
        if memory_format in (name, value):
            return name
    raise UsageError(
        f"memory_format is {memory_format!r}; accepted: None to choose by measurement, "
        f"{', '.join(map(repr, FORMATS))}, and torch's own torch.{' and torch.'.join(_TORCHS)}"
    )


_TORCHS = tuple(str(value).removeprefix("torch.") for value in FORMATS.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, (bool, torch.Tensor))
