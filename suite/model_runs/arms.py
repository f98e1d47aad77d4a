"""The arms of a model run: every way to compute a whole network, and each row by force."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from suite.declaration import Declaration
from suite.registry.catalogue import Catalogue, Entry
from suite.registry.sources import WaySource
from suite.tuning.eligible import LEFT_TO_REQUESTS, REFERENCE, TEXTBOOK
from suite.workload import NetworkScenario

TREE = Path(__file__).resolve().parents[2]
MODELS = "suite.models.ways"
USUAL_REFERENCE = "eager"
OPTIMIZE = "optimize"
OPTIMIZE_FOLD = "optimize_fold"
CHOSEN_BY_MEASURING = (OPTIMIZE, OPTIMIZE_FOLD)
"""Ways that are another thing every time they are made."""


class _Way(NamedTuple):
    family: str
    summary: str
    packages: tuple[str, ...] = ()
    """That have to be installed."""
    trains: bool = True
    dtypes: tuple[str, ...] = ("float32", "float64", "float16", "bfloat16")


_WAYS = {
    "eager": _Way("vendor", "the model as it is built, by torch's own convolutions"),
    "channels_last": _Way("vendor", "the same with weights and inputs in channels_last"),
    OPTIMIZE: _Way(
        "auto",
        "convgauge.optimize: rows chosen inside the network and verified, before it is measured",
        dtypes=("float32", "float64"),
    ),
    OPTIMIZE_FOLD: _Way(
        "auto",
        "the same with fold=True: batch norms, activations and sums folded into a copy",
        trains=False,
        dtypes=("float32", "float64"),
    ),
    "compile": _Way("engine", "torch.compile of the whole model"),
    "compile_frozen": _Way(
        "engine", "torch.compile with the weights frozen into the code", trains=False
    ),
    "onnxruntime": _Way(
        "engine",
        "ONNX Runtime, the model exported once",
        ("onnxruntime", "onnx", "onnxscript"),
        trains=False,
        dtypes=("float32",),
    ),
    "openvino": _Way(
        "engine",
        "OpenVINO's CPU plug-in in float32, the model converted once",
        ("openvino",),
        trains=False,
        dtypes=("float32",),
    ),
}


def ways(scenarios: Iterable[NetworkScenario]) -> list[Entry]:
    """Return the ways that there are, with what stands in the way of each."""
    networks = list(scenarios)
    return [_entry_of(name, way, networks) for name, way in _WAYS.items()]


def _entry_of(name: str, way: _Way, scenarios: list[NetworkScenario]) -> Entry:
    missing = [package for package in way.packages if importlib.util.find_spec(package) is None]
    unavailable = (
        f"{' and '.join(missing)} not installed: pip install {' '.join(missing)}"
        if missing
        else None
    )
    unsupported = {}
    for scenario in scenarios:
        if scenario.problem.train and not way.trains:
            unsupported[scenario.id] = "computes no gradients"
        elif scenario.dtype not in way.dtypes:
            unsupported[scenario.id] = f"computes {', '.join(way.dtypes)} only"
        elif unavailable:
            unsupported[scenario.id] = unavailable
    return Entry(
        declared=Declaration(
            name=name,
            family=way.family,
            source=_code(scenarios),
            summary=way.summary,
            devices=("cpu",),
            dtypes=way.dtypes,
            packs=name not in ("eager", "channels_last"),
        ),
        source=WaySource(MODELS, str(TREE), way=name),
        unavailable=unavailable,
        unsupported=unsupported,
    )


def rows_by_force(catalogue: Catalogue, scenarios: Iterable[NetworkScenario]) -> list[Entry]:
    """Return an arm for each row of single convolutions: it computes all that it covers.

    Only where it is asked for; rows of plug-ins always.
    """
    networks = list(scenarios)
    return [
        Entry(
            declared=dataclasses.replace(
                entry.declared,
                source=_code(networks),
                on_request=not entry.source.is_plugin,
                packs=True,
            ),
            source=WaySource(
                MODELS,
                entry.source.tree or str(TREE),
                way="row",
                row=entry.name,
                row_source=entry.source.location,
            ),
            unavailable=entry.unavailable,
            unsupported={scenario.id: entry.unavailable for scenario in networks}
            if entry.unavailable
            else {},
        )
        for entry in catalogue.entries
        if entry.name not in (*_WAYS, REFERENCE, *TEXTBOOK)
        and entry.family not in LEFT_TO_REQUESTS
        and "cpu" in entry.declared.devices
    ]


def _code(scenarios: list[NetworkScenario]) -> str:
    """Return the file that says what is computed: the user's, so that a run records its state."""
    modules = {scenario.problem.module for scenario in scenarios}
    return next((name for name in modules if name.endswith(".py")), str(TREE / "suite/models"))
