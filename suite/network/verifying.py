"""Whether a network still computes what it should: each layer, and the whole, against float64.

A layer is held to the gate of its row's family, on its own weights and on what really reaches it
(`suite.judge.tolerance`). The whole network is held to a multiple of torch's own error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from suite.conditions import Scenario
from suite.judge import reference
from suite.judge.gates import judge_output
from suite.judge.tolerance import Tolerance
from suite.modules.arguments import DTYPES, arguments_of, as_called
from suite.modules.quickening import QuickConv
from suite.modules.sizes import pack_bytes
from suite.network.bench import Configuration, apply
from suite.network.outputs import numbers_in, rel_l2_error
from suite.network.twin import Inputs, copied, run, sharing
from suite.operands.epilogue import activate_
from suite.operands.tensors import Operands, memory_format_of
from suite.tuning.candidates import load_row
from suite.tuning.store import Row

KIND = "the network's own"
"""What inputs are called where they are wrong: "the network's own inputs: …"."""
MOST_SAMPLES = 2
"""Of a batch, that are held against float64: they are all computed alike."""
MULTIPLE = 4.0
"""Of torch's own error, that a whole network may have: rows may err as much, see
`suite.tuning.eligible.MOST_ERROR_FACTOR`."""
LEAST_LIMIT = 5e-6
"""Relative L2 error that is always allowed in float32: the norm gate's of such rows. A small
network of torch's may happen to be exact."""
INCOMPARABLE = 1e-2
"""Where float32 is so far from float64, rounding decides, and float64 proves nothing."""


@dataclass
class LayerCheck:
    """How far a layer is from float64, the worst of its calls."""

    error: float = 0.0
    torch_error: float = 0.0
    pack_bytes: int = 0
    fault: str = ""


def check_layers(
    model: nn.Module,
    inputs: Inputs,
    configuration: Configuration,
    tolerance: float | None = None,
) -> dict[str, LayerCheck]:
    """Run the unchanged network, and each replaced layer beside it on what reaches it there.

    Args:
        model: a copy, in evaluation mode, that its caller no longer needs unchanged.
        tolerance: largest relative L2 error of a layer, besides its gate's; None: that alone.
    """
    quick = sharing(model)
    apply(quick, configuration)
    checks = {path: LayerCheck() for path in configuration}
    handles = [
        model.get_submodule(path).register_forward_pre_hook(
            _comparing(quick.get_submodule(path), plans[0].row, checks[path], tolerance)
        )
        for path, plans in configuration.items()
    ]
    try:
        run(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    for path, check in checks.items():
        check.pack_bytes = pack_bytes(quick.get_submodule(path))
    return checks


def _comparing(
    quick: nn.Module, row: Row, check: LayerCheck, tolerance: float | None
) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    """Return a hook that holds a replaced layer, and torch's, against float64."""

    def compare(module: nn.Module, args: tuple[Any, ...]) -> None:
        assert isinstance(module, nn.Conv2d)  # no other has plans
        x, *residual = args
        try:
            got = quick.forward(*args)
        except Exception as error:
            check.fault = f"{row.name} raised {type(error).__name__}: {error}"
            return
        if not _is_computed_by_row(quick):
            check.fault = f"{row.name} refuses it, by a reason that its weight or its machine gives"
            return
        some = arguments_of(module).padded(x[:MOST_SAMPLES])
        entry = load_row(row)
        assert entry is not None  # a plan's row is there, or the plan would not be
        scenario = Scenario(
            id="network",
            problem=as_called(module, tuple(x[:MOST_SAMPLES].shape)),
            dtype=DTYPES[x.dtype],
            memory_format=memory_format_of(x),
        )
        first = [tensor[:MOST_SAMPLES] for tensor in args]
        operands = Operands(
            some,
            module.weight.detach(),
            _detached(module.bias),
            residual=first[1] if residual else None,
        )
        gate = Tolerance(scenario, entry.family, entry.error_factor, entry.precision)
        expected = reference.result(scenario, operands)
        if gate.is_norm_wise and reference.shows_too_little(scenario.problem):
            size = reference.reach(scenario, operands)
        else:
            size = reference.magnitude(scenario, operands)
        activate_(expected, scenario.problem.epilogue)
        judged = judge_output(KIND, gate, got[:MOST_SAMPLES], expected, size)
        theirs = judge_output(KIND, gate, module.forward(*first), expected, size)
        own_error = judged.residuals.rel_l2_error
        check.error = max(check.error, own_error)
        check.torch_error = max(check.torch_error, theirs.residuals.rel_l2_error)
        if judged.fault:
            check.fault = f"{row.name} is wrong here: {judged.fault}"
        elif tolerance is not None and not own_error <= tolerance:
            check.fault = (
                f"{row.name}: relative L2 error {own_error:.1g} is beyond the tolerance, "
                f"{tolerance:g}"
            )

    return compare


def _is_computed_by_row(quick: nn.Module) -> bool:
    """Return whether a layer that was just called has packed its weight for a row."""
    return isinstance(quick, QuickConv) and bool(quick._quick.packs)


def _detached(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.detach()


@dataclass(frozen=True)
class Reference:
    """What a network should return, and how far torch itself is from it."""

    expected: list[torch.Tensor]
    torch_error: float
    is_float64: bool

    def limit(self, tolerance: float | None) -> float:
        """Return the relative L2 error that the network may have."""
        if tolerance is not None:
            return tolerance
        return max(MULTIPLE * self.torch_error, LEAST_LIMIT)

    def error_of(self, output: Any) -> float:
        return rel_l2_error(numbers_in(output), self.expected)


def reference_of(model: nn.Module, inputs: Inputs, output: Any) -> Reference:
    """Return what a network should return: in float64, or as torch computes it where that fails.

    Args:
        model: a copy, in evaluation mode; it is changed.
        output: what torch makes of it.
    """
    own = numbers_in(output)
    try:
        expected = numbers_in(run(model.double(), copied(inputs, _doubled)))
    except Exception:  # a type that is written into its code
        expected = []
    error = rel_l2_error(own, expected) if expected else math.inf
    if error > INCOMPARABLE:
        return Reference(own, 0.0, is_float64=False)
    return Reference(expected, error, is_float64=True)


def _doubled(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor.clone()
