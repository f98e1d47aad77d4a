"""A run's folder from its first file to its last cell, and the machine for that long."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._preparing import ChosenScenarios, Prepared, names_of_plugins
from reports import contention_text, terminal
from suite import __version__
from suite.errors import UsageError
from suite.machine.alone import alone
from suite.measuring import new_run, noise
from suite.measuring.run import Runner, RunOutcome
from suite.measuring.settings import Settings
from suite.processes.lock import FileLock
from suite.registry.catalogue import Catalogue
from suite.results.folder import MANIFEST, RESULTS

LOG = "worker.log"
LOCK = ".lock"

_locks: list[FileLock] = []
"""Of the folders that this command writes into, until it has ended."""


@contextlib.contextmanager
def measuring(
    options: argparse.Namespace, console: Console, folder: Path | None = None
) -> Iterator[None]:
    """Have the machine for a command that measures, and the folders that it opens.

    Args:
        folder: where its results are to go, if that is known already: no need to wait for the
            machine only to be told that the folder is another's.

    Raises:
        UsageError: another run writes into the folder; with --no-wait, another run measures.
    """
    if folder is not None:
        _refuse_taken(folder)
    say = console.print
    machine = alone(
        lambda text: say(text, style="yellow", soft_wrap=True),
        waits=not options.no_wait,
        refused_by="--no-wait",
    )
    with contextlib.nullcontext() if options.no_exclusive else machine, keeping_folders():
        yield


@contextlib.contextmanager
def keeping_folders() -> Iterator[None]:
    """Keep the folders that a command opens from others until the block has ended."""
    try:
        yield
    finally:
        while _locks:
            _locks.pop().release()


def lock_folder(folder: Path, instead: str = "choose another --out") -> None:
    """Keep other runs from writing into a folder until this command has ended.

    Raises:
        UsageError: another one writes into it; it is named.
    """
    lock = FileLock(folder / LOCK, is_removed=True)
    if holder := lock.take():
        raise UsageError(
            f"{folder}: another run writes into it: {holder}; wait for its end, or {instead}"
        )
    _locks.append(lock)


def _refuse_taken(folder: Path) -> None:
    if (folder / LOCK).exists():
        lock_folder(folder)
        _locks.pop().release()


def open_folder(out: Path | None, name: str) -> Path:
    """Return the folder of a new run, made, and kept from other runs until the command ends.

    Raises:
        UsageError: a folder that holds another run, or cannot be written.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = out or _unused(Path("results") / f"{stamp}-{name}")
    _refuse_taken(folder)
    _refuse_measured(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}; choose --out") from error
    lock_folder(folder)
    _refuse_measured(folder)  # by a run that has ended since
    return folder


def _refuse_measured(folder: Path) -> None:
    if (folder / MANIFEST).exists() or (folder / RESULTS).exists():
        raise UsageError(
            f"{folder}: holds a run already; add --resume to finish it, or choose another --out"
        )


def _unused(folder: Path) -> Path:
    number = 2
    path = folder
    while path.exists():
        path = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return path


def record(
    chosen: ChosenScenarios[Any],
    catalogue: Catalogue,
    folder: Path,
    name: str,
    settings: Settings,
    console: Console,
    **more: object,
) -> dict[str, Any]:
    """Write the manifest of what was prepared; return it. Say so if others hold the cores.

    Args:
        more: to be known with the settings.
    """
    at_start = noise.measure(settings.log, settings.threads)
    if warning := at_start.warning:
        text = f"{warning}; {contention_text.remedy(settings.threads)}"
        console.print(text, style="yellow", soft_wrap=True)
    known = {**dataclasses.asdict(settings), "log": str(settings.log)}
    return new_run.write_run_manifest(
        folder,
        name=name,
        files=chosen.files,
        scenarios=chosen.scenarios,
        catalogue=catalogue,
        facts=chosen.facts,
        settings={**known, **more},
        request=chosen.request,
        noise=at_start,
        version=__version__,
    )


def race(
    prepared: Prepared[Any],
    folder: Path,
    settings: Settings,
    budget_s: float | None,
    console: Console,
    *,
    verbose: bool = False,
) -> RunOutcome:
    """Measure what is missing in the folder, and show it as it goes."""
    own = names_of_plugins(prepared.request, prepared.catalogue)
    order = [arm.name for arm in prepared.arms]
    with terminal.RunDisplay(console, own=own, order=order, verbose=verbose) as display:
        runner = Runner(
            folder,
            prepared.scenarios,
            prepared.arms,
            settings,
            budget_s,
            watch=display.watch,
            watch_standing=display.watch_standing,
            watch_round=display.watch_round,
        )
        return runner.run()
