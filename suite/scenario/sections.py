"""A mapping of a scenario file, checked against the table of fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from suite.errors import did_you_mean
from suite.scenario.fields import Field
from suite.scenario.yamltree import REFUSED, Faults, Key, Node, Place


class Setting(NamedTuple):
    """A checked value (REFUSED where it was none) and where it stands."""

    value: Any
    place: Place


Chosen = dict[str, Setting]
"""One setting for each field that was given, by its name."""
Choices = dict[str, tuple[Setting, ...]]
"""The alternatives for each field that was given, by its name."""


def read_chosen(section: str, node: Node, fields: Iterable[Field], faults: Faults) -> Chosen:
    """Return what a mapping gives each field; empty where it is no mapping."""
    return {
        entry.name: Setting(entry.kind.read(entry.name, item, faults), item.place)
        for entry, item in _known_items(section, node, fields, faults)
    }


def read_choices(section: str, node: Node, fields: Iterable[Field], faults: Faults) -> Choices:
    """Return the alternatives that a mapping gives each field; empty where it is no mapping."""
    return {
        entry.name: _alternatives(entry, item, faults)
        for entry, item in _known_items(section, node, fields, faults)
    }


def refuse_key(section: str, key: Key, accepted: Iterable[str], faults: Faults) -> None:
    """Note that a key is unknown, with the nearest match and all accepted ones."""
    accepted = list(accepted)
    faults.add(
        key.place,
        f'{section}: unknown key "{key}".{did_you_mean(key, accepted)} '
        f"Accepted: {', '.join(accepted)}",
    )


def _known_items(
    section: str, node: Node, fields: Iterable[Field], faults: Faults
) -> list[tuple[Field, Node]]:
    if node.value is REFUSED:
        return []
    if not isinstance(node.value, dict) or not node.value:
        faults.add(node.place, f"{section} is {node}; accepted: at least one key with its value")
        return []
    accepted = {entry.name: entry for entry in fields}
    items = []
    for key, item in node.value.items():
        if key in accepted:
            items.append((accepted[key], item))
        else:
            refuse_key(section, key, accepted, faults)
    return items


def _alternatives(entry: Field, node: Node, faults: Faults) -> tuple[Setting, ...]:
    items = node.value if isinstance(node.value, list) else [node]
    if not items:
        faults.add(node.place, f"{entry.name} is an empty list; give at least one value")
        return (Setting(REFUSED, node.place),)
    settings: list[Setting] = []
    earlier: set[Any] = set()
    for item in items:
        value = entry.kind.read(entry.name, item, faults)
        if value is not REFUSED and value in earlier:
            faults.add(item.place, f"{entry.name} has {item} twice; take one out")
        earlier.add(value)
        settings.append(Setting(value, item.place))
    return tuple(settings)
