"""Networks that are left alone as a whole, each with its reason."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from suite.network.outputs import numbers_in, rel_l2_error, tensors_in
from suite.network.twin import Inputs, run

SAME = 1e-5
"""Relative L2 distance of two passes that are alike: sums in another order, no more."""

Sums = dict[str, float]


def why_not_at_all(model: nn.Module) -> str | None:
    """Return why nothing of a network can be replaced, before it is run; None where it can."""
    if isinstance(model, torch.jit.ScriptModule):
        return "a ScriptModule: optimise the module that it was made of, then script that"
    if _is_compiled(model):
        return "made by torch.compile: optimise the module that it was made of, then compile that"
    tensors = [*model.parameters(), *model.buffers()]
    devices = {tensor.device.type for tensor in tensors if not is_lazy(tensor)}
    if "meta" in devices:
        return "on the meta device: it has no values yet; load them first"
    if others := sorted(devices - {"cpu"}):
        return f"on {', '.join(others)}: rows are chosen on the CPU only"
    return None


def _is_compiled(model: nn.Module) -> bool:
    dynamo = sys.modules.get("torch._dynamo")  # importing it takes seconds
    return dynamo is not None and isinstance(model, dynamo.OptimizedModule)


def weight_sums(model: nn.Module) -> Sums:
    """Return the sum of each parameter, which shows whether anything was written to it."""
    return {
        name: float(parameter.detach().double().sum())
        for name, parameter in model.named_parameters()
        if not is_lazy(parameter)
    }


def why_not_comparable(
    model: nn.Module, inputs: Inputs, output: Any, sums_before: Sums
) -> str | None:
    """Return why nobody could say whether a network is right afterwards; None where one can.

    Runs a copy of the network once more.

    Args:
        output: of its first pass.
        sums_before: `weight_sums` before that.
    """
    sums = weight_sums(model)
    changed = [name for name, value in sums_before.items() if not _is_same(sums[name], value)]
    if changed:
        return f"it changes its own weights in forward: {', '.join(changed[:3])}"
    if not any(tensor.numel() for tensor in tensors_in(output)):
        return "it returns no tensor with values, so that nothing shows whether it is right"
    again = run(model, inputs, seed=1)
    if rel_l2_error(numbers_in(again), numbers_in(output)) > SAME:
        return (
            "two passes on the same inputs differ (dropout that is left on, or noise drawn in "
            "forward): its outputs cannot be held against what is right"
        )
    return None


def _is_same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))
