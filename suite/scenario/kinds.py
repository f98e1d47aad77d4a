"""Kinds of values that a scenario file may hold: each knows what it accepts and how to say so.

A kind serves three readers: the checker (`read`), the message (`accepts`) and the editor (`json`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from suite.errors import did_you_mean
from suite.scenario.sizes import Sizes
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


def sizes(least: int) -> Kind:
    """Return the kind of one number for all axes, or of one for each."""
    return _several(least, "[width], [height, width] or [depth, height, width]", (1, 2, 3))


def padding() -> Kind:
    """Return the kind of `sizes`, of a number for each side, or of a word for them."""
    lists = "[height, width], [top, bottom, left, right] or as many for other axes"
    numbers = _several(0, lists, (1, 2, 3, 4, 6))
    return either(numbers, word("same", "valid", "causal"))


def _several(least: int, lists: str, lengths: tuple[int, ...]) -> Kind:
    number = whole(least)

    def convert(value: Any) -> Any:
        if not isinstance(value, list):
            accepted = number.convert(value)
            return REFUSED if accepted is REFUSED else Sizes((accepted,), is_list=False)
        numbers = tuple(number.convert(item.value) for item in value)
        return REFUSED if REFUSED in numbers or len(numbers) not in lengths else Sizes(numbers)

    array = {"type": "array", "items": number.json, "minItems": 1, "maxItems": max(lengths)}
    return Kind(
        accepts=f"{number.accepts}, {lists}",
        convert=convert,
        json={"anyOf": [number.json, array]},
    )
