"""The registry of implementations: `register`, and look-up by name.

An implementation is a function with `torch.nn.functional.conv2d`'s signature. Where they are looked
for is told in `suite.registry.sources`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from suite.declaration import ERROR_FACTORS, Declaration
from suite.errors import UsageError, did_you_mean
from suite.problem import Problem, Scenario
from suite.ranges import Misfit, shown
from suite.records import checked
from suite.registry.adapting import Adaptation
from suite.registry.guessing import guessed_from, is_in_another_order

SIGNATURE = "(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1)"

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

    @property
    def declaration(self) -> Declaration:
        """What of it can be told to another process."""
        names = (field.name for field in dataclasses.fields(Declaration))
        return Declaration(**{name: getattr(self, name) for name in names})

    def declared_workspace_bytes(self, problem: Problem, itemsize: int) -> int | None:
        """Return the extra memory by its own formula, None where it declares none.

        Raises:
            UsageError: the formula gives what no number of bytes can be.
        """
        if self.workspace_bytes is None:
            return None
        return int(self._amount("workspace_bytes", self.workspace_bytes(problem, itemsize)))

    def declared_executed_flops(self, problem: Problem) -> float | None:
        """Return the executed operations by its own formula, None where it declares none.

        Raises:
            UsageError: the formula gives what no number of operations can be.
        """
        if self.executed_flops is None:
            return None
        return self._amount("executed_flops", self.executed_flops(problem))

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
        if reason := self.why_unavailable():
            return reason
        device = scenario.device.partition(":")[0]
        if device not in self.devices:
            return f"runs on {' and '.join(self.devices)} only"
        if scenario.dtype not in self.dtypes:
            return f"computes {', '.join(self.dtypes)} only"
        return self.why_unsupported_problem(scenario.problem.as_called())

    def asked(self, problem: Problem) -> Problem:
        """Return what it is asked to compute: the epilogue only where it fuses that one."""
        return problem if problem.epilogue in self.epilogues else problem.plain()

    def why_unsupported_problem(self, problem: Problem) -> str | None:
        """Return why it does not cover `problem`, or None.

        An epilogue that it does not fuse is nothing that it has to cover.
        """
        problem = self.asked(problem)
        if problem.in_channels == 0:
            # torch's own conv2d returns a tensor without channels here.
            return "an input without channels"
        return _reason(self.supports(problem)) if self.supports else None


def _reason(reason: Any) -> str | None:
    """Return what a plug-in gave for a reason as one; nothing and empty texts are none."""
    return shortened(str(reason)) if reason else None


_registered: dict[str, Implementation] = {}


def register(
    name: str,
    *,
    family: str = "direct",
    adapt: str | None = None,
    supports: Callable[[Problem], str | None] | None = None,
    prepare: Callable[[Any, Problem], Any] | None = None,
    available: Callable[[], str | None] | None = None,
    devices: Iterable[str] = ("cpu", "cuda"),
    dtypes: Iterable[str] = ("float32", "float64"),
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

    Args:
        name: what it is called on the command line and in every table.
        family: one of `FAMILIES`; decides how accurate it has to be.
        adapt: which of conv2d's parameters a function with another signature takes, in its order:
            "input, weight, stride, padding"; see `suite.registry.adapting`.
        supports: takes the problem, returns None or the reason why it is not covered.
        prepare: takes the weight and the problem, runs once per weight; the function then gets
            what it returned in place of the weight.
        available: returns None, or why it cannot run on this machine and how to change that.
        devices: where it runs: "cpu", "cuda".
        dtypes: what it computes in.
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
        UsageError: name taken, unknown family, or a signature other than conv2d's or than what
            `adapt` says.
    """
    source = sys._getframe(1).f_code.co_filename
    usual, _ = ERROR_FACTORS.get(family, (1.0, 1.0))

    def add(function: Function) -> Function:
        adaptation = _adaptation(name, function, source, adapt)
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
            dtypes=tuple(dtypes),
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
        )
        try:
            checked(implementation.declaration)
        except Misfit as misfit:
            raise UsageError(f"{source}: register({shown(name)}): {misfit}") from None
        if adaptation is None:
            _check_signature(name, function, source)
        if implementation.epilogues:
            _check_takes_epilogue(name, function, source, adapt)
        if name in _registered:
            raise UsageError(
                f'the name "{name}" is taken: {_registered[name].source} registered it, '
                f"{source} wants it too; choose another name"
            )
        _registered[name] = implementation
        return function

    return add


def _first_line(function: Callable[..., Any]) -> str:
    lines = (inspect.getdoc(function) or "").strip().splitlines()
    return shortened(lines[0]) if lines else ""


def shortened(text: str) -> str:
    """Return a text that a table can show and a result can hold."""
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _adaptation(
    name: str, function: Callable[..., Any], source: str, adapt: str | None
) -> Adaptation | None:
    """Return how a function takes conv2d's arguments, None where it takes them as they are.

    Raises:
        UsageError: it cannot take them so; names the file.
    """
    if adapt is None:
        return None
    try:
        adaptation = Adaptation.parse(adapt)
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


def _check_signature(name: str, function: Callable[..., Any], source: str) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # built-ins, F.conv2d among them, have none to inspect
        return
    try:
        signature.bind("input", "weight", "bias", (1, 1), (0, 0), (1, 1), 1)
        signature.bind("input", "weight", bias=None, stride=1, padding=0, dilation=1, groups=1)
        reason = "in another order" if is_in_another_order(signature) else ""
    except TypeError as error:
        reason = str(error)
    if reason:
        raise UsageError(
            f'{source}: "{name}" has the signature {signature} ({reason}); it must accept '
            f"conv2d's: {SIGNATURE}, or be registered with what it takes of these: "
            f"{guessed_from(signature).decorator(name)}"
        )


def _check_takes_epilogue(
    name: str, function: Callable[..., Any], source: str, adapt: str | None
) -> None:
    if adapt is not None:
        raise UsageError(
            f'{source}: "{name}" has adapt= and epilogues=; a function that fuses takes '
            f"conv2d's own arguments: {SIGNATURE[:-1]}, epilogue=None, residual=None)"
        )
    try:
        signature = inspect.signature(function)
        signature.bind("input", "weight", None, 1, 0, 1, 1, epilogue="relu", residual=None)
    except ValueError:  # a built-in has none to inspect
        return
    except TypeError as error:
        raise UsageError(
            f'{source}: "{name}" declares epilogues and has the signature {signature} ({error}); '
            f"it must accept {SIGNATURE[:-1]}, epilogue=None, residual=None)"
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
