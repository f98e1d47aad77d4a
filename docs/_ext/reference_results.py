"""The reference of what a run leaves, as Markdown, from what writes it."""

from __future__ import annotations

import ast
from pathlib import Path

from as_markdown import escaped, table

import reports
from reports import glossary
from reports.column_meanings import MEANINGS, STATUSES
from reports.csv_table import COLUMNS


def columns() -> str:
    """Return the table of the columns of results.csv, in their order."""
    return table(("column", "holds"), ([f"`{name}`", MEANINGS[name]] for name in COLUMNS))


def statuses() -> str:
    """Return the table of a cell's statuses."""
    return table(("status", "means"), ([f"`{name}`", what] for name, what in STATUSES.items()))


def words() -> str:
    """Return the table of words that reports use."""
    return table(
        ("word", "means"),
        ([escaped(word), escaped(what)] for word, what in glossary.MEANINGS.items()),
    )


def report_formats() -> str:
    """Return the table of what `report --format` writes, as each writer's module says it."""
    return table(("format", "writes"), ([f"`{name}`", _said(name)] for name in reports.FORMATS))


def _said(format_name: str) -> str:
    """Return the first sentence of a writer's docstring, without importing what it draws with."""
    place = Path(reports.__file__).parent / reports.FORMATS[format_name].partition(".")[2]
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return escaped(docstring.partition("\n\n")[0].replace("\n", " "))
