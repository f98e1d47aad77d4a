"""Functions with another signature than conv2d's: what they take, told by names of conv2d's.

`adapt="input, weight, stride, padding"` says which of conv2d's parameters a function takes, in its
own order. Most such functions take one number for both axes, so `stride` stands for one, and
`pair(stride)` for both in a tuple; `stride[0]` is the height's alone, and `pad=padding` gives it by
keyword. What a function does not take it does not cover, unless it has conv2d's default. With
another kind it is the same for as many axes as there are, and a transposed one's output_padding.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from suite.errors import UsageError, did_you_mean
from suite.kinds import AXIS_NAMES, Sizes
from suite.problem import Problem

PARAMETERS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
"""Of conv2d, in its order; conv1d and conv3d have the same."""
OF_TRANSPOSED = (
    "input",
    "weight",
    "bias",
    "stride",
    "padding",
    "output_padding",
    "groups",
    "dilation",
)
"""Of conv_transpose2d."""
DEFAULTS = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
"""Of those that have a number for each axis."""
ALWAYS = ("input", "weight")

_ARGUMENT = re.compile(
    r"(?:(?P<keyword>[^\W\d]\w*)\s*=\s*)?"
    r"(?:pair\(\s*(?P<both>\w+)\s*\)|(?P<name>\w+)(?:\[(?P<axis>[012])\])?)"
)


def parameters_of(is_transposed: bool) -> tuple[str, ...]:
    """Return the parameters of torch's function, in its order."""
    return OF_TRANSPOSED if is_transposed else PARAMETERS


def _grammar(parameters: tuple[str, ...]) -> str:
    return (
        f"give names among {', '.join(parameters)} in the order in which the function takes them; "
        "stride is one number for both axes, pair(stride) both, stride[0] the height's alone, "
        "s=stride gives it by keyword"
    )


@dataclass(frozen=True)
class _Argument:
    """One argument of an adapted function."""

    parameter: str
    form: str
    """"whole", "number", "pair", "0", "1" or "2"."""
    keyword: str | None

    @property
    def expression(self) -> str:
        """Return the argument in terms of conv2d's, whose pairs may be one number."""
        name, form = self.parameter, self.form
        if form == "whole":
            value = name
        elif form == "pair":
            value = f"{name} if type({name}) is tuple else ({name}, {name})"
        else:
            value = (
                f"{name}[{0 if form == 'number' else form}] if type({name}) is tuple else {name}"
            )
        return f"{self.keyword}={value}" if self.keyword else value


@dataclass(frozen=True)
class Adaptation:
    """How a function takes conv2d's arguments."""

    arguments: tuple[_Argument, ...]
    parameters: tuple[str, ...] = PARAMETERS

    @classmethod
    def parse(cls, text: str, *, is_transposed: bool = False) -> Adaptation:
        """Return what a text such as "input, weight, pair(stride)" says.

        Raises:
            UsageError: it says nothing of the kind.
        """
        parameters = parameters_of(is_transposed)
        grammar = _grammar(parameters)
        if not isinstance(text, str):
            raise UsageError(f"adapt: found {text!r}, expected a text: {grammar}")
        arguments = tuple(_argument(part.strip(), parameters) for part in text.split(","))
        missing = [name for name in ALWAYS if name not in {a.parameter for a in arguments}]
        if missing:
            raise UsageError(f'adapt "{text}" leaves out {" and ".join(missing)}; {grammar}')
        keywords = [a.keyword for a in arguments if a.keyword is not None]
        if len(keywords) > len(set(keywords)):
            raise UsageError(f'adapt "{text}" gives a keyword twice; {grammar}')
        return cls(arguments, parameters)

    def require(self, function: Callable[..., Any]) -> None:
        """See whether a function takes so many arguments.

        Raises:
            UsageError: it does not.
        """
        try:
            signature = inspect.signature(function)
        except ValueError:
            return
        by_place = [a.parameter for a in self.arguments if a.keyword is None]
        by_keyword = {a.keyword: a.parameter for a in self.arguments if a.keyword is not None}
        try:
            signature.bind(*by_place, **by_keyword)
        except TypeError as error:
            raise UsageError(
                f"adapt gives it {len(self.arguments)} arguments, and its signature is "
                f"{signature}: {error}"
            ) from None

    def why_unsupported(self, problem: Problem) -> str | None:
        """Return what of a problem the function is not told, or None."""
        forms: dict[str, set[str]] = {}
        for argument in self.arguments:
            forms.setdefault(argument.parameter, set()).add(argument.form)
        if problem.bias and "bias" not in forms:
            return "takes no bias"
        if problem.groups != 1 and "groups" not in forms:
            return f"takes no groups, here are {problem.groups}"
        for name, usual in DEFAULTS.items():
            if name in self.parameters:
                here = getattr(problem, name)
                if reason := _why_not(name, forms.get(name, set()), here, usual):
                    return reason
        return None

    def applied_to(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with conv2d's signature.

        Made as text: what stands between a timed call and the function costs 0.1 µs so, and 1 µs
        where each argument is looked up. All words in it were parsed.
        """
        by_place_first = sorted(self.arguments, key=lambda argument: argument.keyword is not None)
        arguments = ", ".join(argument.expression for argument in by_place_first)
        defaults = {"bias": None, "groups": 1, **DEFAULTS}
        signature = ", ".join(
            f"{name}={defaults[name]}" if name in defaults else name for name in self.parameters
        )
        made = eval(f"lambda function: lambda {signature}: function({arguments})")
        adapted: Callable[..., Any] = made(function)
        return adapted


def _argument(text: str, parameters: tuple[str, ...]) -> _Argument:
    match, grammar = _ARGUMENT.fullmatch(text), _grammar(parameters)
    if match is None or not _may_be_keyword(match["keyword"] or "x"):
        raise UsageError(f'adapt: "{text}" says nothing; {grammar}')
    name = match["both"] or match["name"]
    if name not in parameters:
        whose = "conv2d" if parameters is PARAMETERS else "conv_transpose2d"
        raise UsageError(
            f'adapt: "{name}" is no parameter of {whose}.{did_you_mean(name, parameters)} {grammar}'
        )
    has_axes = name in DEFAULTS
    if (match["both"] or match["axis"]) and not has_axes:
        raise UsageError(f'adapt: "{text}": {name} has no height and width; {grammar}')
    form = "pair" if match["both"] else match["axis"] or ("number" if has_axes else "whole")
    return _Argument(name, form, match["keyword"])


def _may_be_keyword(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def _why_not(name: str, forms: set[str], here: Sizes, usual: int) -> str | None:
    """Return why a problem's stride, padding or dilation cannot be told, or None."""
    axes = AXIS_NAMES[-len(here) :]
    if "pair" in forms or {str(axis) for axis in range(len(axes))} <= forms:
        return None
    if "number" in forms:
        if len(set(here)) == 1:
            return None
        all_axes = "both" if len(axes) == 2 else "all"
        return f"takes one {name} for {all_axes} axes, here are {' and '.join(map(str, here))}"
    for axis, axis_name in enumerate(axes):
        if str(axis) not in forms and here[axis] != usual:
            words = f" along the {axis_name}" if forms else ""
            return f"takes no {name}{words}, here is {here[axis]}"
    return None
