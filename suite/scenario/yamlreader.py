"""From YAML text to a tree of nodes, each with its line and column, over PyYAML's events.

PyYAML's own constructor is not used: it follows YAML 1.1 (`no` is false, 1e-3 a string), lets the
last of two equal keys win and forgets where a value stands. Anchors, aliases, tags and merge keys
are refused: what a scenario file means stands where it is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import takewhile
from typing import Any

import yaml

from suite.scenario.yamltree import REFUSED, Faults, Key, Node, Place, scalar

LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""libyaml takes 2 ms for edge_shapes.yaml, the same in Python 40 ms."""

_MOST_DEPTH = 8
_MOST_NODES = 500_000
_UNPRINTABLE: re.Pattern[str] = yaml.reader.Reader.NON_PRINTABLE
"""What YAML does not allow; escaped neither, as messages show what they found."""

_CURES = {
    "mapping values": 'put a space behind the colon, indent entries alike, quote text with ": "',
    "expected ':'": "put a colon and a space behind the key",
    "start any token": "indent with spaces, quote text that begins with @, % or `",
    "',' or": "put commas between the entries and close the bracket",
    "end of stream": "close the quote",
    "escape": "use single quotes, they take every character as it is",
    "": "indent the entries of a list or mapping alike, quote text with special characters",
}
"""What to do, by words in PyYAML's message; the first that fits counts."""


def parse(text: str, faults: Faults) -> Node:
    """Return the tree of a YAML document.

    What is no data (anchors, aliases, tags, merge keys) and keys that stand twice become
    faults, and the rest of the tree is still built.

    Raises:
        UsageError: what cannot be read at all, together with the faults found until there.
    """
    if unprintable := _UNPRINTABLE.search(text):
        before = text[: unprintable.start()]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        faults.stop(place, _not_allowed(unprintable))
    try:
        return _Builder(yaml.parse(text, Loader=LOADER), faults).document()
    except yaml.MarkedYAMLError as error:
        faults.stop(_place(error.problem_mark), _explained(error))


class _Builder:
    """Takes the events one by one; each method leaves those that follow its part of the tree."""

    def __init__(self, events: Iterator[Any], faults: Faults) -> None:
        self._events = events
        self._faults = faults
        self._nodes = 0

    def document(self) -> Node:
        _, start = next(self._events), next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            self._faults.stop(Place(1, 1), "the file is empty; give at least one key")
        root = self._node(next(self._events), 0)
        _, end = next(self._events), next(self._events)
        if isinstance(end, yaml.DocumentStartEvent):
            self._faults.stop(
                _place(end.start_mark), "a second document begins; put it into a file of its own"
            )
        return root

    def _node(self, event: Any, depth: int) -> Node:
        place = _place(event.start_mark)
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            self._faults.stop(place, f"more than {_MOST_NODES:,} values; write layers as a table")
        if depth > _MOST_DEPTH:
            self._faults.stop(place, f"nested deeper than {_MOST_DEPTH} levels; nothing needs that")
        if isinstance(event, yaml.AliasEvent):
            self._faults.add(place, f"the alias *{event.anchor}: write the value out")
            return Node(REFUSED, place)
        if event.anchor:
            self._faults.add(place, f"the anchor &{event.anchor}: leave it out")
        if event.tag:
            self._faults.add(place, "a tag: leave it out; quotes make text of a number")
        if isinstance(event, yaml.ScalarEvent):
            return Node(self._scalar(event, place), place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node([self._node(item, depth + 1) for item in self._inside()], place)
        return Node(self._fields(depth + 1), place)

    def _inside(self) -> Iterator[Any]:
        """Return the events up to the end of the list or mapping that has just begun."""
        return takewhile(lambda event: not isinstance(event, yaml.CollectionEndEvent), self._events)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Any:
        is_plain, _ = event.implicit
        if is_plain:
            return scalar(event.value)
        if unprintable := _UNPRINTABLE.search(event.value):
            self._faults.add(place, _not_allowed(unprintable))
            return REFUSED
        return event.value

    def _fields(self, depth: int) -> dict[Key, Node]:
        fields: dict[Key, Node] = {}
        for event in self._inside():
            key = self._key(event, self._node(event, depth), fields)
            value = self._node(next(self._events), depth)
            if key is not None:
                fields[key] = value
        return fields

    def _key(self, event: Any, node: Node, taken: Collection[Key]) -> Key | None:
        if node.value is REFUSED:
            return None
        if not isinstance(event, yaml.ScalarEvent):
            message = f"{node} as a key; accepted: a word"
        elif event.value == "<<":
            message = "the merge key <<: write the values out"
        elif event.value in taken:
            first = next(key for key in taken if key == event.value)
            message = f'the key "{first}" stands twice, first in line {first.place.line}'
        else:
            key = Key(event.value)
            key.place = node.place
            return key
        self._faults.add(node.place, message)
        return None


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _not_allowed(character: re.Match[str]) -> str:
    return f"the character {character.group()!a} is not allowed; take it out"


def _explained(error: yaml.MarkedYAMLError) -> str:
    """Return what PyYAML says, where the part it was reading begins, and what to do."""
    text = f"not YAML: {error.problem}"
    begun = _place(error.context_mark) if error.context_mark else None
    if begun and begun != _place(error.problem_mark):
        text += f" {error.context} that begins at {begun.line}:{begun.column}"
    return f"{text}; {next(cure for words, cure in _CURES.items() if words in text)}"
