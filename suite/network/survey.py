"""What there is: a network run once, and every convolution in it as it was called."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import is_lazy

from suite.conditions import MEMORY_FORMATS
from suite.errors import UsageError
from suite.modules.arguments import DTYPES, as_called
from suite.modules.refusals import why_not
from suite.network.calls import FunctionalCalls
from suite.network.twin import Inputs, first_line, run
from suite.operands.tensors import formats_of, memory_format_of
from suite.problem import Problem


@dataclass(frozen=True)
class Call:
    """How a convolution was called."""

    problem: Problem
    dtype: str
    memory_format: str


@dataclass
class Layer:
    """One convolution module of the network, by the path that is found first."""

    path: str
    reason: str
    """Why it stays torch's; empty where it may be replaced."""
    weight_bytes: int
    calls: list[Call] = field(default_factory=list)
    """Each different one once, in the order in which they came."""


@dataclass(frozen=True)
class Survey:
    """What one pass showed."""

    layers: tuple[Layer, ...]
    functional: tuple[tuple[str, str], ...]
    """(Path of the module that calls, why it stays torch's)."""
    output: Any

    @property
    def memory_format(self) -> str:
        """That of most of its convolutions' inputs."""
        formats = [call.memory_format for layer in self.layers for call in layer.calls]
        return max(MEMORY_FORMATS, key=formats.count)

    def layer(self, path: str) -> Layer:
        return next(layer for layer in self.layers if layer.path == path)

    @property
    def open_layers(self) -> tuple[Layer, ...]:
        """Those that may be replaced."""
        return tuple(layer for layer in self.layers if not layer.reason)


def survey(model: nn.Module, inputs: Inputs) -> Survey:
    """Run a copy of a network once and return what it executed.

    Raises:
        UsageError: it cannot be run with these inputs; the network's own line is named.
    """
    modules = convolutions(model)
    layers = {id(module): _layer(path, module) for path, module in modules}
    handles = []
    for _, module in modules:
        if not isinstance(module, torch.jit.ScriptModule):
            handles.append(module.register_forward_pre_hook(_noting(layers[id(module)])))
    try:
        with FunctionalCalls(model, [module for _, module in modules]) as functional:
            output = run(model, inputs)
    except Exception as error:
        raise UsageError(
            f"{_own_line(error)}: raised with these inputs: {type(error).__name__}: "
            f"{first_line(error)}; give what it is called with: optimize(model, *example_inputs)"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers.values():
        if not layer.reason and not layer.calls:
            layer.reason = "not called with these inputs"
    calls = tuple(
        (path, f"{name} called {_times(count)} by function: no module stands for it")
        for (path, name), count in functional.found.items()
    )
    return Survey(tuple(layers.values()), calls, output)


def convolutions(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return path and module of each convolution, one that is shared once."""
    return [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, _ConvNd) or _foreign_kind(module).startswith("Conv")
    ]


def _foreign_kind(module: nn.Module) -> str:
    """Return what a scripted or a quantised module is one of; empty of any other."""
    if isinstance(module, torch.jit.ScriptModule):
        return str(module.original_name)
    return type(module).__name__ if type(module).__module__.startswith("torch.ao.nn") else ""


def _layer(path: str, module: nn.Module) -> Layer:
    weight = getattr(module, "weight", None)
    size_bytes = 0
    if isinstance(weight, torch.Tensor) and not is_lazy(weight):
        size_bytes = weight.numel() * weight.element_size()
    return Layer(path, _why_never(module), size_bytes)


def _why_never(module: nn.Module) -> str:
    """Return why a module is not replaced whatever it is called with, or nothing."""
    if isinstance(module, torch.jit.ScriptModule):
        return "scripted: its code cannot be replaced"
    if _foreign_kind(module):
        return f"{_foreign_kind(module)} is quantised: rows compute in float32 and float64"
    if not isinstance(module, nn.Conv2d):
        return f"{type(module).__name__}: only 2-D convolutions are replaced"
    if any(is_lazy(parameter) for parameter in module.parameters(recurse=False)):
        return "a lazy module that was never run: run the model once, then optimise it"
    if module.weight.dtype not in DTYPES:
        dtype = str(module.weight.dtype).removeprefix("torch.")
        return f"{dtype} weights: rows compute in float32 and float64"
    return why_not(module) or ""


def _noting(layer: Layer) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    """Return a hook that notes how a layer is called; later hooks see what it sees."""

    def note(module: nn.Module, args: tuple[Any, ...]) -> None:
        if layer.reason:
            return
        x = args[0] if args else None
        if not isinstance(x, torch.Tensor) or x.dim() != 4:
            layer.reason = "called with something other than one tensor of four dimensions"
        elif x.dtype not in DTYPES or x.device.type != "cpu":
            layer.reason = f"called with {str(x.dtype).removeprefix('torch.')} on {x.device}"
        elif not formats_of(x):
            layer.reason = "its input is a view that lies in no memory format"
        else:
            assert isinstance(module, nn.Conv2d)  # any other has a reason
            n, c, h, w = x.shape
            call = Call(as_called(module, (n, c, h, w)), DTYPES[x.dtype], memory_format_of(x))
            if not _is_residual(args[1:], call.problem, x):
                layer.reason = "what it adds is of another shape or type, and broadcast"
            elif call not in layer.calls:
                layer.calls.append(call)

    return note


def _is_residual(others: tuple[Any, ...], problem: Problem, x: torch.Tensor) -> bool:
    """Return whether what else a layer is called with is as its epilogue has it."""
    if not problem.residual_elements:
        return not others
    (residual,) = others
    if not isinstance(residual, torch.Tensor) or residual.dtype is not x.dtype:
        return False
    return residual.shape == problem.output_shape and residual.layout is torch.strided


def _own_line(error: BaseException) -> str:
    """Return "model.py:12" for the deepest line that is neither torch's nor ours."""
    skipped = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(skipped)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else "the model"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
