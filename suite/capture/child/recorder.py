"""Notes each convolution that a model executes, as it was called.

Convolutions are noted where torch dispatches operators, so that modules, functional calls and
traced graphs are seen alike. In inference mode an operator arrives there as it was called, with
`padding="same"` still a word; otherwise torch has already padded by then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode

from suite.messages.capture import Executed
from suite.models.loading import modules_in
from suite.operands.tensors import memory_format_of
from suite.problem import DTYPE_BYTES, Problem

_RECORDED = ("conv2d", "convolution", "_convolution", "_convolution_mode")
_CONVOLVES = re.compile(r"(?<!reorder_)conv(?!ert)")
"""Names of operators that convolve, in any library: not those that convert, or reorder weights."""


def _below(name: str, path: str) -> str:
    return ".".join(filter(None, (name, path)))


class Recorder(TorchDispatchMode):
    """Notes the convolutions that are executed while it is active."""

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.convolutions: list[Executed] = []
        self.others: Counter[str] = Counter()
        self._entered: list[str] = []
        wholes = modules_in(model)
        self._paths = {
            id(module): _below(name, path)
            for name, whole in wholes.items()
            for path, module in whole.named_modules()
        }
        self._owners = {
            parameter.data_ptr(): _below(name, path.rpartition(".")[0])
            for name, whole in wholes.items()
            for path, parameter in whole.named_parameters()
            if not is_lazy(parameter)
        }
        register_module_forward_pre_hook(self._enter)
        register_module_forward_hook(self._leave, always_call=True)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Answer the question of newer torch whether to keep Dynamo out of this class.

        It would import it for that, which takes two seconds; in this process it is off altogether.
        """
        return False

    def _enter(self, module: torch.nn.Module, _inputs: object) -> None:
        around = self._entered[-1] if self._entered else ""
        self._entered.append(self._paths.get(id(module), around))

    def _leave(self, _module: torch.nn.Module, _inputs: object, _output: object) -> None:
        self._entered.pop()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        space, _, name = func._schema.name.partition("::")
        if _CONVOLVES.search(name):
            self._note(space, name, _by_name(func, args, kwargs))
        elif space != "prim":
            # An operator that is made of others would run them out of this mode's sight.
            with self:
                output = func.decompose(*args, **kwargs)
            if output is not NotImplemented:
                return output
        return func(*args, **kwargs)

    def _note(self, space: str, name: str, call: dict[str, Any]) -> None:
        if space != "aten" or name not in _RECORDED:
            self.others[name if space == "aten" else f"{space}::{name}"] += 1
            return
        x, weight = call["input"], call["weight"]
        if call.get("transposed") or weight.dim() != 4:
            kind = "conv_transpose" if call.get("transposed") else "conv"
            self.others[f"{kind}{weight.dim() - 2}d"] += 1
            return
        dtype = str(x.dtype).removeprefix("torch.")
        if dtype not in DTYPE_BYTES:
            self.others[f"conv2d in {dtype}"] += 1
            return
        inside = self._entered[-1] if self._entered else ""
        self.convolutions.append(
            Executed(
                module=self._owners.get(weight.data_ptr(), inside),
                problem=_problem(x, weight, call),
                dtype=dtype,
                memory_format=memory_format_of(x),
            )
        )


def _by_name(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operator's arguments by the names in its schema, defaults included."""
    names = func._schema.arguments
    positional = dict(zip((argument.name for argument in names), args, strict=False))
    defaults = {a.name: a.default_value for a in names if a.has_default_value()}
    return {**defaults, **positional, **kwargs}


def _problem(x: torch.Tensor, weight: torch.Tensor, call: Mapping[str, Any]) -> Problem:
    """Return the problem; x has shape (N, C, H, W) or (C, H, W)."""
    batch_size, channels, height, width = x.shape if x.dim() == 4 else (1, *x.shape)
    out_channels, _, kernel_h, kernel_w = weight.shape
    stride_h, stride_w = _pair(call["stride"])
    dilation_h, dilation_w = _pair(call["dilation"])
    match call["padding"]:
        case "valid":
            sides = (0, 0, 0, 0)
        case "same":
            total_h, total_w = dilation_h * (kernel_h - 1), dilation_w * (kernel_w - 1)
            sides = (total_h // 2, -(-total_h // 2), total_w // 2, -(-total_w // 2))
        case numbers:
            vertical, horizontal = _pair(numbers)
            sides = (vertical, vertical, horizontal, horizontal)
    pad_top, pad_bottom, pad_left, pad_right = sides
    return Problem(
        batch_size=batch_size,
        in_channels=channels,
        height=height,
        width=width,
        out_channels=out_channels,
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        stride_h=stride_h,
        stride_w=stride_w,
        pad_top=pad_top,
        pad_bottom=pad_bottom,
        pad_left=pad_left,
        pad_right=pad_right,
        dilation_h=dilation_h,
        dilation_w=dilation_w,
        groups=call["groups"],
        bias=call["bias"] is not None,
    )


def _pair(values: Any) -> tuple[int, int]:
    if isinstance(values, int):
        return values, values
    first, *rest = values
    return first, rest[0] if rest else first
