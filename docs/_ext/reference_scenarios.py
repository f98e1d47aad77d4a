"""The reference of scenario files, as Markdown, from the one table of what they may say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from as_markdown import escaped, table

from suite.scenario import load_file, shipped_files
from suite.scenario.fields import FIELDS, SECTIONS, TABLE_FIELDS, Field


def sections() -> str:
    """Return the table of a file's sections."""
    return table(
        ("key", "holds"), ([f"`{name}`", escaped(what)] for name, what in SECTIONS.items())
    )


def keys() -> str:
    """Return the table of what describes a layer and its conditions."""
    return _fields(FIELDS)


def table_keys() -> str:
    """Return the table of what `layers_from` takes."""
    return _fields(TABLE_FIELDS)


def shipped() -> str:
    """Return the table of the shipped files."""
    files = [load_file(path) for path in shipped_files()]
    rows = (
        [f"`{file.name}`", str(len(file.scenarios)), escaped(file.description)] for file in files
    )
    return table(("name", "scenarios", "shows"), rows)


def _fields(fields: Iterable[Field]) -> str:
    rows = (
        [f"`{field.name}`", escaped(field.meaning), escaped(field.kind.accepts), _default(field)]
        for field in fields
    )
    return table(("key", "meaning", "accepted", "where it is not given"), rows)


def _default(field: Field) -> str:
    if field.required:
        return "an error"
    only = f"; only in `{field.only_in}`" if field.only_in else ""
    return ("–" if field.default is None else f"`{_shown(field.default)}`") + only


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple() if len(set(value)) == 1:
            return str(value[0])
    return str(value)
