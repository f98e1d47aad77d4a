"""Convolutions that a network calls by function: there is no module to replace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class FunctionalCalls(TorchFunctionMode):
    """Counts convolutions called outside of convolution modules while it is active.

    `found` maps (path of the innermost module, name of the function) to how often.

    Args:
        convolutions: the modules whose own calls do not count.
    """

    def __init__(self, model: nn.Module, convolutions: Collection[nn.Module]) -> None:
        super().__init__()
        self._convolutions = set(map(id, convolutions))
        self.found: Counter[tuple[str, str]] = Counter()
        self._entered: list[tuple[str, bool]] = [("", False)]
        self._handles: list[Any] = []
        self._model = model

    def __enter__(self) -> FunctionalCalls:
        for path, module in self._model.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                is_own = id(module) in self._convolutions
                self._handles += [
                    module.register_forward_pre_hook(self._entering(path, is_own)),
                    module.register_forward_hook(self._leave, always_call=True),
                ]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for handle in self._handles:
            handle.remove()

    def _entering(self, path: str, is_convolution: bool) -> Callable[..., None]:
        def enter(_module: nn.Module, _inputs: object) -> None:
            self._entered.append((path, is_convolution))

        return enter

    def _leave(self, _module: nn.Module, _inputs: object, _output: object) -> None:
        self._entered.pop()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name.startswith("conv") and not any(is_own for _, is_own in self._entered):
            self.found[self._entered[-1][0], name] += 1
        return func(*args, **(kwargs or {}))
