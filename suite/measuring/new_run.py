"""A run's folder, and what a reader has to know about the run before its first cell."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from suite.errors import UsageError
from suite.machine import host
from suite.messages.judge import Facts
from suite.problem import Scenario
from suite.processes.peer import Peer
from suite.registry.catalogue import Catalogue
from suite.results.folder import MANIFEST, RESULTS, read_manifest, write_manifest
from suite.scenario import ScenarioFile

TREE = Path(__file__).resolve().parents[2]
"""The checkout that this code belongs to: its `impls/` are what is measured."""


def torch_facts(log: Path) -> dict[str, Any]:
    """Ask a process that has torch about it."""
    peer = Peer("suite.judge.process:main", 1, name="facts", log=log)
    try:
        return dataclasses.asdict(peer.ask(Facts()))
    finally:
        peer.close()


def open_folder(out: Path | None, name: str, resume: bool, scenario_ids: Sequence[str]) -> Path:
    """Return the run's folder, made if it is new.

    Raises:
        UsageError: a folder that holds another run, cannot be written, or is not there to resume.
    """
    if resume:
        return _folder_to_resume(out, name, scenario_ids)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = out or _unused(Path("results") / f"{stamp}-{name}")
    if (folder / MANIFEST).exists() or (folder / RESULTS).exists():
        raise UsageError(
            f"{folder}: holds a run already; add --resume to finish it, or choose another --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}; choose --out") from error
    return folder


def _unused(folder: Path) -> Path:
    number = 2
    path = folder
    while path.exists():
        path = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return path


def _folder_to_resume(out: Path | None, name: str, scenario_ids: Sequence[str]) -> Path:
    if out is None:
        runs = sorted(Path("results").glob(f"*-{name}*/{MANIFEST}"))
        if not runs:
            raise UsageError(f"--resume: no run of {name} in results/; name its folder with --out")
        out = runs[-1].parent
    found = read_manifest(out)["scenarios"]
    if list(found) != list(scenario_ids):
        raise UsageError(
            f"{out}: holds a run of other scenarios ({len(found)} of them, first "
            f"{found[0] if found else 'none'}); resume with the same files and --shard"
        )
    return out


def write_run_manifest(
    folder: Path,
    *,
    name: str,
    files: Sequence[ScenarioFile],
    scenarios: Sequence[Scenario],
    catalogue: Catalogue,
    facts: dict[str, Any],
    settings: dict[str, Any],
    version: str,
) -> dict[str, Any]:
    """Write what a reader needs to know about the run before its first cell; return it."""
    machine_facts = {**host.facts(), **facts, "threads": settings["threads"]}
    noise = host.spread(host.noise_samples())
    machine_facts |= {
        "noise": noise,
        "noise_grade": host.noise_grade(noise),
        "fingerprint": host.fingerprint(machine_facts),
    }
    manifest = {
        "name": name,
        "convgauge_version": version,
        "started_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        **host.git_state(TREE),
        "machine": machine_facts,
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(("OMP_", "GOMP_", "MKL_", "KMP_", "NUMBA_", "TORCH_", "ONEDNN_"))
        },
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
