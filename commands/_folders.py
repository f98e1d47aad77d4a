"""A run's folder from its first file to its last cell."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._preparing import ChosenScenarios, Prepared
from reports import contention_text, terminal
from suite import __version__
from suite.errors import UsageError
from suite.measuring import new_run, noise
from suite.measuring.run import Runner, RunOutcome
from suite.measuring.settings import Settings
from suite.registry.catalogue import Catalogue
from suite.results.folder import MANIFEST, RESULTS

LOG = "worker.log"


def open_folder(out: Path | None, name: str) -> Path:
    """Return the folder of a new run, made.

    Raises:
        UsageError: a folder that holds another run, or cannot be written.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = out or _unused(Path("results") / f"{stamp}-{name}")
    if (folder / MANIFEST).exists() or (folder / RESULTS).exists():
        raise UsageError(
            f"{folder}: holds a run already; add --resume to finish it, or choose another --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
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
        console.print(text, style="yellow", highlight=False, soft_wrap=True)
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
) -> RunOutcome:
    """Measure what is missing in the folder, and show it as it goes."""
    with terminal.RunDisplay(console) as display:
        runner = Runner(
            folder,
            prepared.scenarios,
            prepared.arms,
            settings,
            budget_s,
            lambda result, at: display.watch(result, at.done, at.total, at.left_s),
        )
        return runner.run()
