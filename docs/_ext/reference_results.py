"""The reference of what a run leaves, as Markdown, from what writes it."""

from __future__ import annotations

from as_markdown import escaped, table

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
