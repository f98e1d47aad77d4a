"""Kinds of values that a scenario file may hold: each knows what it accepts and how to say so.

A kind serves three readers: the checker (`read`), the message (`accepts`) and the editor (`json`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from suite.errors import did_you_mean
from suite.scenario.yamltree import REFUSED, Faults, Node

MOST_SIZE = 2**31 - 1
"""Largest size accepted: what 32-bit indices, as most libraries use them, can count."""


class Kind(NamedTuple):
    """A set of accepted values.

    `convert` takes a node's value and returns what the program works with, or REFUSED.
    """

    accepts: str
    convert: Callable[[Any], Any]
    json: dict[str, Any]
    words: tuple[str, ...] = ()

    def read(self, name: str, node: Node, faults: Faults) -> Any:
        """Return the value of `node`, or REFUSED and a fault that says what is accepted."""
        if node.value is REFUSED:
            return REFUSED
        value = self.convert(node.value)
        if value is REFUSED:
            near = did_you_mean(node.value, self.words) if isinstance(node.value, str) else ""
            faults.add(node.place, f"{name} is {node}; accepted: {self.accepts}.{near}")
        return value


def whole(least: int) -> Kind:
    def convert(value: Any) -> Any:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return value if is_whole and least <= value <= MOST_SIZE else REFUSED

    return Kind(
        accepts=f"a whole number from {least} to {MOST_SIZE}",
        convert=convert,
        json={"type": "integer", "minimum": least, "maximum": MOST_SIZE},
    )


def flag() -> Kind:
    return Kind(
        accepts="true, false",
        convert=lambda value: value if isinstance(value, bool) else REFUSED,
        json={"type": "boolean"},
        words=("true", "false"),
    )


def word(*words: str) -> Kind:
    return Kind(
        accepts=", ".join(words),
        convert=lambda value: value if value in words else REFUSED,
        json={"enum": list(words)},
        words=words,
    )


def text(pattern: str, accepts: str, words: tuple[str, ...] = ()) -> Kind:
    def convert(value: Any) -> Any:
        return value if isinstance(value, str) and re.fullmatch(pattern, value) else REFUSED

    schema = {"type": "string", "pattern": f"^({pattern})$"}
    return Kind(accepts=accepts, convert=convert, json=schema, words=words)


def listed(kind: Kind, *letters: str) -> Kind:
    def convert(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(letters):
            return REFUSED
        numbers = tuple(kind.convert(item.value) for item in value)
        return REFUSED if REFUSED in numbers else numbers

    schema = {"type": "array", "items": kind.json}
    return Kind(
        accepts=f"[{', '.join(letters)}]",
        convert=convert,
        json={**schema, "minItems": len(letters), "maxItems": len(letters)},
    )


def many(kind: Kind) -> Kind:
    """Return the kind of a list with at least one entry."""

    def convert(value: Any) -> Any:
        if not isinstance(value, list) or not value:
            return REFUSED
        values = tuple(kind.convert(item.value) for item in value)
        return REFUSED if REFUSED in values else values

    return Kind(
        accepts=f"a list, each entry {kind.accepts}",
        convert=convert,
        json={"type": "array", "items": kind.json, "minItems": 1},
    )


def either(*kinds: Kind) -> Kind:
    def convert(value: Any) -> Any:
        results = (kind.convert(value) for kind in kinds)
        return next((result for result in results if result is not REFUSED), REFUSED)

    return Kind(
        accepts=" or ".join(kind.accepts for kind in kinds),
        convert=convert,
        json={"anyOf": [kind.json for kind in kinds]},
        words=tuple(word for kind in kinds for word in kind.words),
    )


def mapped(kind: Kind, change: Callable[[Any], Any]) -> Kind:
    def convert(value: Any) -> Any:
        accepted = kind.convert(value)
        return REFUSED if accepted is REFUSED else change(accepted)

    return Kind(accepts=kind.accepts, convert=convert, json=kind.json, words=kind.words)


def pair(least: int) -> Kind:
    number = whole(least)
    kind = either(number, listed(number, "height", "width"))
    return mapped(kind, lambda size: size if isinstance(size, tuple) else (size, size))


def padding() -> Kind:
    def four_sides(sizes: Any) -> Any:
        match sizes:
            case int(all_sides):
                return (all_sides,) * 4
            case (vertical, horizontal):
                return vertical, vertical, horizontal, horizontal
        return sizes

    number = whole(0)
    pair = listed(number, "height", "width")
    four = listed(number, "top", "bottom", "left", "right")
    return mapped(either(number, pair, four, word("same", "valid")), four_sides)
