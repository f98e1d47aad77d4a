"""The JSON Schema of scenario files, from which editors complete and check while one types.

`python -m suite.scenario.schema` prints it. scenarios/schema.json is that output; a test says that
it is current.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from suite.scenario.fields import LAYER_FIELDS, NAME, SECTIONS, SHARED_FIELDS, TABLE_FIELDS, Field


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, in the subset common to draft 7 and later."""
    sections: dict[str, dict[str, Any]] = {
        "name": NAME.json,
        "description": {"type": "string"},
        "defaults": _object(SHARED_FIELDS),
        "grid": _object(SHARED_FIELDS, many=True),
        "layers": {"type": "array", "minItems": 1, "items": _object(LAYER_FIELDS)},
        "layers_from": {**_object(TABLE_FIELDS), "required": ["file"]},
        "exclude": {
            "type": "array",
            "minItems": 1,
            "items": _object(SHARED_FIELDS, many=True),
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "ConvGauge scenario file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"description": meaning, **sections[name]} for name, meaning in SECTIONS.items()
        },
        "anyOf": [{"required": [section]} for section in ("grid", "layers", "layers_from")],
    }


def _object(fields: Iterable[Field], *, many: bool = False) -> dict[str, Any]:
    properties = {}
    for entry in fields:
        kind = entry.kind.json
        if many:
            kind = {"anyOf": [kind, {"type": "array", "minItems": 1, "items": kind}]}
        properties[entry.name] = {"description": entry.meaning, **kind}
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": properties,
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
