"""The registry of implementations: `register`, and look-up by name.

An implementation is a function with `torch.nn.functional.conv2d`'s signature, or with that of the
function that its kind is named after. Where they are looked for: `suite.registry.sources`.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from suite.declaration import ERROR_FACTORS, Declaration
from suite.errors import UsageError, did_you_mean
from suite.kinds import TRANSPOSED
from suite.problem import Problem
from suite.ranges import Misfit, shown
from suite.records import checked
from suite.registry.implementation import Implementation, shortened
from suite.registry.signatures import (
    SIGNATURES,
    adaptation_of,
    check_signature,
    check_takes_epilogue,
)
from suite.registry.widening import with_16_bit

Function = TypeVar("Function", bound=Callable[..., Any])


_registered: dict[str, Implementation] = {}


def register(
    name: str,
    *,
    family: str = "direct",
    kind: str | None = None,
    kinds: Iterable[str] | None = None,
    adapt: str | None = None,
    supports: Callable[[Problem], str | None] | None = None,
    prepare: Callable[[Any, Problem], Any] | None = None,
    available: Callable[[], str | None] | None = None,
    devices: Iterable[str] = ("cpu", "cuda"),
    dtypes: Iterable[str] = ("float32", "float64"),
    via_float32: bool = False,
    precision: str | None = None,
    error_factor: float | None = None,
    nan_policy: str = "receptive_field",
    on_request: bool = False,
    epilogues: Iterable[str] = (),
    workspace_bytes: Callable[[Problem, int], float] | None = None,
    executed_flops: Callable[[Problem], float] | None = None,
    accuracy_note: Callable[[Any, Problem], str] | None = None,
) -> Callable[[Function], Function]:
    """Register a function as an implementation; returns it unchanged.

    A name may be registered again in the same file for other kinds, with another function: a
    transposed convolution's signature is another. What is declared besides has to be the same.

    Args:
        name: what it is called on the command line and in every table.
        family: one of `FAMILIES`; decides how accurate it has to be.
        kind: what it computes, named as torch's function whose signature it has; conv2d unless it
            is said.
        kinds: the same where it computes several, all of them transposed or none.
        adapt: which of conv2d's parameters a function with another signature takes, in its order:
            "input, weight, stride, padding"; see `suite.registry.adapting`.
        supports: takes the problem, returns None or the reason why it is not covered.
        prepare: takes the weight and the problem, runs once per weight; the function then gets
            what it returned in place of the weight.
        available: returns None, or why it cannot run on this machine and how to change that.
        devices: where it runs: "cpu", "cuda".
        dtypes: what it computes in.
        via_float32: float16 and bfloat16, too, without a line in the function: it and `prepare` see
            float32 then. The weight is converted when it is packed, input, bias and residual in the
            call, and the result is rounded once. For what no 16-bit instructions compute.
        precision: the lower precision that it computes in on purpose; shown in every table.
        error_factor: element error in units of √K·u·S, where the family allows to declare it.
        nan_policy: how far a NaN in the input spreads: "receptive_field", "tile" or "plane".
        on_request: run it only when it is asked for by name.
        epilogues: what it fuses with the convolution: "relu", "add_relu", ... (`suite.epilogues`).
            For a problem with one of these, `problem.epilogue` has its name in `supports` and
            `prepare`, and the function gets two more arguments, by keyword: `epilogue`, the name,
            and `residual`, of the output's shape, or None where nothing is added. What it does not
            name here, torch computes after it, in place.
        workspace_bytes: takes the problem and bytes per element, returns the extra memory.
        executed_flops: takes the problem, returns the operations that are really executed.
        accuracy_note: takes the weight and the problem, returns a sentence on its accuracy.

    Raises:
        UsageError: name taken, unknown family or kind, or a signature other than that of torch's
            function or than what `adapt` says.
    """
    source = sys._getframe(1).f_code.co_filename
    usual, _ = ERROR_FACTORS.get(family, (1.0, 1.0))

    def add(function: Function) -> Function:
        of_kinds = _kinds(name, kind, kinds, source)
        is_transposed = set(of_kinds) <= set(TRANSPOSED)
        adaptation = adaptation_of(name, function, source, adapt, is_transposed)
        implementation = Implementation(
            name=name,
            family=family,
            function=adaptation.applied_to(function) if adaptation else function,
            source=source,
            summary=_first_line(function),
            supports=_first_reason(adaptation.why_unsupported, supports)
            if adaptation
            else supports,
            prepare=prepare,
            available=available,
            devices=_listed(devices),
            dtypes=with_16_bit(_listed(dtypes)) if via_float32 else _listed(dtypes),
            precision=precision,
            error_factor=usual if error_factor is None else error_factor,
            nan_policy=nan_policy,
            on_request=on_request,
            epilogues=_listed(epilogues),
            packs=prepare is not None,
            workspace_bytes=workspace_bytes,
            executed_flops=executed_flops,
            accuracy_note=accuracy_note,
            adapt=adapt,
            via_float32=via_float32,
            kinds=of_kinds,
        )
        try:
            checked(implementation.declaration)
        except Misfit as misfit:
            raise UsageError(f"{source}: register({shown(name)}): {misfit}") from None
        if adaptation is None:
            check_signature(name, function, source, of_kinds[0])
        if implementation.epilogues:
            check_takes_epilogue(name, function, source, adapt, of_kinds[0])
        enter(implementation)
        return function

    return add


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as given; a lone text, as ("float32") is, is one of them."""
    return (names,) if isinstance(names, str) else tuple(names)


def _kinds(
    name: str, kind: str | None, kinds: Iterable[str] | None, source: str
) -> tuple[str, ...]:
    """Return what a function is registered for.

    Raises:
        UsageError: both are given, or kinds whose functions have different signatures.
    """
    if kinds is None:
        return (kind if kind is not None else "conv2d",)
    several = _listed(kinds)
    if kind is not None:
        raise UsageError(f'{source}: "{name}" gives kind and kinds; leave one out')
    transposed = [each for each in several if each in TRANSPOSED]
    if transposed and len(transposed) < len(several):
        raise UsageError(
            f'{source}: "{name}" is registered for {", ".join(several)}, whose functions in torch '
            f"have different signatures, {SIGNATURES[False]} and {SIGNATURES[True]}; register one "
            "function for each, under the same name if you like"
        )
    return several


def _joined(first: Implementation, second: Implementation) -> Implementation:
    """Return the implementation of a name that a second function was registered under.

    Raises:
        UsageError: the name is taken, or the two declare different things.
    """
    taken = [kind for kind in first.declaration.kinds if kind in second.kinds]
    if taken or first.source != second.source:
        for_kind = f" for {', '.join(taken)}" if first.source == second.source else ""
        raise UsageError(
            f'the name "{first.name}" is taken: {first.source} registered it{for_kind}, '
            f"{second.source} wants it too; choose another name"
        )
    for field in dataclasses.fields(Declaration):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if one != other and field.name not in ("summary", "packs", "kinds", "epilogues"):
            raise UsageError(
                f'{first.source}: "{first.name}" is registered with {field.name} {shown(one)} for '
                f"{', '.join(first.declaration.kinds)} and with {shown(other)} for "
                f"{', '.join(second.kinds)}; a name has one, so choose another name"
            )
    return dataclasses.replace(first, others=(*first.others, second))


def _first_line(function: Callable[..., Any]) -> str:
    lines = (inspect.getdoc(function) or "").strip().splitlines()
    return shortened(lines[0]) if lines else ""


def _first_reason(
    first: Callable[[Problem], str | None], second: Callable[[Problem], str | None] | None
) -> Callable[[Problem], str | None]:
    def reason(problem: Problem) -> str | None:
        return first(problem) or (second(problem) if second else None)

    return reason


def enter(implementation: Implementation) -> None:
    """Put an implementation on the list, to one of its name for other kinds if there is one.

    Raises:
        UsageError: the name is taken, or the two declare different things.
    """
    first = _registered.get(implementation.name)
    _registered[implementation.name] = _joined(first, implementation) if first else implementation


def forget_all() -> None:
    """Empty the list."""
    _registered.clear()


def get(name: str) -> Implementation:
    """Return the implementation registered as `name`.

    Raises:
        UsageError: nothing of that name is registered; names the nearest match.
    """
    if name not in _registered:
        raise UsageError(
            f'implementation "{name}" is unknown.{did_you_mean(name, _registered)} '
            f"Registered: {', '.join(sorted(_registered))}"
        )
    return _registered[name]


def registered() -> list[Implementation]:
    """Return all loaded implementations in the order of registration."""
    return list(_registered.values())
