"""YAML text to a tree of plain values, each with its line and column. Data only.

Anchors, aliases, tags and merge keys are refused: what a scenario file means stands where it is
read. Scalars follow the core schema of YAML 1.2: `no` is a string, 1e-3 a number.
The tree is built from ruamel.yaml's events; composing and constructing take as long again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from suite.errors import UsageError

_MOST_DEPTH = 8
_MOST_FAULTS_SHOWN = 40
_MOST_DIGITS = 19

# YAML 1.2.2, section 10.3.2, tag resolution of the core schema.
_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
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


@dataclass(frozen=True, slots=True)
class Node:
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
            return f'"{text}"'
        case list(items):
            return f"[{', '.join(_shown(item) for item in items)}]"
        case dict(fields):
            return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in fields.items()) + "}"
        case number:
            return str(number)


class Faults:
    """Gathers everything that is wrong with one scenario file, to be told in one error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[tuple[Place, str]] = []

    def add(self, place: Place, message: str) -> None:
        self._found.append((place, message))

    def raise_any(self) -> None:
        """Raise `error` if anything is wrong."""
        if self._found:
            raise self.error()

    def error(self) -> UsageError:
        """Return all faults as one error, in the order of the file and a line each."""
        self._found.sort(key=lambda fault: (str(fault[0].path or ""), fault[0][:2]))
        lines = [f"{self._where(place)}: {message}" for place, message in self._found]
        if len(lines) > _MOST_FAULTS_SHOWN:
            rest = len(lines) - _MOST_FAULTS_SHOWN
            lines = [*lines[:_MOST_FAULTS_SHOWN], f"{self._path}: and {rest} more problems"]
        return UsageError("\n".join(lines))

    def _where(self, place: Place) -> str:
        line = f"{place.path or self._path}:{place.line}"
        return line if place.column is None else f"{line}:{place.column}"


def parse(text: str, faults: Faults) -> Node:
    """Return the tree of a YAML document.

    What is no data (anchors, aliases, tags, merge keys) and keys that stand twice become
    faults, and the rest of the tree is still built.

    Raises:
        UsageError: not YAML, empty, or nested too deep.
    """
    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text), faults).document()
    except MarkedYAMLError as error:
        context = f" ({error.context})" if error.context else ""
        place = _place(error.problem_mark or error.context_mark)
        faults.add(place, f"not YAML: {error.problem}{context}")
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        faults.add(place, f"not YAML: the character {chr(error.character)!a} is not allowed")
    raise faults.error()


class _Builder:
    def __init__(self, events: Iterator[Any], faults: Faults) -> None:
        self._events = events
        self._faults = faults

    def document(self) -> Node:
        event = next(self._events)
        while type(event).__name__ in ("StreamStartEvent", "DocumentStartEvent"):
            event = next(self._events)
        if type(event).__name__ == "StreamEndEvent":
            self._faults.add(Place(1, 1), "the file is empty")
            raise self._faults.error()
        root = self._node(event, 0)
        next(self._events)
        after = next(self._events)
        if type(after).__name__ != "StreamEndEvent":
            place = _place(after.start_mark)
            self._faults.add(place, "a second document begins; a scenario file holds one")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        place = _place(event.start_mark)
        kind = type(event).__name__
        if kind == "AliasEvent":
            self._faults.add(place, f"the alias *{event.anchor}: write the value out")
            return Node(REFUSED, place)
        if event.anchor is not None:
            self._faults.add(place, f"the anchor &{event.anchor}: write the value out where used")
        if event.tag is not None:
            self._faults.add(place, f"the tag {event.tag}: scenario files are data, without tags")
        if depth > _MOST_DEPTH:
            self._faults.add(place, f"nested deeper than {_MOST_DEPTH} levels")
            raise self._faults.error()
        if kind == "ScalarEvent":
            plain = event.style is None and event.tag is None
            return Node(scalar(event.value) if plain else event.value, place)
        if kind == "SequenceStartEvent":
            return Node([self._node(item, depth + 1) for item in self._until("SequenceEnd")], place)
        return Node(self._mapping(depth), place)

    def _until(self, end: str) -> Iterator[Any]:
        for event in self._events:
            if type(event).__name__ == f"{end}Event":
                return
            yield event

    def _mapping(self, depth: int) -> dict[Key, Node]:
        fields: dict[Key, Node] = {}
        for event in self._until("MappingEnd"):
            name = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if type(event).__name__ != "ScalarEvent":
                self._faults.add(name.place, f"a key has to be a word, found {name}")
                continue
            key = Key(event.value)
            key.place = name.place
            if key == "<<":
                self._faults.add(key.place, "the merge key <<: write the values out")
            elif key in fields:
                first = next(known for known in fields if known == key)
                self._faults.add(
                    key.place, f'the key "{key}" stands twice, first in line {first.place.line}'
                )
            else:
                fields[key] = value
        return fields


def scalar(text: str) -> Any:
    """Return what a plain scalar means: a number, true or false, None, or the text itself."""
    if _WHOLE.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _NULL.fullmatch(text):
        return None
    return text


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)
