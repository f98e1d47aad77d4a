"""The rows of a CSV text: commas, semicolons or tabs, with quotes or without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Row = list[str] | str
"""Cells, or the text that holds them: thousands of rows are read to draw fifty, and only those are
taken apart."""


class CsvRows(NamedTuple):
    """A CSV text, taken apart as far as it has to be."""

    header: list[str]
    rows: list[Row]
    lines: Sequence[int]
    """Where in the text each row stands, counted from 1."""


def read_csv(text: str) -> CsvRows:
    """Return header and rows of a text, with any of its usual separators.

    Raises:
        ValueError: a quote that is not closed, or what else csv does not accept.
    """
    separator = _separator(text.partition("\n")[0])
    if '"' in text or separator != ",":
        return _any_rows(text, separator)
    return _plain_rows(text)


def _separator(header: str) -> str:
    """Return what parts the columns: no name of one has a tab or semicolon in it."""
    return next((sign for sign in "\t;" if sign in header), ",")


def _plain_rows(text: str) -> CsvRows:
    """Return the rows of a text whose commas and line ends are all."""
    first, *rows = text.removesuffix("\n").split("\n")
    lines: Sequence[int] = range(2, len(rows) + 2)
    if "" in rows:
        lines = [line for line, row in zip(lines, rows, strict=True) if row]
        rows = [row for row in rows if row]
    return CsvRows(_stripped(first.split(",")) if first else [], list[Row](rows), lines)


def _any_rows(text: str, separator: str) -> CsvRows:
    import csv  # noqa: PLC0415 - 1 ms that only such tables need

    reader = csv.reader(
        text.splitlines(keepends=True), strict=True, delimiter=separator, skipinitialspace=True
    )
    try:
        header = next(reader, [])
        numbered = [(cells, reader.line_num) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    rows: list[Row] = [cells for cells, _ in numbered]
    return CsvRows(_stripped(header), rows, [line for _, line in numbered])


def _stripped(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]
