"""The page's data on profiles: one entry a profiled cell, numbers rounded, stacks made to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from reports.matrix import Matrix
from reports.page.encoding import rounded
from reports.profile_memory import memory_words
from suite.phases import NAMES
from suite.results.cell import CellResult
from suite.results.folder import Run
from suite.results.profile import CellProfile, Operators, Phases, StackNode
from suite.results.roofline import roofline_of


def profile_data(run: Run, matrix: Matrix) -> dict[str, Any] | None:
    """Return what the section on profiles draws from; None where nothing was profiled."""
    if not run.profiles:
        return None
    scenario_at = {scenario.id: index for index, scenario in enumerate(matrix.scenarios)}
    implementation_at = {name: index for index, name in enumerate(matrix.implementations)}
    entries = [
        {
            "scenario": scenario_at[result.scenario.id],
            "implementation": implementation_at[result.implementation],
            **_entry(result, profile),
        }
        for result in run.results
        if (profile := run.profiles.get(result.key))
    ]
    return {"phases": list(NAMES), "cells": entries}


def _entry(result: CellResult, profile: CellProfile) -> dict[str, Any]:
    roofline = roofline_of(result, profile)
    memory, operators = profile.memory, profile.operators
    entry = {
        "phases": profile.phases and _phases(profile.phases),
        "operators": operators and _operators(operators),
        "bound": roofline and asdict(roofline),
        "memory": memory and asdict(memory),
        "memory_words": memory and asdict(memory_words(result, memory)),
        "one_thread_of": profile.one_thread_of,
        "threads": [[item.threads, item.time_s] for item in profile.threads],
        "efficiency": profile.parallel_efficiency,
        "python": [asdict(function) for function in profile.python],
        "counters": profile.counters,
        "instructions": profile.instructions,
        "instructions_path": profile.instructions_path,
        "files": profile.files,
        "missing": profile.missing,
        "took": profile.took_s,
    }
    rounded_entry: dict[str, Any] = rounded(entry)
    if operators:
        rounded_entry["stacks"] = _stacks(operators.stacks)
    return rounded_entry


def _phases(phases: Phases) -> dict[str, Any]:
    return {
        "unprofiled": phases.unprofiled_s,
        "shares": {name: phases.share(name) for name in phases.phases_s},
        "unmarked": phases.unmarked_share,
        "total": phases.total_share,
        "calls": phases.calls,
    }


def _operators(operators: Operators) -> dict[str, Any]:
    return {
        "call": operators.call_s,
        "count": operators.operators,
        "overhead": operators.overhead_s,
        "rows": [asdict(row) for row in operators.rows],
        "counts": asdict(operators.counts),
    }


def _stacks(nodes: Sequence[StackNode]) -> dict[str, Any]:
    """Return the tree in whole nanoseconds; a parent is as long as its children at least.

    plotly.js draws nothing at all where rounding makes children longer than their parent.
    """
    lengths = [round(node.total_s * 1e9) for node in nodes]
    inner = [0] * len(nodes)
    for index in reversed(range(len(nodes))):
        lengths[index] = max(lengths[index], inner[index], 1)
        parent = nodes[index].parent
        if parent is not None:
            inner[parent] += lengths[index]
    return {
        "names": [node.name for node in nodes],
        "parents": [node.parent for node in nodes],
        "ns": lengths,
    }
