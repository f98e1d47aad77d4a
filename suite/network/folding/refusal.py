"""A folded network is for inference: what would be wrong with it is refused, with words."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from torch import nn

from suite.errors import UsageError

_classes: dict[type, type] = {}
"""Plain class → the class of its folded networks."""


class FoldedNetwork(nn.Module):
    """A network, or a part of one, whose batch norms lie in its convolutions' weights."""

    gone: frozenset[str] = frozenset()
    """Keys of state_dict that only the unfolded network has."""

    def train(self, mode: bool = True) -> Self:
        if mode:
            raise UsageError(
                "a folded network is for inference: its batch norms lie in its weights. Train the "
                "original model, which fold=True left as it was, and optimise it again"
            )
        return super().train(mode)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load what a folded network saved.

        Raises:
            UsageError: it was saved by the unfolded one, whose weights would be wrong here.
        """
        for key in state_dict:
            if key in self.gone:
                raise UsageError(
                    f'"{key}" is of the unfolded network: load it into the original model and '
                    "optimise that again with fold=True"
                )
        return super().load_state_dict(state_dict, *args, **kwargs)


class _FoldedClass(FoldedNetwork):
    """What a folded network's class adds to the class that it had."""

    plain_class: ClassVar[type[nn.Module]]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Name the plain class in copies and files: this one is made anew where they arrive."""
        reduced: Any = super().__reduce_ex__(max(protocol, 2))
        new, arguments, *others = reduced
        if new is not copyreg.__newobj__:  # type: ignore[attr-defined]
            return reduced
        return _new_folded, (self.plain_class, *arguments[1:]), *others


def as_folded(model: nn.Module) -> nn.Module:
    """Have a network that was folded in parts refuse what those refuse, before it does anything."""
    if not isinstance(model, FoldedNetwork):
        object.__setattr__(model, "__class__", _folded_class(type(model)))
    return model


def _folded_class(plain: type[nn.Module]) -> Any:
    if plain not in _classes:
        members = {"plain_class": plain, "__module__": plain.__module__, "__doc__": plain.__doc__}
        _classes[plain] = type(f"Folded{plain.__name__}", (_FoldedClass, plain), members)
    return _classes[plain]


def _new_folded(plain: type[nn.Module], *arguments: Any) -> Any:
    kind = _folded_class(plain)
    return kind.__new__(kind, *arguments)
