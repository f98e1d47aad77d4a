"""Notes each convolution that a model executes, as it was called.

Convolutions are noted where torch dispatches operators, so that modules, functional calls and
traced graphs are seen alike. In inference mode an operator arrives there as it was called, with
`padding="same"` still a word; otherwise torch has already padded by then.
"""

from __future__ import annotations

import dataclasses
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

from suite.capture.child.keeping import Keeper
from suite.conditions import DTYPE_BYTES
from suite.kinds import KINDS, TRANSPOSED, Pair, each_axis, side_fields
from suite.messages.capture import Executed
from suite.models.loading import modules_in
from suite.operands.tensors import memory_format_of
from suite.problem import Problem

_RECORDED = re.compile(r"conv(_transpose)?[123]d|_?convolution|_convolution_mode")
"""Operators of torch's own that are a problem, once their arguments are known."""
_ELSEWHERE = (
    (re.compile(r"quantized|onednn::q|int8"), "quantised"),
    (re.compile(r"deform"), "deformable"),
    (re.compile(r"backward|_grad"), "gradients of convolutions"),
)
"""What other operators compute, in words, by their names."""
_CONVOLVES = re.compile(r"(?<!reorder_)conv(?!ert)")
"""Names of operators that convolve, in any library: not those that convert, or reorder weights."""


def _below(name: str, path: str) -> str:
    return ".".join(filter(None, (name, path)))


class Recorder(TorchDispatchMode):
    """Notes the convolutions that are executed while it is active."""

    def __init__(self, model: Callable[..., Any], keeper: Keeper | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._keeper = keeper
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
        if space != "aten" or not _RECORDED.fullmatch(name):
            self.others[_in_words(space, name)] += 1
            return
        x, weight = call["input"], call["weight"]
        axes = weight.dim() - 2
        is_transposed = bool(call.get("transposed")) or "transpose" in name
        kind = f"conv{'_transpose' if is_transposed else ''}{axes}d"
        dtype = str(x.dtype).removeprefix("torch.")
        if kind not in KINDS or dtype not in DTYPE_BYTES:
            self.others[f"{kind} in {dtype}"] += 1
            return
        inside = self._entered[-1] if self._entered else ""
        executed = Executed(
            module=self._owners.get(weight.data_ptr(), inside),
            problem=_problem(x, weight, call, kind),
            dtype=dtype,
            memory_format=memory_format_of(x),
        )
        if self._keeper:
            stored = self._keeper.kept(executed, x, weight, call["bias"])
            executed = dataclasses.replace(executed, stored=stored)
        self.convolutions.append(executed)


def _by_name(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operator's arguments by the names in its schema, defaults included."""
    names = func._schema.arguments
    positional = dict(zip((argument.name for argument in names), args, strict=False))
    defaults = {a.name: a.default_value for a in names if a.has_default_value()}
    return {**defaults, **positional, **kwargs}


def _in_words(space: str, name: str) -> str:
    """Return what an operator is that no scenario describes: in words where its name tells."""
    own = name if space == "aten" else f"{space}::{name}"
    words = next((words for pattern, words in _ELSEWHERE if pattern.search(own)), "")
    return f"{words} ({own})" if words else own


def _problem(x: torch.Tensor, weight: torch.Tensor, call: Mapping[str, Any], kind: str) -> Problem:
    """Return the problem; x has shape (N, C, …), or (C, …) without a batch."""
    axes = weight.dim() - 2
    shape = tuple(x.shape) if x.dim() == weight.dim() else (1, *x.shape)
    dilation = each_axis(call["dilation"], axes)
    symmetric, sides = _padding(call["padding"], dilation, tuple(weight.shape[2:]))
    problem = Problem.of_call(
        shape,
        tuple(weight.shape),
        bias=call["bias"] is not None,
        stride=each_axis(call["stride"], axes),
        padding=symmetric,
        dilation=dilation,
        groups=call["groups"],
        transposed=kind in TRANSPOSED,
        output_padding=each_axis(call.get("output_padding") or 0, axes),
    )
    changed: dict[str, Any] = side_fields(sides)
    return dataclasses.replace(problem, **changed)


def _padding(
    padding: Any, dilation: Sequence[int], kernel: Sequence[int]
) -> tuple[Sequence[int], list[Pair]]:
    """Return padding that makes a problem of the sizes, and what it is before and behind each axis.

    They differ where a word puts an odd zero behind.
    """
    if not isinstance(padding, str):
        numbers = each_axis(padding, len(kernel))
        return numbers, [(size, size) for size in numbers]
    if padding == "valid":
        return (0,) * len(kernel), [(0, 0)] * len(kernel)
    totals = [step * (size - 1) for step, size in zip(dilation, kernel, strict=True)]
    halves = [-(-total // 2) for total in totals]
    return halves, [(total // 2, half) for total, half in zip(totals, halves, strict=True)]
