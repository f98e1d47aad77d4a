"""`run --on WHERE --each`: a run folder for each different machine, and one page over them."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from commands import _resuming
from commands._asking import given
from commands._cures import after_freeing_space
from commands._fleet import Asked, admit_to_kind, assembled
from commands._fleet_run import FleetRun, asked_of_run, besides, code_of, manifest_for
from commands._fleet_view import account
from commands._folders import keeping_folders, lock_folder, open_folder
from commands._reporting import write_report
from reports import machines
from suite.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, UsageError
from suite.fleet.description import Description
from suite.fleet.dispatch import Lane, Outcome
from suite.fleet.hosts import HostsFile
from suite.fleet.workers import Worker, host_of
from suite.ranges import Misfit
from suite.results.comparable import comparability
from suite.results.folder import (
    RESULTS,
    Run,
    has_records,
    read_manifest,
    read_run,
    write_manifest,
)
from suite.results.inside import read_inside, write_whole
from suite.results.request import RunRequest

FILE = "fleet.json"


def is_begun(folder: Path | None) -> bool:
    """Whether a folder holds runs of machines that each measured everything."""
    return folder is not None and (folder / FILE).is_file()


def begin(request: RunRequest, options: argparse.Namespace, console: Console) -> int:
    """Have every different machine measure everything; return the exit code."""
    asked = asked_of_run(request)
    name = "-".join(file.name for file in asked.files)
    with (
        keeping_folders(),
        assembled(asked, console, "cells") as (fleet, _),
    ):
        folder = open_folder(options.out, name)
        return _Each(folder, name, request, asked, besides(options), {}).go_on(fleet, console)


def resume(options: argparse.Namespace, console: Console) -> int:
    """Measure what is missing, on the machines that are there now; return the exit code.

    Raises:
        UsageError: an option contradicts what was asked, or the folder is damaged.
    """
    folder: Path = options.out
    try:
        record = json.loads(read_inside(folder, FILE) or "")
        request = RunRequest.from_dict(record["request"])
        folders = {str(name): str(place) for name, place in record["machines"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, Misfit) as error:
        raise UsageError(f"{folder / FILE}: damaged: {error}") from error
    now = given(RunRequest, options)
    _resuming.refuse_contradictions(folder, request, {**now, "each": True})
    request = replace(
        request, budget_s=now.get("budget_s"), on=now.get("on") or request.on, yes=True
    )
    asked = asked_of_run(request)
    name = "-".join(file.name for file in asked.files)
    with keeping_folders():
        lock_folder(folder)
        with assembled(asked, console, "cells") as (fleet, _):
            each = _Each(folder, name, request, asked, besides(options), folders)
            return each.go_on(fleet, console)


class _Each:
    """A folder with a run's folder for each kind of machine.

    Args:
        folders: name of a machine → its folder, of an earlier call.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        request: RunRequest,
        asked: Asked,
        besides: tuple[str, ...],
        folders: dict[str, str],
    ) -> None:
        self._folder = folder
        self._name = name
        self._request = request
        self._asked = asked
        self._besides = besides
        self._folders = folders
        self._parts: dict[str, FleetRun] = {}

    def go_on(self, fleet: Any, console: Console) -> int:
        self._remember()
        fleet.deadline_s = self._request.budget_s
        with after_freeing_space(self._again):
            outcome = fleet.run(partial(admit_to_kind, self._asked.scenarios, {}, self._lane_for))
        return self._conclude(fleet, outcome, console)

    @property
    def _again(self) -> str:
        return self._request.resuming(str(self._folder))

    def _lane_for(self, name: str, like: Description) -> Lane:
        """Return the work of a kind of machine: what is missing in its folder, made if need be."""
        known = self._known(like)
        name = known or name
        if known:
            manifest = read_manifest(self._folder / self._folders[known])
        else:
            while name in self._folders:
                name = f"{name}-again"
            self._folders[name] = _as_folder(name)
            place = self._folder / self._folders[name]
            place.mkdir(exist_ok=True)
            manifest = manifest_for(
                self._asked, self._request, like, [like.machine], f"{self._name}-{name}"
            )
            write_manifest(place, manifest)
            self._remember()
        place = self._folder / self._folders[name]
        part = FleetRun(place, self._request, self._asked, like, manifest, self._besides, name=name)
        self._parts[name] = part
        return part.lane()

    def _known(self, like: Description) -> str | None:
        """Return the machine of an earlier call that this one is like."""
        now = Run(self._folder, dict(like.manifest), ())
        for name, place in self._folders.items():
            if name in self._parts:
                continue
            then = Run(self._folder, read_manifest(self._folder / place), ())
            if not comparability(then, now).why_not:
                return name
        return None

    def _remember(self) -> None:
        record = {"request": self._request.to_dict(), "machines": self._folders}
        write_whole(self._folder / FILE, json.dumps(record, indent=1) + "\n")

    def _conclude(self, fleet: Any, outcome: Outcome, console: Console) -> int:
        for name, part in self._parts.items():
            mine = [w for w in outcome.workers if (of := fleet.lane_of(w)) and of.name == name]
            part.close(dataclasses.replace(outcome, workers=mine))
        for line in account(outcome.workers, "cells"):
            console.print(line, soft_wrap=True)
        if outcome.why:
            console.print(outcome.why, style="yellow", soft_wrap=True)
        runs = self._runs(outcome.workers)
        codes = []
        for machine in runs:
            write_report(machine.run, machine.run.folder, console)
            if machine.name in self._parts:
                left = outcome.left.get(machine.name, [])
                codes.append(code_of(self._parts[machine.name], machine.run, left))
        if runs:
            where = self._asked.where
            currency = where.currency if isinstance(where, HostsFile) else ""
            page = machines.write(runs, self._folder, currency)
            for line in _told(runs):
                console.print(line, soft_wrap=True)
            console.print(f"machines: {page}", soft_wrap=True)
        is_open = any(outcome.left.values()) or any(part.lost for part in self._parts.values())
        if outcome.interrupted or is_open or not runs:
            how = "interrupted" if outcome.interrupted else "cells are missing"
            text = f"{how}; finish it with: {self._again}"
            console.print(text, style="yellow", soft_wrap=True)
        if outcome.interrupted:
            return EXIT_INTERRUPTED
        return worst_of(codes) if codes else EXIT_INCONCLUSIVE

    def _runs(self, workers: Sequence[Worker]) -> list[machines.MachineRun]:
        """Return what each machine has measured, those of earlier calls too."""
        runs = []
        for name, place in self._folders.items():
            folder = self._folder / place
            if not has_records(folder / RESULTS):
                continue
            run = read_run([folder])
            hostname = str((run.manifest.get("machine") or {}).get("hostname") or name)
            where = self._asked.where
            addresses = [host_of(w.address) for w in workers if w.machine == hostname]
            host = (
                where.host_called(name, hostname, *addresses)
                if isinstance(where, HostsFile)
                else None
            )
            runs.append(
                machines.MachineRun(
                    name,
                    run,
                    host.price_per_hour if host else None,
                    host.watts if host else None,
                )
            )
        return runs


def worst_of(codes: Sequence[int]) -> int:
    """Return the code of several runs: wrong results before what cannot be told, before good."""
    return min(codes, key=lambda code: {3: 0, 4: 1, 0: 2}.get(code, 0))


def _told(runs: Sequence[machines.MachineRun]) -> list[str]:
    """Return the page's first answers as lines."""
    compared = machines.Machines.of(runs)
    lines = [f"{cell.key}: {', '.join(cell.statuses)}" for cell in compared.unlike]
    changes = [line.id for line in compared.changes]
    count = f"{len(changes)} of {len(compared.lines)} scenarios"
    first = f", first {changes[0]}" if changes else ""
    return [*lines, f"winners change between {len(runs)} machines in {count}{first}"]


def _as_folder(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).lstrip(".") or "machine"
