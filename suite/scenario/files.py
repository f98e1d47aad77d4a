"""Finding and loading scenario files; all problems of a file are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from suite.conditions import Scenario
from suite.errors import UsageError, did_you_mean
from suite.scenario.building import (
    Candidate,
    Misfit,
    build_scenario,
    expand_grid,
    grid_count,
    has_identity,
    layer_identity,
)
from suite.scenario.document import Document, read_document
from suite.scenario.layer_table import LayerTable, read_asked_rows, read_rows
from suite.scenario.stored import with_stored
from suite.scenario.yamltree import Faults, Place

SHIPPED = Path(__file__).resolve().parents[2] / "scenarios"
MOST_BYTES = 2**22
MOST_EXCLUSIONS = 20_000_000
"""Combinations of a grid times entries of `exclude`: each is held against each."""
MOST_SCENARIOS = 20_000
"""More than this are refused unless the user confirms: usually a grid with one key too many."""


class ScenarioFile(NamedTuple):
    """A scenario file that was read and found right."""

    path: Path
    name: str
    description: str
    text: str
    """The YAML as it stands in the file, for a run's manifest."""
    implementations: tuple[str, ...]
    """What a run of it measures unless it is told otherwise; empty: everything."""
    scenarios: tuple[Scenario, ...]


def shipped_files() -> list[Path]:
    """Return the scenario files that come with ConvGauge, sorted by name."""
    return sorted(SHIPPED.glob("*.yaml"))


class FileHead(NamedTuple):
    """What a list of scenario files shows of one."""

    name: str
    description: str


def file_head(path: Path) -> FileHead:
    """Return a file's name and description, as far as each stands on a line of its own.

    Only these lines are read, unchecked: reading all shipped files takes 0.1 s.
    """
    lines = dict(re.findall(r"^(name|description): *(\w[^#\n]*)", _read(path), re.MULTILINE))
    description = lines.get("description", "").strip()
    return FileHead(lines.get("name", path.stem).strip(), description)


def find_file(name_or_path: str | Path) -> Path:
    """Return the scenario file at a path, or the shipped one of that name.

    Raises:
        UsageError: there is none; names the nearest one that exists.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in shipped_files()}
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give a scenario file in it")
    neighbours = sorted(path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    near = did_you_mean(str(path), [*map(str, neighbours), *shipped]) or did_you_mean(
        path.stem, shipped
    )
    raise UsageError(
        f"{path}: no such scenario file.{near} Give a path or a shipped name: {', '.join(shipped)}"
    )


def load_files(
    paths: Iterable[str | Path], *, most: int | None = MOST_SCENARIOS, lifted_by: str = ""
) -> tuple[ScenarioFile, ...]:
    """Return the files of these paths or shipped names.

    Args:
        most: see `load_file`.
        lifted_by: what the user confirms more with, if they can.

    Raises:
        UsageError: see `find_file` and `load_file`; also two files of one name, as ids begin
            with it, or more than `most` scenarios in all.
    """
    files: dict[str, ScenarioFile] = {}
    for path in paths:
        file = load_file(find_file(path), most=most, lifted_by=lifted_by)
        if file.name in files:
            raise UsageError(
                f'{file.path}: the name "{file.name}" is taken by {files[file.name].path}; '
                "ids begin with it, so change the line `name:` of one, or leave one file out"
            )
        files[file.name] = file
    count = sum(len(file.scenarios) for file in files.values())
    if most is not None and count > most:
        names = ", ".join(str(file.path) for file in files.values())
        raise UsageError(f"{names}: {_too_many(count, most, lifted_by)}")
    return tuple(files.values())


def load_file(
    path: Path, *, most: int | None = MOST_SCENARIOS, lifted_by: str = ""
) -> ScenarioFile:
    """Return a scenario file with its scenarios: first the grid's, then `layers`, then the table's.

    Args:
        most: refuse more scenarios than this before any is built; None: no limit.

    Raises:
        UsageError: all that is wrong with the file, one line each: place, finding, what is
            accepted, nearest match.
    """
    # Listing files needs no YAML library, and importing it takes longer than all the rest.
    from suite.scenario.yamlreader import parse  # noqa: PLC0415

    text = _read(path)
    faults = Faults(path)
    root = parse(text, faults)
    document = read_document(root, path.stem, faults)
    table = read_asked_rows(path, document.layers_from, faults)
    count = _count(document, table)
    if most is not None and count > most:
        place = document.grid.place if document.grid else Place(1)
        faults.add(place, _too_many(count, most, lifted_by))
        faults.raise_any()
    if grid_count(document.grid.choices if document.grid else {}) * len(document.excludes) > (
        MOST_EXCLUSIONS
    ):
        faults.stop(
            document.excludes[0].place,
            f"{len(document.excludes):,} entries to leave out of the grid, too many for so many "
            "combinations; take values out of the grid",
        )
    scenarios = tuple(_scenarios(document, table, path.resolve().parent, faults))
    faults.raise_any()
    return ScenarioFile(
        path=path,
        name=document.name,
        description=document.description,
        text=text,
        implementations=document.implementations,
        scenarios=scenarios,
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path}: has more than {MOST_BYTES} bytes; write layers as a table")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _too_many(count: int, most: int, lifted_by: str) -> str:
    or_confirm = f", or confirm with {lifted_by}" if lifted_by else ""
    return (
        f"{count:,} scenarios, more than {most:,} at once; take values out of the grid{or_confirm}"
    )


def _count(document: Document, table: LayerTable | None) -> int:
    """Return how many scenarios are asked for, those that `exclude` leaves out included."""
    grid = grid_count(document.grid.choices) if document.grid else 0
    return grid + len(document.layers) + (len(table.rows) if table else 0)


def _scenarios(
    document: Document, table: LayerTable | None, folder: Path, faults: Faults
) -> Iterator[Scenario]:
    """Yield what the sections ask for. What does not fit becomes a fault, once for each place."""
    places: dict[str, Place] = {}
    misfits: dict[Place, list[str]] = {}
    for candidate in _candidates(document, table, faults):
        identity, _, place = candidate
        if identity in places and has_identity(candidate):
            faults.add(place, f'the id "{identity}" is taken {_by(places[identity])}')
        places.setdefault(identity, place)
        try:
            scenario = build_scenario(candidate, document.name)
            if scenario:
                scenario = with_stored(scenario, candidate, folder)
        except Misfit as misfit:
            misfits.setdefault(misfit.place, []).append(f"{identity}: {misfit}")
        else:
            if scenario:
                yield scenario
    for place, messages in misfits.items():
        alike = f" ({len(messages) - 1} more like it)" if len(messages) > 1 else ""
        faults.add(place, messages[0] + alike)


def _by(place: Place) -> str:
    where = f"by {place.path}:{place.line}" if place.path else f"in line {place.line}"
    return f"{where}; give another"


def _candidates(
    document: Document, table: LayerTable | None, faults: Faults
) -> Iterator[Candidate]:
    if document.grid:
        yield from expand_grid(document.grid, document.defaults, document.excludes, faults)
    for layer in document.layers:
        yield Candidate(
            layer_identity(layer.settings, document.defaults),
            document.defaults | layer.settings,
            layer.place,
        )
    if table:
        for row in read_rows(table, faults):
            yield row._replace(settings=document.defaults | row.settings)
