"""Layers from a table or list of them, all rows or a weighted sample.

Columns are named as in results.csv (height and width, kernel_h and kernel_w, padding per side) or
as torch's own arguments: input_size, kernel_size, stride, padding, dilation. A row of another kind
than conv2d leaves the cells of axes empty that it has not.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import did_you_mean
from suite.kinds import AXIS_NAMES, SIDES, SUFFIXES
from suite.scenario.building import Candidate, layer_identity
from suite.scenario.csv_rows import CsvRows, Row, read_csv
from suite.scenario.fields import BY_NAME, SHARED_FIELDS
from suite.scenario.layer_lists import CSV, guessed_format, read_list
from suite.scenario.sections import Chosen, Setting
from suite.scenario.yamltree import REFUSED, Faults, Node, Place, scalar

_AXES = {
    "input_size": tuple((name,) for name in AXIS_NAMES),
    "kernel_size": tuple((f"kernel_{suffix}",) for suffix in SUFFIXES),
    "stride": tuple((f"stride_{suffix}",) for suffix in SUFFIXES),
    "padding": SIDES,
    "output_padding": tuple((f"output_pad_{suffix}",) for suffix in SUFFIXES),
    "dilation": tuple((f"dilation_{suffix}",) for suffix in SUFFIXES),
}
"""Columns of each axis, of the fields that have a number for each."""
_COLUMNS_OF = {
    name: tuple(column for columns in _AXES[name] for column in columns)
    if name in _AXES
    else (name,)
    for name in (*(entry.name for entry in SHARED_FIELDS), "stored_values", "occurrences")
}
_NAMES = ("id", "name", "example")
"""Columns that give a row its id: the first that the table has."""
MOST_BYTES = 2**28
COLUMNS = (
    *_NAMES,
    *(name for names in _COLUMNS_OF.values() for name in names),
    *_AXES,
    "models",
)
_SEVERAL = re.compile(r"[\[(]?\s*(\d+(?:\s*[,x;× ]\s*\d+)+)\s*,?\s*[\])]?")
"""Sizes in one cell: 3x3, (3, 3), [1, 0, 1, 0]."""


class LayerTable(NamedTuple):
    """The rows of a file, and where each column stands."""

    path: Path
    columns: dict[str, int]
    rows: Sequence[Row]
    lines: Sequence[int]
    """Where in the file each row stands, counted from 1."""
    weight: str | None = None
    """Column that the rows are drawn by."""


def read_asked_rows(scenario_file: Path, layers_from: Chosen, faults: Faults) -> LayerTable | None:
    """Return the table that `layers_from` names, with the rows it asks for.

    None and faults: no such file, one outside the scenario file's folder, no rows, columns that
    do not fit, fewer rows than asked for. None without a fault: nothing was asked for.
    """
    values = {name: setting.value for name, setting in layers_from.items()}
    if "file" not in values or REFUSED in values.values():
        return None
    folder = scenario_file.resolve().parent
    if not lies_in(folder, values["file"]):
        faults.add(
            layers_from["file"].place,
            f'file is "{values["file"]}"; accepted: a path relative to the scenario file, in its '
            "folder or below",
        )
        return None
    path = scenario_file.parent / values["file"]
    table = _read_table(path, layers_from["file"].place, values, faults)
    if table is None or "sample" not in values:
        return table
    drawn = draw(table, values["sample"], values.get("seed", 0), faults)
    if len(drawn) < values["sample"]:
        message = f"sample is {values['sample']}, {path} has {len(drawn)} rows to draw from"
        faults.add(layers_from["sample"].place, message)
    return table._replace(
        rows=[table.rows[at] for at in drawn], lines=[table.lines[at] for at in drawn]
    )


def lies_in(folder: Path, name: str) -> bool:
    """Return whether a path that a file names leads into this folder or below."""
    try:
        return (folder / name).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a character that no path has; links in a ring
        return False


def _read_table(
    path: Path, file_place: Place, asked: Mapping[str, Any], faults: Faults
) -> LayerTable | None:
    """Return the table, or None and faults: no such file, no rows, columns that do not fit."""
    weight = asked.get("weight")
    try:
        text = _text_of(path)
        format = asked.get("format") or guessed_format(text)
        table = read_csv(text) if format == CSV else read_list(text, format)
    except FileNotFoundError:
        files = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        faults.add(file_place, f"{path}: no such file.{did_you_mean(path.name, files)}")
        return None
    except (OSError, ValueError) as error:
        faults.add(file_place, f"{path}: cannot be read: {error}")
        return None
    wrong = []
    if isinstance(table, CsvRows):
        wrong += [(1, message) for message in _wrong_columns(table.header, weight)]
        wrong += [] if table.rows else [(1, "no rows below the header")]
    else:
        wrong += table.faults
        wrong += [] if table.rows or wrong else [(1, f"no layers in it as {format} has them")]
        if weight and weight not in table.header:
            near = did_you_mean(weight, table.header)
            wrong.append((1, f'no column "{weight}" to weigh by.{near} A list has occurrences'))
    for line, message in wrong:
        faults.add(Place(line, None, path), message)
    if wrong:
        return None
    columns = {name: at for at, name in enumerate(table.header)}
    return LayerTable(path, columns, table.rows, table.lines, weight)


def _text_of(path: Path) -> str:
    """Return what a file holds.

    Raises:
        FileNotFoundError: it is not there.
        OSError, ValueError: it cannot be read, or is no text.
    """
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")


def _wrong_columns(header: list[str], weight: str | None) -> Iterator[str]:
    unknown = [name for name in dict.fromkeys(header) if name not in (*COLUMNS, weight)]
    if unknown:
        named = ", ".join(f'"{name}"{_or_rather(name)}' for name in unknown)
        yield (
            f"unknown column{'s' if len(unknown) > 1 else ''} {named}; accepted: "
            f"{', '.join(COLUMNS)}"
        )
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            yield f'the column "{name}" stands twice'
    for whole, of_axes in _AXES.items():
        # An axis comes with all that are further in: where there is a height, there is a width.
        first = next((at for at, names in enumerate(of_axes) if set(names) & set(header)), 3)
        columns = [name for names in of_axes[first:] for name in names]
        present = [name for name in columns if name in header]
        if len(present) < len(columns):
            yield (
                f"the columns {', '.join(columns)} belong together, only {', '.join(present)} found"
            )
        if present and whole in header:
            yield f"the columns {whole} and {present[0]} say the same; leave one out"
    if weight and weight not in header:
        yield f'no column "{weight}" to weigh by.{did_you_mean(weight, header)}'


def _or_rather(name: str) -> str:
    near = did_you_mean(name, COLUMNS).strip()
    return f" ({near[0].lower()}{near[1:]})" if near else ""


def draw(table: LayerTable, sample: int, seed: int, faults: Faults) -> list[int]:
    """Return which rows are drawn, up to `sample` and without replacement, in the table's order.

    A row's chance at each draw is proportional to its weight: every row gets the key
    log(u) / weight with u uniform in (0, 1], and the largest keys win. Rows of weight 0 are never
    drawn. Python's generator gives the same numbers on every platform.

    Source: Efraimidis and Spirakis, Weighted random sampling with a reservoir, Information
    Processing Letters 97, 2006; here in logarithms, as u^(1/weight) runs out of digits.
    """
    import random  # noqa: PLC0415 - 2 ms that only samples need

    generator = random.Random(seed)
    shares = [1.0 - generator.random() for _ in table.rows]
    keys = [
        math.log(share) / weight if weight else -math.inf
        for share, weight in zip(shares, _weights(table, faults), strict=True)
    ]
    drawn = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)[:sample]
    return sorted(at for at in drawn if keys[at] > -math.inf)


def _weights(table: LayerTable, faults: Faults) -> list[float]:
    """Return each row's weight, 1 without a column; 0 and a fault where it is none."""
    if table.weight is None:
        return [1.0] * len(table.rows)
    column = table.columns[table.weight]
    try:  # thousands of rows, and hardly ever one that is wrong
        weights = list(map(float, _column(table, column)))
        if min(weights) >= 0 and sum(weights) < math.inf:
            return weights
    except (ValueError, IndexError):
        pass
    return [
        _weight(table, line, _cells(row), column, faults)
        for line, row in zip(table.lines, table.rows, strict=True)
    ]


def _column(table: LayerTable, column: int) -> list[str]:
    """Return a column's cells, without taking the rows apart where the text allows it.

    Raises:
        IndexError: a row is shorter.
    """
    last = len(table.columns) - 1
    texts = [row for row in table.rows if isinstance(row, str)]
    if len(texts) < len(table.rows) or set(map(str.count, texts, repeat(","))) != {last}:
        return [_cells(row)[column] for row in table.rows]
    if column > last / 2:  # fewer cells are cut off from the nearer end
        return [row.rsplit(",", last - column + 1)[column - last - 1] for row in texts]
    return [row.split(",", column + 1)[column] for row in texts]


def _weight(table: LayerTable, line: int, cells: list[str], column: int, faults: Faults) -> float:
    try:
        weight = float(cells[column])
    except (ValueError, IndexError):
        weight = math.nan
    if 0 <= weight < math.inf:
        return weight
    text = ", ".join(cells[column : column + 1])
    faults.add(
        Place(line, None, table.path),
        f'{table.weight} is "{text}"; accepted as a weight: a number of 0 or more',
    )
    return 0.0


def _cells(row: Row) -> list[str]:
    return row.split(",") if isinstance(row, str) else row


def read_rows(table: LayerTable, faults: Faults) -> Iterator[Candidate]:
    """Yield a candidate for each row; what is no value becomes a fault."""
    at = table.columns
    fields = [
        (name, BY_NAME[name].kind, found, name in _AXES and columns != (name,))
        for name, columns in (*_COLUMNS_OF.items(), *((whole, (whole,)) for whole in _AXES))
        if (found := [at[column] for column in columns if column in at])
    ]
    names = next((at[name] for name in _NAMES if name in at), None)
    for line, row in zip(table.lines, table.rows, strict=True):
        place, cells = Place(line, None, table.path), [cell.strip() for cell in _cells(row)]
        if len(cells) != len(at):
            faults.add(place, f"{len(cells)} cells, the header has {len(at)}{_quoting(row)}")
            continue
        settings = {}
        for name, kind, columns, is_list in fields:
            texts = [cells[column] for column in columns]
            if any(texts):
                node = _node(name, texts, place, is_list=is_list)
                settings[name] = Setting(kind.read(name, node, faults), place)
        if table.weight == "occurrences":
            # The draw has counted them: weighing once more would count them squared.
            settings["occurrences"] = Setting(1, place)
        identity = "" if names is None else _as_identity(cells[names])
        yield Candidate(identity or layer_identity(settings), settings, place)


def _quoting(row: Row) -> str:
    has_pairs = isinstance(row, str) and re.search(r"[\[(]\d+ *,", row)
    return '; quote what holds a comma, "[3, 3]", or write 3x3' if has_pairs else ""


def _node(name: str, texts: list[str], place: Place, *, is_list: bool) -> Node:
    """Return what a row says of one field.

    Args:
        is_list: whether there is a cell for each side, those empty that the row's kind has not;
            else one cell says all.
    """
    if is_list and not texts[0]:
        texts = list(itertools.dropwhile(lambda text: not text, texts))
    elif len(texts) == 1 and name in _AXES and (several := _SEVERAL.fullmatch(texts[0])):
        texts, is_list = re.findall(r"\d+", several[1]), True
    nodes = [Node(scalar(text), place) for text in texts]
    return Node(nodes, place) if is_list else nodes[0]


def _as_identity(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.:+-]+", "_", name).strip("_.:+-")[:100]
