"""A model as a function from one row of numbers to one row of numbers.

In goes what differs from call to call: all floating-point inputs, one after the other. Out comes
what is judged: all floating-point outputs, or of a step of training the loss and the gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from suite.models.loading import grouped
from suite.network.outputs import numbers_in, tensors_in
from suite.workload import Input, Network

MOST_OF_A_GRADIENT = 2**16
"""Elements of each parameter's gradient that are judged, evenly spread: all of them are hundreds
of megabytes for some networks, in every call."""
DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)

Call = Callable[[torch.Tensor], Any]


@dataclass(frozen=True)
class Calling:
    """How a model is called with a row of numbers, and what is judged of the result."""

    call: Call
    """From the row to whatever the model returns; this is what is timed."""
    parts: Callable[[Any], list[torch.Tensor]]
    """From that to the tensors that are judged."""
    dtype: torch.dtype
    """Of the row that is judged."""

    def finish(self, output: Any) -> torch.Tensor:
        """Return what is judged in one row; the memory is its own."""
        rows = [part.detach().reshape(-1) for part in self.parts(output)]
        return torch.cat(rows).to(self.dtype)


class Arguments:
    """Makes a model's arguments from one row: views of it, and zeros for integer inputs."""

    def __init__(self, network: Network, dtype: torch.dtype) -> None:
        varying = set(map(id, network.varying))
        self._places: dict[int, slice] = {}
        self._fixed: dict[int, torch.Tensor] = {}
        at = 0
        for entry in network.inputs:
            if id(entry) in varying:
                self._places[id(entry)] = slice(at, at + entry.elements)
                at += entry.elements
            else:
                self._fixed[id(entry)] = torch.zeros(entry.shape, dtype=_dtype(entry))
        self._words, self._keywords = grouped(network.inputs)
        self._own = dtype

    def of(self, row: torch.Tensor) -> tuple[list[Any], dict[str, Any]]:
        """Return positional and keyword arguments.

        Args:
            row: as many elements as the varying inputs have; where it is of another type than the
                model's own, so are the arguments that are of the model's type.
        """

        def made(entry: Input | dict[str, Input]) -> Any:
            if isinstance(entry, dict):
                return {key: made(each) for key, each in entry.items()}
            if id(entry) in self._fixed:
                return self._fixed[id(entry)]
            tensor = row[self._places[id(entry)]].view(entry.shape)
            wanted = _dtype(entry)
            return tensor if wanted is self._own else tensor.to(wanted)

        return [made(word) for word in self._words], {k: made(w) for k, w in self._keywords.items()}


def _dtype(entry: Input) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, entry.dtype or "float32")
    return dtype


def calling(model: Callable[..., Any], network: Network, dtype: torch.dtype) -> Calling:
    """Return how a model is called and judged.

    Args:
        model: the network, or what computes it in its place.
        dtype: of the network as it is measured.
    """
    arguments = Arguments(network, dtype)

    def forward(row: torch.Tensor) -> Any:
        words, keywords = arguments.of(row)
        return model(*words, **keywords)

    if not network.train:
        return Calling(forward, numbers_in, dtype)
    assert isinstance(model, nn.Module)
    step = Step(model, forward)
    return Calling(step, sampled, dtype)


class Step:
    """One step of training: forward, backward, and stochastic gradient descent.

    The loss is the mean of the squared outputs. The learning rate is 0: every parameter is written
    as in any step, and has the same value in the next one, whose gradients can be judged too.
    """

    def __init__(self, model: nn.Module, forward: Call) -> None:
        self._forward = forward
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.SGD(self._parameters, lr=0.0)

    def __call__(self, row: torch.Tensor) -> list[torch.Tensor]:
        with torch.enable_grad():
            self._optimizer.zero_grad(set_to_none=True)
            loss = sum(
                (output.square().mean() for output in numbers_with_grad(self._forward(row))),
                start=torch.zeros((), dtype=row.dtype),
            )
            loss.backward()
            self._optimizer.step()
        gradients = (torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters)
        return [loss.detach(), *gradients]


def numbers_with_grad(output: Any) -> list[torch.Tensor]:
    """Return the floating-point tensors in an output through which gradients flow."""
    return [tensor for tensor in tensors_in(output) if tensor.requires_grad]


def sampled(gradients: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the gradients, of large ones evenly spread elements."""
    rows = (gradient.reshape(-1) for gradient in gradients)
    return [row[:: -(-row.numel() // MOST_OF_A_GRADIENT) or 1] for row in rows]


def as_trained(model: nn.Module) -> nn.Module:
    """Take a model to training mode; dropout stays off: nothing could be held against what it
    leaves to chance."""
    model.train()
    for module in model.modules():
        if isinstance(module, DROPOUTS):
            module.eval()
    return model
