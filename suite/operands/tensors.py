"""The tensors of one convolution, and how they lie in memory."""

from __future__ import annotations

import dataclasses
import mmap
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from suite.problem import Problem
from suite.processes.shared_memory import Region

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
"""Of tensors with two spatial axes; `in_format` knows the others, too."""
WITH_AXES = (3, 4, 5)
"""Dimensions of a tensor with samples, channels and 1, 2 or 3 spatial axes."""


def formats_of(tensor: torch.Tensor) -> list[str]:
    """Return the names of the memory formats that a tensor is in: both, one or neither."""
    if tensor.dim() == 4:  # asked in every call of a network's modules
        return [name for name, it in FORMATS.items() if tensor.is_contiguous(memory_format=it)]
    lies_so = {"contiguous": tensor.is_contiguous(), "channels_last": is_channels_last(tensor)}
    return [name for name in FORMATS if lies_so[name]]


def is_channels_last(tensor: torch.Tensor) -> bool:
    """Return whether all channels of a place lie together: N L C, N H W C or N D H W C."""
    return tensor.dim() in WITH_AXES and tensor.movedim(1, -1).is_contiguous()


def memory_format_of(tensor: torch.Tensor) -> str:
    """Return the memory format of a tensor; contiguous where it is in both or in neither."""
    return "channels_last" if formats_of(tensor) == ["channels_last"] else "contiguous"


def same_bits(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Return whether two tensors are equal bit for bit, NaNs included."""
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[first.element_size()]
    return torch.equal(first.view(integer), second.view(integer))


def in_format(tensor: torch.Tensor, memory_format: str) -> torch.Tensor:
    """Return a private copy, in the scenario's memory format where it has spatial axes."""
    if tensor.dim() not in WITH_AXES:
        return tensor.clone()
    return empty_in_format(tensor, memory_format).copy_(tensor)


def empty_in_format(tensor: torch.Tensor, memory_format: str) -> torch.Tensor:
    """Return room for a tensor with spatial axes in a memory format.

    torch has no name for one axis with channels last; it lies as two of which one has size 1.
    """
    if tensor.dim() == 4:
        return torch.empty_like(tensor, memory_format=FORMATS[memory_format])
    if memory_format == "contiguous":
        return torch.empty_like(tensor, memory_format=torch.contiguous_format)
    n, channels, *sizes = tensor.shape
    return tensor.new_empty(n, *sizes, channels).movedim(-1, 1)


@dataclass(frozen=True)
class Operands:
    """The tensors of one convolution, in any dtype. `grad` is the output's gradient."""

    input: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None = None
    grad: torch.Tensor | None = None
    residual: torch.Tensor | None = None
    """What the epilogue adds, of the output's shape."""

    @property
    def varying(self) -> torch.Tensor:
        """The one that differs from call to call: the gradient where there is one, or the input."""
        return self.input if self.grad is None else self.grad

    def with_varying(self, tensor: torch.Tensor) -> Operands:
        """Return the same with another in its place."""
        name = "input" if self.grad is None else "grad"
        return dataclasses.replace(self, **{name: tensor})

    def copy_(self, other: Operands) -> None:
        """Write another's values into these tensors; both have the same ones."""
        for ours in dataclasses.fields(self):
            target, source = getattr(self, ours.name), getattr(other, ours.name)
            if target is not None and source is not None:
                target.copy_(source)

    def each(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Operands:
        return Operands(
            function(self.input),
            function(self.weight),
            None if self.bias is None else function(self.bias),
            None if self.grad is None else function(self.grad),
            None if self.residual is None else function(self.residual),
        )


def pad_explicitly(problem: Problem, x: torch.Tensor) -> torch.Tensor:
    pads = [size for pair in reversed(problem.pads) for size in pair]
    return F.pad(x, pads) if any(pads) else x


def view(memory: mmap.mmap, region: Region, dtype: torch.dtype) -> torch.Tensor:
    """Return the flat tensor that lies in a region of shared memory."""
    if region.size_bytes == 0:
        return torch.empty(0, dtype=dtype)
    count = region.size_bytes // dtype.itemsize
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has no read-only tensors, and says so
        return torch.frombuffer(memory, dtype=dtype, count=count, offset=region.start)
