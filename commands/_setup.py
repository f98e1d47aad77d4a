"""From parsed arguments to what the engine takes: what several commands begin with."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from suite.measuring import new_run, selection
from suite.measuring.settings import Settings
from suite.problem import Scenario
from suite.registry.catalogue import Catalogue, read_catalogue
from suite.scenario import ScenarioFile, load_files


def scratch_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="convgauge-")


def scenario_files(options: argparse.Namespace) -> tuple[ScenarioFile, ...]:
    """Load the files named; with --yes however many scenarios they hold."""
    return load_files(options.files, **({"most": None} if options.yes else {}))


def catalogue_for(
    options: argparse.Namespace, scenarios: Sequence[Scenario], log: Path, console: Console
) -> Catalogue:
    """Describe all implementations; what does not import is one dim line each."""
    catalogue = read_catalogue(new_run.TREE, options.plugin, log, scenarios)
    for failure in catalogue.failures:
        console.print(failure, style="dim", highlight=False, soft_wrap=True)
    return catalogue


def settings_for(options: argparse.Namespace, log: Path) -> Settings:
    chosen = {
        "blocks": getattr(options, "blocks", None),
        "reference": getattr(options, "reference", None),
        "energy": getattr(options, "energy", None),
    }
    return Settings(
        threads=selection.chosen_threads(options.threads),
        log=log,
        timeout_s=options.timeout,
        memory_limit_bytes=selection.chosen_memory_limit_bytes(options.memory_limit),
        verify=not getattr(options, "no_verify", False),
        **{key: value for key, value in chosen.items() if value is not None},
    )


def names_of_plugins(options: argparse.Namespace, catalogue: Catalogue) -> list[str]:
    """Return what the plug-in files registered."""
    files = {str(plugin.resolve()) for plugin in options.plugin}
    return [entry.name for entry in catalogue.entries if entry.file in files]


def patterns(
    options: argparse.Namespace, files: Sequence[ScenarioFile], catalogue: Catalogue
) -> list[str]:
    """Return which implementations to run: as asked, or as the files say, plug-ins added."""
    if options.impl or not all(file.implementations for file in files):
        return list(options.impl)
    named = [name for file in files for name in file.implementations]
    return [*named, *names_of_plugins(options, catalogue)]


def recorded(settings: Settings) -> dict[str, object]:
    """Return the settings as a manifest holds them."""
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in dataclasses.asdict(settings).items()
    }
