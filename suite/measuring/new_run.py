"""What a reader has to know about a run before its first cell."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from suite.conditions import Scenario
from suite.machine import host, placement, repositories
from suite.measuring.noise import Noise
from suite.measuring.torch_process import TorchProcess
from suite.messages.judge import Facts, TorchFacts
from suite.processes.fork_server import chosen_environment
from suite.processes.interpreter import Interpreter
from suite.registry.catalogue import Catalogue
from suite.results.comparable import fingerprint, kept_variables
from suite.results.folder import write_manifest
from suite.results.request import Request
from suite.scenario import ScenarioFile

TREE = Path(__file__).resolve().parents[2]
"""The checkout that this code belongs to: its `impls/` are what is measured."""


def torch_facts(
    log: Path, interpreter: Interpreter | None = None, where: str = "here"
) -> TorchFacts:
    """Ask a process that has torch about it.

    Args:
        interpreter: another Python whose torch is meant.
        where: how that is called.

    Raises:
        UsageError: none can be started here, or torch cannot be imported.
    """
    trouble = f"torch cannot be asked what it sees {where}"
    with TorchProcess(
        1, name="facts", log=log, trouble=trouble, interpreter=interpreter
    ) as process:
        return process.ask(Facts())


def write_run_manifest(
    folder: Path,
    *,
    name: str,
    files: Sequence[ScenarioFile],
    scenarios: Sequence[Scenario],
    catalogue: Catalogue,
    facts: TorchFacts,
    settings: dict[str, Any],
    request: Request,
    noise: Noise,
    version: str,
) -> dict[str, Any]:
    """Write what a reader needs to know about the run before its first cell; return it."""
    machine_facts = {**host.facts(), **dataclasses.asdict(facts), "threads": settings["threads"]}
    machine_facts |= {
        "noise": noise.extent,
        "noise_grade": noise.grade,
        "fingerprint": fingerprint(machine_facts),
    }
    manifest = {
        "name": name,
        "convgauge_version": version,
        "started_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "request": request.to_dict(),
        **repositories.state_of_code(TREE, (entry.file for entry in catalogue.entries)),
        "machine": machine_facts,
        "remarks": placement.remarks(settings["threads"], chosen_environment()),
        "load": noise.to_dict(),
        **kept_variables(chosen_environment()),
        "settings": settings,
        "scenario_files": [
            {"name": file.name, "path": str(file.path), "text": file.text} for file in files
        ],
        "scenarios": [scenario.id for scenario in scenarios],
        "implementations": [
            {
                "name": entry.name,
                "family": entry.family,
                "source": _short(entry.file),
                "summary": entry.declared.summary,
                "unavailable": entry.unavailable,
                "on_request": entry.declared.on_request,
            }
            for entry in catalogue.entries
        ],
    }
    write_manifest(folder, manifest)
    return manifest


def _short(file: str) -> str:
    """Return a file's place in this tree, where it is in it: what a reader of a report can use."""
    path = Path(file)
    return path.relative_to(TREE).as_posix() if path.is_relative_to(TREE) else file
