"""A call that is checked, packed and known: the way that every later call of its kind takes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd import forward_ad

from suite.errors import Unsupported
from suite.modules.arguments import Arguments
from suite.modules.pack import Pack
from suite.modules.surroundings import guard_on
from suite.operands.tensors import FORMATS, memory_format_of

# Looked up once: looking up takes as long as asking.
_function_modes = torch._C._len_torch_function_stack
_is_deterministic = torch._C._get_deterministic_algorithms
_is_grad_enabled = torch.is_grad_enabled
_threads = torch.get_num_threads


class Ready:
    """A pack, and the one kind of call that it answers without asking torch for more."""

    __slots__ = (
        "address",
        "arguments",
        "calls",
        "check",
        "content",
        "failure",
        "function",
        "has_bias",
        "has_residual",
        "is_recorded",
        "layout",
        "of_conv2d",
        "pack",
        "pads",
        "samples",
        "threads",
        "version",
        "weight",
    )

    def __init__(
        self,
        pack: Pack,
        arguments: Arguments,
        input: torch.Tensor,
        bias: torch.Tensor | None,
        residual: torch.Tensor | None = None,
    ) -> None:
        """Compute the call with torch, too, to learn how its output lies in memory.

        Raises:
            Unsupported: by the row, or its output has another shape or type than torch's.
        """
        self.pack = pack
        self.weight, self.version, self.address = pack.weight, pack.version, pack.address
        self.samples, self.function, self.content = pack.samples, pack.function, pack.content
        self.arguments, self.of_conv2d = arguments, arguments.of_conv2d
        self.pads = arguments.sides is not None
        self.threads = _threads()
        self.has_bias = bias is not None
        self.has_residual = residual is not None
        operands = [t for t in (input, pack.weight, bias, residual) if t is not None]
        self.check = guard_on(*operands)
        self.is_recorded = any(operand.requires_grad for operand in operands)
        """Whether autograd records such calls where gradients are enabled."""
        self.calls = 0
        """As far as `Packs` counts them."""
        self.failure: Exception | None = None
        added = () if residual is None else (residual,)
        self.layout = self._layout_to_bring_it_into(input, bias, added)

    def _layout_to_bring_it_into(
        self,
        input: torch.Tensor,
        bias: torch.Tensor | None,
        added: tuple[torch.Tensor, ...],
    ) -> torch.memory_format | None:
        """Return what the row's output has to be brought into; None where it lies as torch's."""
        padded = self.arguments.padded(input)
        by_torch = F.conv2d(padded, self.pack.held, bias, *self.of_conv2d)
        by_row = self.function(padded, self.content, bias, *self.of_conv2d, *added)
        if by_row.shape != by_torch.shape or by_row.dtype is not by_torch.dtype:
            raise Unsupported(f"it returned {tuple(by_row.shape)} in {by_row.dtype}")
        layout = layout_of(by_torch)
        return None if by_row.is_contiguous(memory_format=layout) else layout

    def takes(self, input: Any, weight: Any, bias: Any, residual: Any = None) -> bool:
        """Return whether it answers a call now, with a pack of the weight's present values.

        The price of every call: the cheapest checks that leave nothing out.
        """
        if (
            weight is not self.weight
            or (bias is None) is self.has_bias
            or (self.is_recorded and _is_grad_enabled())
            or (residual is None) is self.has_residual
            or not (
                (self.check(input, weight, bias) if self.has_bias else self.check(input, weight))
                if residual is None
                else self._check_all(input, weight, bias, residual)
            )
            or weight._version != self.version
            or weight.data_ptr() != self.address
            or _threads() != self.threads
            # `surroundings.wants_torch_unguarded`, spelled out: to call it takes too long.
            or _function_modes()
            or _is_deterministic()
            or forward_ad._current_level >= 0
        ):
            return False
        view, expected = next(self.samples)
        return view.tobytes() == expected

    def _check_all(self, input: Any, weight: Any, bias: Any, residual: Any) -> bool:
        if self.has_bias:
            return self.check(input, weight, bias, residual)
        return self.check(input, weight, residual)

    def output(
        self,
        input: torch.Tensor,
        bias: torch.Tensor | None,
        residual: torch.Tensor | None = None,
    ) -> torch.Tensor | None:
        """Return the row's output, lying in memory as torch's does; None where the row failed."""
        try:
            if self.pads:
                input = self.arguments.padded(input)
            # Not `*self.of_conv2d`, which takes longer.
            stride, padding, dilation, groups = self.of_conv2d
            output: torch.Tensor
            if residual is None:
                output = self.function(input, self.content, bias, stride, padding, dilation, groups)
            else:
                output = self.function(
                    input, self.content, bias, stride, padding, dilation, groups, residual
                )
        except Exception as error:  # whatever is wrong with the row, torch can
            self.failure = error
            return None
        return output if self.layout is None else output.contiguous(memory_format=self.layout)


def layout_of(tensor: torch.Tensor) -> torch.memory_format:
    """Return the memory format of a tensor; contiguous where it is in both or in neither."""
    return FORMATS[memory_format_of(tensor)]
