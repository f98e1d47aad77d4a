"""Lists of layers as other programs write them, as the rows of a table.

What a line says is brought under the columns of a CSV table, so that drawing, checking and naming
are the same for all. Lines that say the same count as one layer that occurs more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from suite.scenario import benchdnn, miopen
from suite.scenario.list_lines import Layer, Line, joined_lines

CSV = "csv"
_READERS: dict[str, Callable[[Iterator[Line]], Iterator[tuple[int, Layer | str]]]] = {
    "miopen": miopen.layers_in,
    "benchdnn": benchdnn.layers_in,
}
FORMATS = (CSV, *_READERS)
MOST_EXAMPLES = 3


class ListedRows(NamedTuple):
    """What a list holds, as a table; and what of it is no layer."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    """Where in the file each row stands, counted from 1."""
    faults: list[tuple[int, str]]
    """Lines that are none, each kind of fault once."""


def guessed_format(text: str) -> str:
    """Return what a text looks like: one of `FORMATS`, a CSV table where it looks like no list."""
    lines = [line.text for line in joined_lines(text)]
    if any(miopen.is_command(line) for line in lines):
        return "miopen"
    return "benchdnn" if any(benchdnn.is_problem(line) for line in lines) else CSV


def read_list(text: str, format: str) -> ListedRows:
    """Return the layers of a list; its format is one of `FORMATS`, not a CSV table."""
    layers: dict[tuple[tuple[str, str], ...], tuple[int, int]] = {}
    wrong: dict[str, list[int]] = {}
    for number, found in _READERS[format](joined_lines(text)):
        if isinstance(found, str):
            wrong.setdefault(found, []).append(number)
            continue
        occurrences = int(found.pop("occurrences", "1"))
        first, before = layers.get(key := tuple(found.items()), (number, 0))
        layers[key] = first, before + occurrences
    header = list(dict.fromkeys(name for layer in layers for name, _ in layer))
    rows = []
    for layer, (_, occurrences) in layers.items():
        cells = dict(layer)
        rows.append([*(cells.get(name, "") for name in header), str(occurrences)])
    _tell_names_apart(header, rows)
    return ListedRows(
        header=[*header, "occurrences"],
        rows=rows,
        lines=[line for line, _ in layers.values()],
        faults=[(lines[0], message + _others(lines[1:])) for message, lines in wrong.items()],
    )


def _others(lines: list[int]) -> str:
    """Return where else the same is wrong."""
    if not lines:
        return ""
    shown = ", ".join(map(str, lines[:MOST_EXAMPLES]))
    more = f" and {len(lines) - MOST_EXAMPLES} more" if len(lines) > MOST_EXAMPLES else ""
    return f" (line{'s' if len(lines) > 1 else ''} {shown}{more} likewise)"


def _tell_names_apart(header: list[str], rows: list[list[str]]) -> None:
    """Number the layers of one name that are not the same: lists name networks, not problems."""
    if "name" not in header:
        return
    at = header.index("name")
    taken: dict[str, int] = {}
    for row in rows:
        name = row[at]
        if name:
            taken[name] = taken.get(name, 0) + 1
            row[at] = name if taken[name] == 1 else f"{name}-{taken[name]}"
