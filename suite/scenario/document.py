"""A scenario file as it is written: its sections, checked one by one, nothing combined yet."""

from __future__ import annotations

from typing import NamedTuple

from suite.scenario.fields import (
    IMPLEMENTATIONS,
    LAYER_FIELDS,
    NAME,
    SECTIONS,
    SHARED_FIELDS,
    TABLE_FIELDS,
)
from suite.scenario.sections import Choices, Chosen, read_choices, read_chosen, refuse_key
from suite.scenario.yamltree import REFUSED, Faults, Node, Place


class Grid(NamedTuple):
    choices: Choices
    place: Place


class Layer(NamedTuple):
    settings: Chosen
    place: Place


class Exclude(NamedTuple):
    choices: Choices
    place: Place


class Document(NamedTuple):
    """The checked sections; None or empty where the file has none."""

    name: str
    description: str
    implementations: tuple[str, ...]
    defaults: Chosen
    grid: Grid | None
    layers: tuple[Layer, ...]
    layers_from: Chosen
    excludes: tuple[Exclude, ...]


def read_document(root: Node, stem: str, faults: Faults) -> Document:
    """Return the sections of a file; what is wrong with them goes to `faults`.

    Args:
        stem: the file's own name, used where it says none.
    """
    sections = _known_sections(root, faults)
    return Document(
        name=_name(sections.get("name"), stem, faults),
        description=_description(sections.get("description"), faults),
        implementations=_implementations(sections.get("implementations"), faults),
        defaults=_defaults(sections.get("defaults"), faults),
        grid=_grid(sections.get("grid"), faults),
        layers=tuple(
            Layer(settings, item.place)
            for item in _items("layers", sections, faults)
            if (settings := read_chosen("layers", item, LAYER_FIELDS, faults))
        ),
        layers_from=_layers_from(sections.get("layers_from"), faults),
        excludes=_excludes(sections, faults),
    )


def _known_sections(root: Node, faults: Faults) -> dict[str, Node]:
    if not isinstance(root.value, dict):
        faults.add(root.place, f"the file is {root}; accepted: the keys {', '.join(SECTIONS)}")
        return {}
    for key in root.value:
        if key not in SECTIONS:
            refuse_key("the file", key, SECTIONS, faults)
    if not any(section in root.value for section in ("grid", "layers", "layers_from")):
        faults.add(root.place, "nothing to run: give grid, layers or layers_from")
    return {str(key): node for key, node in root.value.items() if node.value is not REFUSED}


def _name(node: Node | None, stem: str, faults: Faults) -> str:
    if node is None:
        return stem
    name = NAME.read("name", node, faults)
    return name if isinstance(name, str) else stem


def _description(node: Node | None, faults: Faults) -> str:
    if node is None:
        return ""
    if not isinstance(node.value, str):
        faults.add(node.place, f"description is {node}; accepted: text")
        return ""
    return " ".join(node.value.split())


def _implementations(node: Node | None, faults: Faults) -> tuple[str, ...]:
    names = () if node is None else IMPLEMENTATIONS.read("implementations", node, faults)
    return names if isinstance(names, tuple) else ()


def _defaults(node: Node | None, faults: Faults) -> Chosen:
    return {} if node is None else read_chosen("defaults", node, SHARED_FIELDS, faults)


def _grid(node: Node | None, faults: Faults) -> Grid | None:
    if node is None:
        return None
    choices = read_choices("grid", node, SHARED_FIELDS, faults)
    return Grid(choices, node.place) if choices else None


def _excludes(sections: dict[str, Node], faults: Faults) -> tuple[Exclude, ...]:
    items = _items("exclude", sections, faults)
    if items and "grid" not in sections:
        faults.add(sections["exclude"].place, "exclude leaves values out of a grid; there is none")
    return tuple(
        Exclude(choices, item.place)
        for item in items
        if (choices := read_choices("exclude", item, SHARED_FIELDS, faults))
    )


def _items(name: str, sections: dict[str, Node], faults: Faults) -> list[Node]:
    node = sections.get(name)
    if node is None:
        return []
    if not isinstance(node.value, list) or not node.value:
        faults.add(node.place, f"{name} is {node}; accepted: a list with at least one entry")
        return []
    return node.value


def _layers_from(node: Node | None, faults: Faults) -> Chosen:
    chosen = {} if node is None else read_chosen("layers_from", node, TABLE_FIELDS, faults)
    if node and chosen and "file" not in chosen:
        faults.add(node.place, "layers_from: file missing; give the file to read")
    if "sample" not in chosen:
        for name in ("seed", "weight"):
            if name in chosen:
                faults.add(chosen[name].place, f"layers_from: {name} does nothing without sample")
    return chosen
