"""The table that `tune` writes and `auto` reads: measured speed-ups over torch, by conditions.

One JSON file for each machine, in the user's cache folder; the environment variable
CONVGAUGE_TUNING names another folder. Times of another machine say nothing here, so a table is
only read where its fingerprint is this machine's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import UsageError
from suite.machine import host
from suite.problem import Problem
from suite.processes.caches import user_cache
from suite.program import COMMAND_LINE

SCHEMA_VERSION = 1
FOLDER_VARIABLE = "CONVGAUGE_TUNING"
TO_TUNE = f"{COMMAND_LINE} tune"
FACTS = ("cpu", "flags", "cores")
"""What of the machine has to agree, besides torch's version, before a table is believed."""


class Conditions(NamedTuple):
    """What a speed-up was measured under: nothing learnt under one says anything on another."""

    dtype: str
    memory_format: str
    threads: int

    def __str__(self) -> str:
        return f"{self.dtype}, {self.memory_format}, {self.threads} threads"


@dataclass(frozen=True)
class Row:
    """An implementation in the table, and the module that registers it."""

    name: str
    module: str


@dataclass(frozen=True)
class Measured:
    """One implementation on one problem, against torch in the same blocks."""

    row: Row
    log_speedup: float
    error: float


@dataclass(frozen=True)
class Trial:
    """One problem under one set of conditions, and all that was measured on it."""

    problem: Problem
    conditions: Conditions
    measured: tuple[Measured, ...]


Shapes = dict[tuple[str, str], tuple[float, float]]
"""(kind, row's name) → what fitting found: see `gaussian_process.Shape`."""


@dataclass(frozen=True)
class TuningTable:
    """All trials of one machine."""

    fingerprint: str
    machine: Mapping[str, Any]
    made_at: str
    trials: tuple[Trial, ...]
    shapes: Mapping[Conditions, Shapes]

    def under(self, conditions: Conditions) -> list[Trial]:
        return [trial for trial in self.trials if trial.conditions == conditions]


def cache_folder() -> Path:
    """Return where tables lie: CONVGAUGE_TUNING, or the system's place for caches."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        return Path(folder)
    return user_cache() / "tuning"


def machine_facts(torch_version: str) -> dict[str, Any]:
    """Return what a table's times depend on."""
    facts = host.facts()
    return {**{name: facts[name] for name in FACTS}, "torch": torch_version}


def fingerprint_of(facts: Mapping[str, Any]) -> str:
    text = json.dumps({name: facts.get(name) for name in (*FACTS, "torch")}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def table_path(fingerprint: str) -> Path:
    return cache_folder() / f"{fingerprint}.json"


def write_table(table: TuningTable, path: Path) -> None:
    """Write the table in one step: a reader finds the old one or the new one.

    Raises:
        UsageError: it cannot be written there.
    """
    record = {
        "schema_version": SCHEMA_VERSION,
        "fingerprint": table.fingerprint,
        "machine": dict(table.machine),
        "made_at": table.made_at,
        "trials": [_to_record(trial) for trial in table.trials],
        "shapes": [
            [list(conditions), *key, *shape]
            for conditions, shapes in table.shapes.items()
            for key, shape in shapes.items()
        ],
    }
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(record) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}; name another folder in {FOLDER_VARIABLE}"
        ) from error


def read_table(path: Path) -> TuningTable:
    """Read a table back.

    Raises:
        UsageError: no such file, not a table, or one that another version wrote.
    """
    again = f"delete it, and tune anew: {TO_TUNE}"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["schema_version"]
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"{path}: schema version {version}, this ConvGauge reads {SCHEMA_VERSION}; {again}"
            )
        return TuningTable(
            fingerprint=str(record["fingerprint"]),
            machine=dict(record["machine"]),
            made_at=str(record["made_at"]),
            trials=tuple(_from_record(trial) for trial in record["trials"]),
            shapes=_shapes_from_record(record["shapes"]),
        )
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; {again}") from error
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path}: not a tuning table ({reason}); {again}") from error


def _to_record(trial: Trial) -> dict[str, Any]:
    return {
        "problem": trial.problem.to_dict(),
        "conditions": list(trial.conditions),
        "measured": {
            measured.row.name: [
                measured.row.module,
                round(measured.log_speedup, 4),
                round(measured.error, 4),
            ]
            for measured in trial.measured
        },
    }


def _from_record(record: dict[str, Any]) -> Trial:
    return Trial(
        Problem(**record["problem"]),
        _conditions(record["conditions"]),
        tuple(
            Measured(Row(str(name), str(module)), float(speedup), float(error))
            for name, (module, speedup, error) in record["measured"].items()
        ),
    )


def _conditions(record: list[Any]) -> Conditions:
    dtype, memory_format, threads = record
    return Conditions(str(dtype), str(memory_format), int(threads))


def _shapes_from_record(record: list[Any]) -> dict[Conditions, Shapes]:
    shapes: dict[Conditions, Shapes] = {}
    for conditions, kind, name, length, nugget in record:
        of_conditions = shapes.setdefault(_conditions(conditions), {})
        of_conditions[str(kind), str(name)] = float(length), float(nugget)
    return shapes
