"""The data of a page: one JSON document in columns, which every chart and table draws from.

Numbers keep five significant digits. Raw samples are whole multiples of a power of ten; with
many cells a block is thinned to evenly spaced ranks, its least and largest sample included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from reports import glossary, units
from reports.compare import Comparison
from reports.layers import describe, layer_family
from reports.matrix import Matrix, MatrixCell
from reports.networks import networks
from reports.page.encoding import number, rounded, samples
from reports.page.profiles import profile_data
from reports.palette import PARTS, PARTS_ON_DARK, Look
from reports.series import Growth
from reports.sweeps import crossover, scalings
from suite.conditions import Scenario
from suite.program import PROGRAM
from suite.results.cell import CellResult, Status
from suite.results.contention import largest_others_share
from suite.results.folder import Run
from suite.results.request import AskedFile, GateRequest, RunRequest, read_request
from suite.results.standing import UNDECIDED
from suite.values import words
from suite.workload import network_of

SAMPLES_IN_ALL = 24_000
"""Samples take most of a page; with 500 cells this many keep it under 6 MB."""
LEAST_A_BLOCK = 5
STATUSES = tuple(status.value for status in Status)

SCENARIO, IMPLEMENTATION = "{scenario}", "{implementation}"
"""What stands for a cell's own in the command that measures it again."""

_GROWTH_FIELDS = tuple(field.name for field in fields(Growth))
_COLUMNS = {
    "time": lambda s: s.time_s.value,
    "time_low": lambda s: s.time_s.low,
    "time_high": lambda s: s.time_s.high,
    "min": lambda s: s.min_s,
    "speedup": lambda s: s.speedup and s.speedup.value,
    "speedup_low": lambda s: s.speedup and s.speedup.low,
    "speedup_high": lambda s: s.speedup and s.speedup.high,
    "gflops": lambda s: s.gflops,
    "executed": lambda s: s.executed_gflops,
    "roof": lambda s: s.roofline_fraction,
    "prepare": lambda s: s.prepare_s,
    "break_even": lambda s: s.break_even_calls,
}
"""Column → its number in the summary of a passed cell."""


def page_data(run: Run, matrix: Matrix, comparison: Comparison | None = None) -> dict[str, Any]:
    """Return everything that the page's scripts draw from."""
    sources = dict.fromkeys(scenario.source for scenario in matrix.scenarios)
    caches = (run.manifest.get("machine") or {}).get("caches") or {}
    return {
        "statuses": STATUSES,
        "glossary": glossary.MEANINGS,
        "parts": {"light": PARTS, "dark": PARTS_ON_DARK},
        "implementations": _implementations(run, matrix),
        "scenarios": [_scenario(scenario, matrix) for scenario in matrix.scenarios],
        "cells": _cells(matrix, comparison),
        "comparison": comparison is not None,
        "again": {
            reference: {source: _again(run, source, reference) for source in sources}
            for reference in {cell.result.reference for cell in matrix.cells.values()}
        },
        "placeholders": {"scenario": SCENARIO, "implementation": IMPLEMENTATION},
        "profiles": profile_data(run, matrix),
        "networks": rounded([asdict(network) for network in networks(matrix)]),
        "sweeps": [_sweep(matrix, source, caches) for source in sources],
        "growth_fields": _GROWTH_FIELDS,
    }


def _sweep(matrix: Matrix, source: str, caches: dict[str, str]) -> dict[str, Any]:
    """Return a file's crossover map and series; a fit is a row without its fields' names."""
    fitted = [asdict(scaling) for scaling in scalings(matrix, source, caches)]
    for scaling in fitted:
        for series in scaling["series"]:
            series["growths"] = [list(growth.values()) for growth in series["growths"]]
    slots = [asdict(slot) for slot in crossover(matrix, source)]
    sweep: dict[str, Any] = rounded({"source": source, "slots": slots, "scalings": fitted})
    return sweep


def _again(run: Run, source: str, reference: str) -> list[str]:
    """Return the words that measure a cell of a scenario file again, with its reference."""
    request = read_request(run.manifest) or RunRequest()
    listed = run.manifest.get("scenario_files") or []
    named = [entry.get("name") for entry in listed]
    own = [file for name, file in zip(named, request.files, strict=False) if name == source]
    is_model = isinstance(request, RunRequest) and request.model is not None
    if not own and not is_model and not isinstance(request, GateRequest):
        own = [AskedFile(f"{source or 'FILE'}.yaml", "")]
    request = replace(request, files=tuple(own))
    if isinstance(request, RunRequest):
        request = replace(request, reference=reference)
    return [*PROGRAM, *request.of_cell(SCENARIO, IMPLEMENTATION).words()]


def _implementations(run: Run, matrix: Matrix) -> list[dict[str, Any]]:
    listed = {entry.get("name"): entry for entry in run.manifest.get("implementations") or []}
    families = {cell.result.implementation: cell.result.family for cell in matrix.cells.values()}
    return [
        {
            "name": name,
            "family": families[name],
            "source": (listed.get(name) or {}).get("source"),
            "summary": (listed.get(name) or {}).get("summary"),
            "look": _look(matrix.look(name)),
        }
        for name in matrix.implementations
    ]


def _look(look: Look) -> dict[str, str]:
    mark = look.mark
    return {
        "light": look.colour,
        "dark": look.colour_on_dark,
        "symbol": mark.plotly,
        "path": mark.path,
    }


def _scenario(scenario: Scenario, matrix: Matrix) -> dict[str, Any]:
    problem = scenario.problem
    outcome = matrix.standings[scenario.id]
    is_network = network_of(scenario) is not None
    why = outcome.why_undecided if outcome.leader else ""
    return {
        "id": scenario.id,
        "shape": describe(problem),
        "layer": layer_family(problem),
        "kernel": units.ABSENT if is_network else "×".join(map(str, problem.kernel)),
        "device": scenario.device,
        "dtype": scenario.dtype,
        "memory_format": scenario.memory_format,
        "direction": scenario.direction,
        "cache": scenario.cache_state,
        "values": "" if scenario.has_usual_values else words(*_values(scenario)),
        "source": scenario.source,
        "occurrences": scenario.occurrences,
        "flops": problem.direct_flops,
        "bytes": scenario.least_bytes,
        "winner": outcome.winner and matrix.implementations.index(outcome.winner.implementation),
        "undecided": why and f"{UNDECIDED}: {why}",
    }


def _values(scenario: Scenario) -> tuple[str, str]:
    return scenario.values, scenario.weight_values


def _cells(matrix: Matrix, comparison: Comparison | None) -> dict[str, Any]:
    """Return the cells in columns, in the order scenario by scenario."""
    cells = [cell for scenario in matrix.scenarios for cell in matrix.row(scenario)]
    scenario_at = {scenario.id: position for position, scenario in enumerate(matrix.scenarios)}
    implementation_at = {name: position for position, name in enumerate(matrix.implementations)}
    texts: dict[str, int] = {}
    blocks = sum(len(cell.result.blocks) for cell in cells)
    most = max(LEAST_A_BLOCK, SAMPLES_IN_ALL // max(1, blocks))
    results = [cell.result for cell in cells]
    columns: dict[str, Any] = {
        "scenario": [scenario_at[result.scenario.id] for result in results],
        "implementation": [implementation_at[result.implementation] for result in results],
        "status": [STATUSES.index(result.status) for result in results],
        "reason": [_interned(texts, result.reason) for result in results],
        "notes": [[_interned(texts, note) for note in result.notes] or 0 for result in results],
        "reference": [_interned(texts, result.reference) for result in results],
        "precision": [_interned(texts, result.precision or "") for result in results],
        "threads": [result.threads for result in results],
        "deterministic": [result.deterministic for result in results],
        "ceiling": _ceilings(results),
        "error_factor": [result.error_factor for result in results],
        "peak": [result.peak_bytes for result in results],
        "workspace": [result.workspace_bytes for result in results],
        "error": [number(cell.rel_l2_error) for cell in cells],
        "worst_ratio": [
            number(result.residuals.worst_error_ratio) if result.residuals else None
            for result in results
        ],
        "worst": [_worst(result) for result in results],
        "disturbed": [int(result.is_disturbed) for result in results],
        "others": [
            number(largest_others_share([block.contention for block in result.blocks]))
            for result in results
        ],
        "blocks": [len(result.blocks) or None for result in results],
        "samples": [
            sum(len(block.samples_s) for block in result.blocks) or None for result in results
        ],
        "drawn": [samples(result, most) for result in results],
        "seed": [result.blocks[0].seed if result.blocks else None for result in results],
    }
    for name, pick in _COLUMNS.items():
        columns[name] = [_picked(cell, pick) for cell in cells]
    if comparison is not None:
        columns |= _changes(cells, comparison, texts)
    columns["texts"] = ["", *texts]
    return columns


def _changes(
    cells: Sequence[MatrixCell], comparison: Comparison, texts: dict[str, int]
) -> dict[str, Any]:
    """Return the columns that only a comparison has."""
    changes = {(change.scenario, change.implementation): change for change in comparison.cells}
    own = [changes[cell.result.scenario.id, cell.result.implementation] for cell in cells]
    return {
        "change": [number(change.ratio.value) if change.ratio else None for change in own],
        "change_low": [number(change.ratio.low) if change.ratio else None for change in own],
        "change_high": [number(change.ratio.high) if change.ratio else None for change in own],
        "base_time": [number(change.base.time_s) if change.base else None for change in own],
        "change_note": [_interned(texts, change.note) for change in own],
    }


def _picked(cell: MatrixCell, pick: Any) -> float | str | None:
    return None if cell.summary is None else number(pick(cell.summary))


def _interned(texts: dict[str, int], text: str) -> int:
    """Return a text's place among the page's texts; 0 is the empty one."""
    return texts.setdefault(text, len(texts) + 1) if text else 0


def _ceilings(results: Sequence[CellResult]) -> dict[str, Any]:
    """Return the different ceilings once, and which of them each cell has (null: none)."""
    places: dict[Any, int] = {}
    of_cell = [
        None if result.ceiling is None else places.setdefault(result.ceiling, len(places))
        for result in results
    ]
    return {"kinds": rounded([asdict(ceiling) for ceiling in places]), "of": of_cell}


def _worst(result: CellResult) -> list[Any] | None:
    if result.residuals is None or result.residuals.worst is None:
        return None
    worst = result.residuals.worst
    return [list(worst.index), number(worst.got, 9), number(worst.expected, 9), number(worst.bound)]
