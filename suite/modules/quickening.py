"""Modules that compute by rows: given another class in place, and given their own back.

All checks of a call, its weight's included, took 1.5 µs on 2 cores of a Xeon with torch 2.13, above
a module that calls the row and checks nothing: `python -m tests.studies.layer_overhead`.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable
from typing import Any, ClassVar, cast

import torch
from torch import nn

from suite.errors import UsageError
from suite.modules.arguments import NAMES, arguments_of
from suite.modules.fused import FusedConv2d
from suite.modules.operator import convolve_in_graph
from suite.modules.packs import Packs
from suite.modules.refusals import why_not
from suite.tuning.plan import Plan

_ATTRIBUTE = "_quick"
"""Of a quickened module: its `Packs`."""

_is_traced = torch.compiler.is_dynamo_compiling  # one look-up in place of three in every call
_classes: dict[type, type] = {}
"""Plain class → the class of its quickened modules."""


class QuickConv(nn.Module):
    """What a quickened module's class adds to the class that it had, its `plain_class`.

    A call that a plan fits goes to the plan's row, every other to torch.
    """

    __slots__ = ()
    plain_class: ClassVar[type[nn.Conv2d]]
    _quick: Packs

    def forward(self, input: torch.Tensor, *residual: torch.Tensor) -> torch.Tensor:
        if _is_traced():
            if isinstance(self, FusedConv2d):  # the compiler fuses by itself
                return super().forward(input, *residual)
            return convolve_in_graph(self, self._quick, super().forward, input)
        parameters = self._parameters
        output = self._quick.output(
            input, parameters.get("weight"), parameters.get("bias"), *residual
        )
        return super().forward(input, *residual) if output is None else output

    def extra_repr(self) -> str:
        text: str = super().extra_repr()
        for row in self._quick.rows:
            text += f", row={row}"
        return text

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in NAMES and _ATTRIBUTE in self.__dict__:
            _set_packs(self, self._quick.plans)

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        # Moved, or of another type: what was packed would only take memory.
        self._quick.forget()
        return super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Name the plain class in copies and files: this one is made anew where they arrive."""
        reduced: Any = super().__reduce_ex__(max(protocol, 2))
        new, arguments, *others = reduced
        if new is not copyreg.__newobj__:  # type: ignore[attr-defined]
            return reduced
        return _new_quick, (self.plain_class, *arguments[1:]), *others

    def __prepare_scriptable__(self) -> nn.Module:
        """Give TorchScript, which cannot call a row, a module of the plain class."""
        plain = self.plain_class.__new__(self.plain_class)
        plain.__dict__.update({k: v for k, v in vars(self).items() if k != _ATTRIBUTE})
        return plain


def quicken(module: nn.Module, plans: Iterable[Plan]) -> None:
    """Let a convolution module use plans, in place of those it had: it stays the same object.

    Its parameters, buffers, hooks, state_dict and type, `isinstance(module, nn.Conv2d)`, stay, too.

    Raises:
        UsageError: it cannot be quickened; `why_not` gives the reason.
    """
    if reason := why_not(module):
        raise UsageError(f"{type(module).__name__}: {reason}")
    conv = cast(nn.Conv2d, module)
    if not isinstance(conv, QuickConv):
        object.__setattr__(conv, "__class__", _quick_class(type(conv)))
    _set_packs(conv, plans)


def slow_down(module: nn.Module) -> None:
    """Give a module its own class back; one that was never quickened stays as it is."""
    if not isinstance(module, QuickConv):
        return
    if type(module) is _quick_class(module.plain_class):
        object.__setattr__(module, "__class__", module.plain_class)
        del module.__dict__[_ATTRIBUTE]
    else:  # a parametrisation made a class of it since; without plans it is torch's all the same
        _set_packs(module, ())


def plans_of(module: nn.Module) -> tuple[Plan, ...]:
    """Return the plans of a module, none where it is not quickened."""
    return module._quick.plans if isinstance(module, QuickConv) else ()


def refresh(module: nn.Module) -> None:
    """Drop the packs of all quickened modules in a module, itself included.

    For writes that nothing shows: to single elements of a large weight, through `.data` or NumPy.
    """
    for part in module.modules():
        if isinstance(part, QuickConv):
            part._quick.forget()


def _set_packs(module: nn.Module, plans: Iterable[Plan]) -> None:
    module.__dict__[_ATTRIBUTE] = Packs(plans, arguments_of(cast(nn.Conv2d, module)))


def _quick_class(plain: type[nn.Conv2d]) -> Any:
    """Return a class of `plain`'s own module, as tools such as torch.fx go by that name."""
    if plain not in _classes:
        members = {"plain_class": plain, "__module__": plain.__module__, "__doc__": plain.__doc__}
        _classes[plain] = type(f"Quick{plain.__name__}", (QuickConv, plain), members)
    return _classes[plain]


def _new_quick(plain: type[nn.Conv2d], *arguments: Any) -> Any:
    kind = _quick_class(plain)
    return kind.__new__(kind, *arguments)
