"""The judge of networks: a user's model in float64 says what is right, and nothing else does.

The model's file is the definition of what is measured, so that it runs here; rows, plug-ins and
compiled code never do. An output may be off by four times as much as torch's own in the model's
type, or by what is always allowed: see `suite.network.verifying`. Each tensor of an output is held
to that by itself, relative to its size, of tiny ones to their share of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch
from torch import nn

from suite.judge.process import Judge, _threads
from suite.messages import judge as messages
from suite.messages.worker import Start
from suite.models.calling import Calling, as_trained, calling
from suite.models.loading import fresh_model
from suite.network.twin import twin_of
from suite.network.verifying import INCOMPARABLE, LEAST_LIMIT, MULTIPLE
from suite.operands.shared import SharedOperands
from suite.operands.tensors import DTYPES
from suite.processes.channel import Done, serve
from suite.processes.shared_memory import forget
from suite.results.cell import Residuals
from suite.workload import Network, network_of

ROUNDINGS = LEAST_LIMIT * 2**24
"""What is always allowed, in units of float32's rounding; as many of another type's."""
LEAST_SHARE = 1e-3
"""Of the size that an output would have if all were alike; those below have none of their own."""
LEAST_SHARE_OF_GRADIENT = 1.0
"""The same of gradients. That of a bias before a batch norm is a sum that cancels: nothing is left
of it but rounding, as large as that of the other gradients."""


@dataclass(frozen=True)
class Expected:
    """What a network returns for one row of inputs, and how far torch's own is from that."""

    parts: list[torch.Tensor]
    sizes: list[float]
    """What the error of each part is relative to."""
    torch_errors: list[float]

    def errors(self, row: torch.Tensor) -> list[float]:
        """Return the relative L2 error of each part of an output."""
        lengths = [part.numel() for part in self.parts]
        return [
            _distance(own, right, size)
            for own, right, size in zip(row.split(lengths), self.parts, self.sizes, strict=True)
        ]


def _distance(own: torch.Tensor, right: torch.Tensor, size: float) -> float:
    finite = torch.isfinite(right)
    own = own.double()
    if not torch.equal(own[~finite].nan_to_num(), right[~finite].nan_to_num()):
        return math.inf
    error = float((own[finite] - right[finite]).norm())
    if not math.isfinite(error):
        return math.inf
    return error / size if size else (0.0 if error == 0 else math.inf)


def _sizes(parts: Sequence[torch.Tensor], least_share: float) -> list[float]:
    norms = [float(part.nan_to_num(0, 0, 0).norm()) for part in parts]
    whole = math.hypot(*norms)
    count = sum(part.numel() for part in parts)
    return [
        max(norm, least_share * whole * math.sqrt(part.numel() / max(count, 1)))
        for norm, part in zip(norms, parts, strict=True)
    ]


class NetworkJudge(Judge):
    """A judge that knows one network at a time."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._network: Network | None = None
        self._own: Calling
        """The model as torch computes it."""
        self._right: Calling | None = None
        """In float64; None where it cannot run so, or says something else."""
        self._dtype: torch.dtype
        self._gated: Expected
        self._of_starts: dict[Start, Expected] = {}
        self._torch_errors: list[float] = []
        """Of each part, the largest that was seen."""

    def open(self, asked: messages.Open) -> messages.Opened:
        network = network_of(asked.scenario)
        assert network is not None
        self._scenario = asked.scenario
        self._let_go()
        self._shared = SharedOperands(asked.scenario, asked.operands, writable=True)
        forget(asked.operands)
        self._keep_results(asked.kept)
        if network != self._network:
            self._load(network, DTYPES[asked.scenario.dtype])
        return messages.Opened(no_room=None)

    def _load(self, network: Network, dtype: torch.dtype) -> None:
        model = fresh_model(network)
        self._network, self._dtype, self._torch_errors = network, dtype, []
        self._own = calling(self._in_mode(model), network, dtype)
        self._right = calling(self._in_mode(twin_of(model).double()), network, dtype)

    def _in_mode(self, model: nn.Module) -> nn.Module:
        assert self._network is not None
        return as_trained(model) if self._network.train else model

    def _let_go(self) -> None:
        super()._let_go()
        self._of_starts = {}

    def _expected_of(self, row: torch.Tensor) -> Expected:
        """Run the model on a row, in float64 and as it is."""
        with _threads(self._threads):
            own = self._parts(self._own, row)
            right = None
            if self._right is not None:
                try:
                    right = self._parts(self._right, row.double())
                except Exception:  # a type that is written into its code
                    self._right = None
        if right is not None:
            sizes = _sizes(right, self._least_share)
            errors = [_distance(o, r, s) for o, r, s in zip(own, right, sizes, strict=True)]
            if max(errors) <= INCOMPARABLE:
                known = self._torch_errors or [0.0] * len(errors)
                self._torch_errors = [max(pair) for pair in zip(known, errors, strict=True)]
                return Expected(right, sizes, errors)
        doubled = [part.double() for part in own]
        return Expected(doubled, _sizes(doubled, self._least_share), [0.0] * len(own))

    @property
    def _least_share(self) -> float:
        assert self._network is not None
        return LEAST_SHARE_OF_GRADIENT if self._network.train else LEAST_SHARE

    def _parts(self, called: Calling, row: torch.Tensor) -> list[torch.Tensor]:
        output = called.call(row)
        return [part.detach().reshape(-1).clone() for part in called.parts(output)]

    def draw(self, asked: messages.Draw) -> Done:
        self._let_go()
        self._kind = asked.kind
        self._draw_operands(asked.kind, torch.Generator().manual_seed(asked.seed))
        self._gated = self._expected_of(self._drawn.input)
        return Done()

    def draw_block(self, asked: messages.DrawBlock) -> Done:
        self._let_go()
        generator = torch.Generator().manual_seed(asked.seed)
        self._draw_operands("normal", generator)
        stream = self._shared.stream.like()
        stream.draw(generator)
        self._shared.stream.copy_(stream)
        self._stream = stream
        return Done()

    def _gate_judged(self, asked: messages.JudgeGate) -> messages.Judgement:
        return self._judged(self._output(asked.results, asked.slot), self._gated)

    def _fault(self, turn: messages.TimedOutputs) -> str | None:
        for slot, start, _ in turn.calls:
            if start not in self._of_starts:
                row = torch.empty_like(self._drawn.input)
                self._stream.fill(row, start)
                self._of_starts[start] = self._expected_of(row)
            judged = self._judged(self._output(turn.results, slot), self._of_starts[start])
            if judged.fault:
                return f"a timed call: {judged.fault}"
        return None

    def _judged(self, row: torch.Tensor, expected: Expected) -> messages.Judgement:
        errors, limits = expected.errors(row), self._limits_of(expected)
        ratios = [error / limit for error, limit in zip(errors, limits, strict=True)]
        worst = max(range(len(ratios)), key=ratios.__getitem__)
        whole = math.hypot(*(e * s for e, s in zip(errors, expected.sizes, strict=True)))
        size = math.hypot(*expected.sizes)
        residuals = Residuals(
            rel_l2_error=whole / size if size else max(errors), worst_error_ratio=ratios[worst]
        )
        if ratios[worst] <= 1:
            return messages.Judgement(residuals=residuals)
        what = self._named(worst)
        against = "float64" if self._right is not None else "torch's own (it has no float64 one)"
        return messages.Judgement(
            residuals=residuals,
            fault=(
                f"{what}: relative L2 error {errors[worst]:.2g} against {against}, "
                f"{limits[worst]:.2g} is allowed (torch's own error is "
                f"{expected.torch_errors[worst]:.2g})"
            ),
        )

    def _limits_of(self, expected: Expected) -> list[float]:
        least = ROUNDINGS * torch.finfo(self._dtype).eps / 2
        known = self._torch_errors or expected.torch_errors
        return [
            max(MULTIPLE * max(own, seen), least)
            for own, seen in zip(expected.torch_errors, known, strict=True)
        ]

    def _named(self, part: int) -> str:
        assert self._network is not None
        if not self._network.train:
            return "the output" if len(self._network.outputs) == 1 else f"output {part + 1}"
        return "the loss" if part == 0 else f"the gradient of parameter {part}"


def main(connection: Connection, threads: int) -> None:
    """Serve the parent until it closes the channel."""
    serve(connection, NetworkJudge(threads).handlers())
