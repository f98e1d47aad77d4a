"""The JSON Schema of scenario files, from which editors complete and check while one types.

`python -m suite.scenario.schema` prints it. scenarios/schema.json is that output; a test says that
it is current.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from suite.scenario.fields import (
    IMPLEMENTATIONS,
    LAYER_FIELDS,
    NAME,
    SECTIONS,
    SHARED_FIELDS,
    TABLE_FIELDS,
    Field,
)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, in the subset common to draft 7 and later."""
    choices = [_choices(entry) for entry in SHARED_FIELDS]
    sections: dict[str, dict[str, Any]] = {
        "name": NAME.json,
        "description": {"type": "string"},
        "implementations": IMPLEMENTATIONS.json,
        "defaults": _mapping(SHARED_FIELDS),
        "grid": _mapping(SHARED_FIELDS, suffix=_MANY),
        "layers": _list(_mapping(LAYER_FIELDS)),
        "layers_from": {**_mapping(TABLE_FIELDS), "required": ["file"]},
        "exclude": _list(_mapping(SHARED_FIELDS, suffix=_MANY)),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ConvGauge scenario file",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": [section]} for section in ("grid", "layers", "layers_from")],
        "properties": {
            name: {"description": meaning, **sections[name]} for name, meaning in SECTIONS.items()
        },
        "definitions": {
            **{
                entry.name: {"description": entry.meaning, **entry.kind.json}
                for entry in (*LAYER_FIELDS, *TABLE_FIELDS)
            },
            **dict(choices),
        },
    }


_MANY = "_choices"
"""Ending of the definitions that also accept a list of alternatives."""


def _choices(entry: Field) -> tuple[str, dict[str, Any]]:
    one = {"$ref": f"#/definitions/{entry.name}"}
    several = _list(one)
    return entry.name + _MANY, {"description": entry.meaning, "anyOf": [one, several]}


def _mapping(fields: Iterable[Field], suffix: str = "") -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            entry.name: {"$ref": f"#/definitions/{entry.name}{suffix}"} for entry in fields
        },
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
