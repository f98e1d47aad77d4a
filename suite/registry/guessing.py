"""What to write for a function with another signature than conv2d's, from its own parameters."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite.kinds import TRANSPOSED
from suite.registry.adapting import ALWAYS, DEFAULTS, parameters_of

_MEANING = {
    "input": "input inputs x inp image images img data tensor input_tensor features fmap a src",
    "weight": "weight weights w kernel kernels filter filters filt k f",
    "bias": "bias biases b",
    "stride": "stride strides s step",
    "padding": "padding paddings pad pads p",
    "output_padding": "output_padding output_pad out_pad op",
    "dilation": "dilation dilations dilate d rate",
    "groups": "groups group g num_groups n_groups",
}
_BY_NAME = {name: meant for meant, names in _MEANING.items() for name in names.split()}
_OF_AXIS = re.compile(r"(?P<name>\w*?)_?(?P<axis>height|width|[hwyx])")


@dataclass(frozen=True)
class Guess:
    """A text for `adapt`; "?" stands where a name says nothing."""

    text: str
    kind: str = "conv2d"

    @property
    def parameters(self) -> tuple[str, ...]:
        return parameters_of(self.kind in TRANSPOSED)

    @property
    def is_whole(self) -> bool:
        return "?" not in self.text

    @property
    def is_conv2d(self) -> bool:
        """Whether it takes all that conv2d does, as conv2d does."""
        return self.text.replace("pair(", "").replace(")", "") == ", ".join(self.parameters)

    def decorator(self, name: str) -> str:
        """Return what to write above the function."""
        kind = "" if self.kind == "conv2d" else f', kind="{self.kind}"'
        if self.is_conv2d:
            return f'@register("{name}"{kind})'
        more = "" if self.is_whole else f", with one of {', '.join(self.parameters)} for each ?"
        return f'@register("{name}"{kind}, adapt="{self.text}"){more}'


def guessed(parameters: Sequence[tuple[str, bool]], kind: str = "conv2d") -> Guess:
    """Return how a function seems to take conv2d's arguments.

    Args:
        parameters: their names, and whether they may be left out, in order.
        kind: what it computes.
    """
    of_torch = parameters_of(kind in TRANSPOSED)
    words = []
    for name, is_optional in parameters:
        meant = _meaning(name)
        if meant is not None and meant.partition("[")[0] not in of_torch:
            meant = None
        if meant is None and is_optional:
            break  # those behind it would need keywords, which are its author's to choose
        words.append(meant or "?")
    return Guess(", ".join(words), kind)


def guessed_from(signature: inspect.Signature, kind: str = "conv2d") -> Guess:
    """Return the guess for a function that can be asked."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return guessed(
        [
            (parameter.name, parameter.default is not inspect.Parameter.empty)
            for parameter in signature.parameters.values()
            if parameter.kind in positional
        ],
        kind,
    )


def is_in_another_order(signature: inspect.Signature, of_torch: tuple[str, ...]) -> bool:
    """Return whether some parameter is called like one of torch's that stands elsewhere."""
    names = list(signature.parameters)[: len(of_torch)]
    return any(name in of_torch and of_torch[place] != name for place, name in enumerate(names))


def _meaning(name: str) -> str | None:
    word = name.strip("_").lower()
    if word in _BY_NAME:
        return _BY_NAME[word]
    if match := _OF_AXIS.fullmatch(word):
        meant = _BY_NAME.get(match["name"])
        if meant in DEFAULTS:
            return f"{meant}[{0 if match['axis'] in ('height', 'h', 'y') else 1}]"
    return None


@dataclass(frozen=True)
class Candidate:
    """A function of a file that may be a convolution."""

    name: str
    parameters: tuple[tuple[str, bool], ...]
    """Their names, and whether they may be left out."""


def likely_function(path: Path) -> Candidate | None:
    """Return the function of a file that looks most like a convolution, without running it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    candidates = [_candidate(node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    likely = [each for each in candidates if _known(each) >= len(ALWAYS)]
    return max(likely, key=_known, default=None)


def _candidate(node: ast.FunctionDef) -> Candidate:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    needed = len(names) - len(node.args.defaults)
    return Candidate(node.name, tuple((name, at >= needed) for at, name in enumerate(names)))


def _known(candidate: Candidate) -> int:
    """Return how many of its parameters are named as conv2d's may be."""
    return sum(_meaning(name) is not None for name, _ in candidate.parameters)
