"""What a YAML file holds: plain values, each with its line and column, and what is wrong with them.

Scalars follow the core schema of YAML 1.2: `no` is a string, 1e-3 a number.
"""

from __future__ import annotations

import functools
import re
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from suite.errors import UsageError
from suite.printable import printable

_MOST_FAULTS_SHOWN = 40
_MOST_FAULTS = 1000
"""Looking for the nearest match of each takes time."""
_MOST_DIGITS = 19

# Tag resolution of YAML 1.2.2, section 10.3.2, without octal and hexadecimal numbers.
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class Refused(Enum):
    """Stands where a value was refused, so that each fault is told once."""

    REFUSED = "refused"


REFUSED = Refused.REFUSED


class Place(NamedTuple):
    """Where something stands, lines and columns counted from 1."""

    line: int
    column: int | None = None
    """None: the whole line."""
    path: Path | None = None
    """None: in the scenario file itself."""


class Key(str):
    """A mapping's key that knows where it stands."""

    place: Place


class Node(NamedTuple):
    """A value of the file: a scalar, a list of nodes, or a dict from `Key` to node."""

    value: Any
    place: Place

    def __str__(self) -> str:
        """The value as a message shows it: one line, not longer than a glance."""
        shown = _shown(self)
        return shown if len(shown) <= 60 else shown[:57] + "..."


def _shown(node: Node) -> str:
    match node.value:
        case None:
            return "empty"
        case bool(flag):
            return str(flag).lower()
        case str(text):
            return f'"{text}"'.replace("\n", "\\n")
        case list(items):
            return f"[{', '.join(_shown(item) for item in items)}]"
        case dict(fields):
            return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in fields.items()) + "}"
        case number:
            return str(number)


class Faults:
    """Gathers everything that is wrong with one scenario file, to be told in one error.

    Raises:
        UsageError: by the thousandth fault.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._faults: list[tuple[Place, str]] = []

    def add(self, place: Place, message: str) -> None:
        self._faults.append((place, printable(message)))
        if len(self._faults) >= _MOST_FAULTS:
            raise self.error()

    def stop(self, place: Place, message: str) -> NoReturn:
        """Give up here: what follows cannot be understood."""
        self.add(place, message)
        raise self.error()

    def raise_any(self) -> None:
        """Raise `error` if anything is wrong."""
        if self._faults:
            raise self.error()

    def error(self) -> UsageError:
        """Return all faults as one error, in the order of the file and a line each."""
        self._faults.sort(
            key=lambda fault: (str(fault[0].path or ""), fault[0].line, fault[0].column or 0)
        )
        lines = [f"{self._where(place)}: {message}" for place, message in self._faults]
        if len(lines) > _MOST_FAULTS_SHOWN:
            rest = len(lines) - _MOST_FAULTS_SHOWN
            lines = [*lines[:_MOST_FAULTS_SHOWN], f"{self._path}: and {rest} more problems"]
        return UsageError("\n".join(lines))

    def _where(self, place: Place) -> str:
        line = f"{place.path or self._path}:{place.line}"
        return line if place.column is None else f"{line}:{place.column}"


@functools.lru_cache(maxsize=1024)
def scalar(text: str) -> Any:
    """Return what a plain scalar means: a number, true or false, None, or the text itself."""
    if _WHOLE.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _WORDS.get(text, text)
