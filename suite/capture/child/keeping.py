"""Keeps what a network's layers compute with: weight, bias and a sample of the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from suite.messages.capture import Executed
from suite.operands.tensors import is_channels_last
from suite.stored_values import MOST_BYTES

MOST_INPUT_ELEMENTS = 2**18
"""Of a layer: the first ones in memory, which is some channels, or some rows with all of them."""
MOST_BYTES_IN_ALL = 2**30
_HEADERS_BYTES = 2**12
"""What a file has besides its arrays, at most."""


def keeper_in(folder: str | None) -> Keeper | None:
    """Return a keeper that writes into a folder; None where nothing is to be kept."""
    return None if folder is None else Keeper(Path(folder))


class Keeper:
    """Writes a file for each different convolution, when it is executed first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left_bytes = MOST_BYTES_IN_ALL
        self._files: dict[object, str | None] = {}

    def kept(
        self,
        executed: Executed,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
    ) -> str | None:
        """Return the name of the file with a convolution's values.

        None where they are too many, no dense tensors, or not all numbers.
        """
        key = (executed.problem, executed.dtype, executed.memory_format)
        if key not in self._files:
            self._files[key] = self._written(f"{len(self._files)}.npz", x, weight, bias)
        return self._files[key]

    def _written(
        self, name: str, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> str | None:
        tensors = {"weight": weight, "bias": bias, "input": x}
        given = {key: tensor for key, tensor in tensors.items() if tensor is not None}
        if any(tensor.layout != torch.strided for tensor in given.values()):
            return None
        size_bytes = sum(_bytes(tensor) for tensor in given.values() if tensor is not x)
        size_bytes += 4 * MOST_INPUT_ELEMENTS + _HEADERS_BYTES
        if size_bytes > min(MOST_BYTES, self._left_bytes):
            return None
        given["input"] = _sample(x)
        arrays = {key: _array(tensor) for key, tensor in given.items()}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            return None
        np.savez(self._folder / name, **arrays)  # type: ignore[arg-type]
        self._left_bytes -= size_bytes
        return name


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * max(tensor.element_size(), 4)


def _sample(x: torch.Tensor) -> torch.Tensor:
    """Return the first values of an input, flat, as they lie in memory."""
    in_order = x.movedim(1, -1) if is_channels_last(x) and not x.is_contiguous() else x
    return in_order.reshape(-1)[:MOST_INPUT_ELEMENTS]


def _array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor's values; NumPy has no bfloat16, which float32 holds exactly."""
    dense = tensor.detach().cpu().contiguous()
    return (dense.float() if dense.dtype == torch.bfloat16 else dense).numpy()
