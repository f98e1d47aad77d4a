"""From what the user asked for to what will be measured, and into which folder."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import psutil

from suite import machine
from suite.arm import Arm
from suite.catalogue import Catalogue, Entry
from suite.errors import UsageError, did_you_mean
from suite.problem import Scenario
from suite.processes import Peer
from suite.runfile import MANIFEST, RESULTS, read_manifest, write_manifest
from suite.scenario import ScenarioFile

DEVICES = re.compile(r"cpu|cuda(:[0-9]+)?")
MOST_CELLS = 50_000
MOST_IDS_NAMED = 12
MEMORY_SHARE = 0.8
TREE = Path(__file__).resolve().parents[1]
"""The checkout that this code belongs to: its `impls/` are what is measured."""


def chosen_threads(asked: int | None) -> int:
    return asked or machine.usable_cores()


def chosen_memory_limit_bytes(asked_gib: float | None) -> int:
    """Return what one worker may take: what was asked for, or most of what is free now."""
    if asked_gib is not None:
        return int(asked_gib * 2**30)
    return int(MEMORY_SHARE * psutil.virtual_memory().available)


def torch_facts(log: Path) -> dict[str, Any]:
    """Ask a process that has torch about it."""
    peer = Peer("suite.judge:main", 1, name="facts", log=log)
    try:
        return peer.ask("facts")
    finally:
        peer.close()


def chosen_scenarios(scenarios: Sequence[Scenario], patterns: Sequence[str]) -> list[Scenario]:
    """Return the scenarios whose ids match any of the globs; all without patterns.

    A pattern without a file's name in front of it stands for the scenarios of all files.

    Raises:
        UsageError: a pattern that matches nothing.
    """

    def matches(scenario: Scenario, pattern: str) -> bool:
        own = scenario.id.removeprefix(f"{scenario.source}/")
        return fnmatchcase(scenario.id, pattern) or fnmatchcase(own, pattern)

    for pattern in patterns:
        if not any(matches(scenario, pattern) for scenario in scenarios):
            ids = [scenario.id for scenario in scenarios]
            named = ", ".join(ids[:MOST_IDS_NAMED])
            more = f" and {len(ids) - MOST_IDS_NAMED} more" if len(ids) > MOST_IDS_NAMED else ""
            near = did_you_mean(pattern, [*ids, *(i.partition("/")[2] for i in ids)])
            raise UsageError(
                f"--scenario {pattern}: no scenario of that id.{near} There are: {named}{more}"
            )
    return [s for s in scenarios if not patterns or any(matches(s, p) for p in patterns)]


def on_device(
    scenarios: Sequence[Scenario], asked: str | None, facts: dict[str, Any]
) -> list[Scenario]:
    """Return the scenarios on the device asked for; "auto" is CUDA where there is one.

    Raises:
        UsageError: an unknown device, or CUDA where torch has none.
    """
    if asked == "auto":
        asked = "cuda" if facts["gpu"] else "cpu"
    if not DEVICES.fullmatch(asked or "cpu"):
        raise UsageError(f'--device "{asked}" is unknown; accepted: cpu, cuda, cuda:1, auto')
    moved = [s if asked is None else dataclasses.replace(s, device=asked) for s in scenarios]
    if any(s.device.startswith("cuda") for s in moved) and not facts["gpu"]:
        raise UsageError(
            f"device cuda: torch {facts['torch']} sees no CUDA GPU here; use --device cpu, or "
            "install a CUDA build of torch on a machine with an NVIDIA GPU"
        )
    for device in {s.device for s in moved if s.on_cuda}:
        index = gpu_index(device)
        if index >= len(facts["gpus"]):
            there = ", ".join(f"cuda:{i} {name}" for i, name in enumerate(facts["gpus"]))
            raise UsageError(f"device {device}: there is no such GPU here; there are: {there}")
    return moved


def gpu_index(device: str) -> int:
    """Return which GPU a device such as "cuda" or "cuda:1" is."""
    return int(device.partition(":")[2] or 0)


def facts_on(scenarios: Sequence[Scenario], facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the GPU that the scenarios run on, if they run on one."""
    used = sorted({gpu_index(scenario.device) for scenario in scenarios if scenario.on_cuda})
    names = [facts["gpus"][index] for index in used]
    return {**facts, "gpu": ", ".join(names)} if names else facts


def chosen_arms(
    catalogue: Catalogue, patterns: Sequence[str], reference: str | None = None
) -> list[Arm]:
    """Return the arms for these name patterns; the reference is always among them.

    Raises:
        UsageError: a pattern or a reference that is no implementation.
    """
    chosen = catalogue.select(patterns)
    if reference is not None and all(entry.name != reference for entry in chosen):
        chosen = [*_reference(catalogue, reference), *chosen]
    return [
        Arm(entry.name, entry.family, entry.source, unsupported=entry.unsupported)
        for entry in chosen
    ]


def _reference(catalogue: Catalogue, name: str) -> list[Entry]:
    try:
        return catalogue.select([name])
    except UsageError as error:
        raise UsageError(str(error).replace("--impl", "--reference")) from None


def shard_of(scenarios: Sequence[Scenario], shard: tuple[int, int] | None) -> list[Scenario]:
    """Return every N-th scenario; whole scenarios, as their cells are measured together."""
    if shard is None:
        return list(scenarios)
    index, count = shard
    return list(scenarios[index - 1 :: count])


def refuse_too_many(cells: int, yes: bool) -> None:
    if cells > MOST_CELLS and not yes:
        raise UsageError(
            f"{cells:,} cells are more than {MOST_CELLS:,}; name fewer implementations with "
            "--impl, cut the grid, or confirm with --yes"
        )


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
    host = {**machine.facts(), **facts, "threads": settings["threads"]}
    noise = machine.spread(machine.noise_samples())
    host |= {
        "noise": noise,
        "noise_grade": machine.noise_grade(noise),
        "fingerprint": machine.fingerprint(host),
    }
    manifest = {
        "name": name,
        "convgauge_version": version,
        "started_at": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        **machine.git_state(TREE),
        "machine": host,
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
                "summary": entry.summary,
                "unavailable": entry.unavailable,
                "on_request": entry.on_request,
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
