"""A module that computes a graph: the same modules at the same places, and the code between."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from torch import fx, nn
from torch.fx.node import _get_qualified_name

from suite.errors import UsageError
from suite.network.folding.refusal import FoldedNetwork
from suite.network.folding.tracing import targets

_FUNCTION = "_function"
_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)


class Traced(FoldedNetwork):
    """Computes a graph by its code; can be copied and pickled as any module can.

    Args:
        root: whose parts the graph names; they become this one's.
        modules: parts that are to stand in place of the root's.
    """

    def __init__(self, root: nn.Module, graph: fx.Graph, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.training = False
        self.plain_name = type(root).__name__
        for target in targets(graph, ("call_module",)):
            part = modules[target] if target in modules else root.get_submodule(target)
            parent = self._parent(target)
            parent.add_module(target.rpartition(".")[2], part)
        for target in targets(graph, ("get_attr",)):
            path, _, name = target.rpartition(".")
            owner = root.get_submodule(path)
            parent = self._parent(target)
            if name in owner._parameters:
                parent.register_parameter(name, owner._parameters[name])
            elif name in owner._buffers:
                is_saved = name not in owner._non_persistent_buffers_set
                parent.register_buffer(name, owner._buffers[name], persistent=is_saved)
            else:
                setattr(parent, name, getattr(owner, name))
        for name in _HOOKS:
            getattr(self, name).update(getattr(root, name, {}))
        code = graph.python_code("self")
        self.code = code.src
        self._names = {name: _reference_to(value) for name, value in code.globals.items()}
        self._compile()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(self, *args, **kwargs)

    def _get_name(self) -> str:
        return f"Folded{self.plain_name}"

    def _parent(self, target: str) -> nn.Module:
        """Return the module that a part belongs in, made where there is none."""
        parent: nn.Module = self
        for name in target.split(".")[:-1]:
            if name not in parent._modules:
                parent.add_module(name, nn.Module().eval())
            parent = parent.get_submodule(name)
        return parent

    def _compile(self) -> None:
        names = {name: _referred_to(value) for name, value in self._names.items()}
        exec(compile(self.code, f"<folded {self.plain_name}>", "exec"), names)
        self._function: Callable[..., Any] = names["forward"]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != _FUNCTION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._compile()


class _Reference:
    """A function or type by its name: many of torch's cannot be pickled themselves."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self) -> Any:
        first, *names = self.name.split(".")
        path, value = first, importlib.import_module(first)
        for name in names:
            path = f"{path}.{name}"
            value = getattr(value, name) if hasattr(value, name) else importlib.import_module(path)
        return value


def _reference_to(value: Any) -> Any:
    """Return a reference to what a name finds, the value itself where none does."""
    is_module = isinstance(value, ModuleType)
    if not is_module and not callable(value):
        return value
    try:
        reference = _Reference(value.__name__ if is_module else _get_qualified_name(value))
        return reference if reference.value() is value else value
    except (AttributeError, ImportError, RuntimeError, ValueError):
        return value


def _referred_to(value: Any) -> Any:
    try:
        return value.value() if isinstance(value, _Reference) else value
    except (AttributeError, ImportError) as error:
        raise UsageError(
            f"a folded network calls {value.name}, which this torch does not have: fold the "
            "original model anew"
        ) from error
