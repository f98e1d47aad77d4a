"""The registry of implementations: `register`, and look-up by name.

An implementation is a function with `torch.nn.functional.conv2d`'s signature, or with that of the
function that its kind is named after. Where they are looked for: `suite.registry.sources`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from suite.conditions import DTYPE_BYTES, SIXTEEN_BIT, Scenario
from suite.declaration import ERROR_FACTORS, Declaration
from suite.epilogues import EPILOGUES
from suite.errors import UsageError, did_you_mean
from suite.kinds import KINDS, TRANSPOSED
from suite.problem import Problem
from suite.ranges import Misfit, shown
from suite.records import checked
from suite.registry.adapting import Adaptation, parameters_of
from suite.registry.guessing import guessed_from, is_in_another_order
from suite.registry.widening import copies, widened, widened_prepare

SIGNATURES = {
    False: "(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)",
    True: "(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1)",
}
"""Whether a kind is transposed → the signature of torch's function."""

MOST_AMOUNT = 2.0**63
"""Of bytes and operations that an implementation's formulas may give."""

MOST_TEXT = 2000
"""Characters of a reason or a summary; a plug-in could give a gigabyte."""

SIGNS_OF_ONE_NUMBER = ("'int' object is not", "non-iterable int object", "has no len()")
"""In the words of a TypeError: something expected a pair."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Implementation(Declaration):
    """A registered function, what it declares about itself, and what it tells when asked."""

    function: Callable[..., Any]
    supports: Callable[[Problem], str | None] | None = None
    prepare: Callable[[Any, Problem], Any] | None = None
    available: Callable[[], str | None] | None = None
    workspace_bytes: Callable[[Problem, int], float] | None = None
    executed_flops: Callable[[Problem], float] | None = None
    accuracy_note: Callable[[Any, Problem], str] | None = None
    """For methods whose error depends on the weights: a sentence for the report."""
    adapt: str | None = None
    """How it takes conv2d's arguments, where its signature is another."""
    via_float32: bool = False
    """Whether it computes 16-bit types in float32, see `suite.registry.widening`."""
    others: tuple[Implementation, ...] = ()
    """Functions that were registered under the same name for other kinds."""

    @property
    def declaration(self) -> Declaration:
        """What of it can be told to another process, of all that bear its name."""
        own = (field.name for field in dataclasses.fields(Declaration))
        values = {name: getattr(self, name) for name in own}
        both = (self, *self.others)
        values["packs"] = any(each.packs for each in both)
        values["epilogues"] = tuple(
            name for name in EPILOGUES if any(name in each.epilogues for each in both)
        )
        values["kinds"] = tuple(kind for kind in KINDS if any(kind in e.kinds for e in both))
        return Declaration(**values)

    def of_kind(self, kind: str, dtype: str = "") -> Implementation:
        """Return the function of this name for a kind; this one where there is none.

        Args:
            dtype: what its operands will be; only 16-bit types make a difference.
        """
        own = next((each for each in (self, *self.others) if kind in each.kinds), self)
        if not own.is_widened(dtype):
            return own
        return dataclasses.replace(
            own,
            function=widened(own.function),
            prepare=widened_prepare(own.prepare) if own.prepare else None,
            via_float32=False,
        )

    def is_widened(self, dtype: str) -> bool:
        """Return whether it computes this type in float32."""
        return self.via_float32 and dtype in SIXTEEN_BIT

    def declared_workspace_bytes(self, problem: Problem, itemsize: int) -> int | None:
        """Return the extra memory by its own formula, None where it declares none.

        Raises:
            UsageError: the formula gives what no number of bytes can be.
        """
        own = self.of_kind(problem.kind)
        if own.workspace_bytes is None:
            return None
        converted_bytes = 0
        if own.via_float32 and itemsize == DTYPE_BYTES[SIXTEEN_BIT[0]]:
            itemsize = DTYPE_BYTES["float32"]
            converted_bytes = itemsize * copies(problem, weight=own.prepare is None)
        own_bytes = self._amount("workspace_bytes", own.workspace_bytes(problem, itemsize))
        return int(own_bytes) + converted_bytes

    def declared_executed_flops(self, problem: Problem) -> float | None:
        """Return the executed operations by its own formula, None where it declares none.

        Raises:
            UsageError: the formula gives what no number of operations can be.
        """
        formula = self.of_kind(problem.kind).executed_flops
        if formula is None:
            return None
        return self._amount("executed_flops", formula(problem))

    def _amount(self, key: str, value: Any) -> float:
        try:
            amount = float(value)
        except (TypeError, ValueError, OverflowError):
            amount = math.nan
        if not 0 <= amount < MOST_AMOUNT:
            raise UsageError(
                f'{self.source}: {key} of "{self.name}" returned {shown(value)}; it has to return '
                f"a number from 0 to {MOST_AMOUNT:.3g}"
            )
        return amount

    def hint_for(self, error: Exception) -> str:
        """Return what may cure an exception of its own, or an empty text."""
        if self.adapt is None or not isinstance(error, TypeError) or "pair(" in self.adapt:
            return ""
        if not any(sign in str(error) for sign in SIGNS_OF_ONE_NUMBER):
            return ""
        return "; adapt gives it one number for both axes, and pair(stride) gives it both"

    def why_unavailable(self) -> str | None:
        """Return why it cannot run on this machine at all, or None."""
        return _reason(self.available()) if self.available else None

    def why_unsupported(self, scenario: Scenario) -> str | None:
        """Return why it does not cover `scenario`, or None."""
        if reason := self.of_kind(scenario.problem.kind).why_unavailable():
            return reason
        device = scenario.device.partition(":")[0]
        if device not in self.devices:
            return f"runs on {' and '.join(self.devices)} only"
        if scenario.dtype not in self.dtypes:
            return f"computes {', '.join(self.dtypes)} only"
        return self.why_unsupported_problem(scenario.problem.as_called())

    def asked(self, problem: Problem) -> Problem:
        """Return what it is asked to compute: the epilogue only where it fuses that one."""
        fused = self.of_kind(problem.kind).epilogues
        return problem if problem.epilogue in fused else problem.plain()

    def why_unsupported_problem(self, problem: Problem) -> str | None:
        """Return why it does not cover `problem`, or None. No function sees another kind.

        An epilogue that it does not fuse is nothing that it has to cover.
        """
        own = self.of_kind(problem.kind)
        if problem.kind not in own.kinds:
            return f"computes {' and '.join(self.declaration.kinds)} only"
        problem = self.asked(problem)
        if problem.in_channels == 0:
            # torch's own conv2d returns a tensor without channels here.
            return "an input without channels"
        return _reason(own.supports(problem)) if own.supports else None


def _reason(reason: Any) -> str | None:
    """Return what a plug-in gave for a reason as one; nothing and empty texts are none."""
    return shortened(str(reason)) if reason else None


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
        adaptation = _adaptation(name, function, source, adapt, is_transposed)
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
            devices=tuple(devices),
            dtypes=_with_16_bit(dtypes) if via_float32 else tuple(dtypes),
            precision=precision,
            error_factor=usual if error_factor is None else error_factor,
            nan_policy=nan_policy,
            on_request=on_request,
            epilogues=tuple(epilogues),
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
            _check_signature(name, function, source, of_kinds[0])
        if implementation.epilogues:
            _check_takes_epilogue(name, function, source, adapt, of_kinds[0])
        first = _registered.get(name)
        _registered[name] = _joined(first, implementation) if first else implementation
        return function

    return add


def _with_16_bit(dtypes: Iterable[str]) -> tuple[str, ...]:
    """Return what a function computes with the types that are converted for it."""
    return tuple(dict.fromkeys((*dtypes, *SIXTEEN_BIT)))


def _kinds(
    name: str, kind: str | None, kinds: Iterable[str] | None, source: str
) -> tuple[str, ...]:
    """Return what a function is registered for.

    Raises:
        UsageError: both are given, or kinds whose functions have different signatures.
    """
    if kinds is None:
        return (kind if kind is not None else "conv2d",)
    several = (kinds,) if isinstance(kinds, str) else tuple(kinds)
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


def shortened(text: str) -> str:
    """Return a text that a table can show and a result can hold."""
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _adaptation(
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


def _first_reason(
    first: Callable[[Problem], str | None], second: Callable[[Problem], str | None] | None
) -> Callable[[Problem], str | None]:
    def reason(problem: Problem) -> str | None:
        return first(problem) or (second(problem) if second else None)

    return reason


def _check_signature(name: str, function: Callable[..., Any], source: str, kind: str) -> None:
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


def _check_takes_epilogue(
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
