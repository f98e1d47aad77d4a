"""Whether a function can be called as torch's is: by its own signature, or by what `adapt` says."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from suite.errors import UsageError
from suite.kinds import TRANSPOSED
from suite.registry.adapting import Adaptation, parameters_of
from suite.registry.guessing import guessed_from, is_in_another_order

SIGNATURES = {
    False: "(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)",
    True: "(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1)",
}
"""Whether a kind is transposed → the signature of torch's function."""


def adaptation_of(
    name: str, function: Callable[..., Any], source: str, adapt: str | None, is_transposed: bool
) -> Adaptation | None:
    """Return how a function takes conv2d's arguments, None where it takes them as they are.

    Raises:
        UsageError: it cannot take them so; names the file.
    """
    if adapt is None:
        return None
    try:
        adaptation = Adaptation.parse(adapt, is_transposed=is_transposed)
        adaptation.require(function)
    except UsageError as error:
        raise UsageError(f'{source}: "{name}": {error}') from None
    return adaptation


def check_signature(name: str, function: Callable[..., Any], source: str, kind: str) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # built-ins, F.conv2d among them, have none to inspect
        return
    is_transposed = kind in TRANSPOSED
    parameters = parameters_of(is_transposed)
    try:
        signature.bind(*parameters)
        signature.bind("input", "weight", **dict.fromkeys(parameters[2:]))
        reason = "in another order" if is_in_another_order(signature, parameters) else ""
    except TypeError as error:
        reason = str(error)
    if reason:
        raise UsageError(
            f'{source}: "{name}" has the signature {signature} ({reason}); it must accept '
            f"{kind}'s: {SIGNATURES[is_transposed]}, or be registered with what it takes of these: "
            f"{guessed_from(signature, kind).decorator(name)}"
        )


def check_takes_epilogue(
    name: str, function: Callable[..., Any], source: str, adapt: str | None, kind: str
) -> None:
    wanted = f"{SIGNATURES[kind in TRANSPOSED][:-1]}, epilogue=None, residual=None)"
    if adapt is not None:
        raise UsageError(
            f'{source}: "{name}" has adapt= and epilogues=; a function that fuses takes '
            f"{kind}'s own arguments: {wanted}"
        )
    try:
        signature = inspect.signature(function)
        arguments = parameters_of(kind in TRANSPOSED)
        signature.bind(*arguments, epilogue="relu", residual=None)
    except ValueError:  # a built-in has none to inspect
        return
    except TypeError as error:
        raise UsageError(
            f'{source}: "{name}" declares epilogues and has the signature {signature} ({error}); '
            f"it must accept {wanted}"
        ) from None
