"""What a command would begin with on this machine, written down and not begun.

A worker of a fleet does this first, with its own installation: whatever is unlike elsewhere, or
amiss here, is known before anything is measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._folders import LOG, record
from commands._preparing import Prepared, names_of_plugins, settings_for
from commands._saying import say_error
from commands.arguments import build_parser
from reports import terminal
from suite.errors import EXIT_GOOD, ConvGaugeError
from suite.fleet.description import FILE
from suite.measuring.settings import Settings

FOLDER = "described"


def main(words: Sequence[str]) -> int:
    """Describe the command of these words into the current folder; return the exit code."""
    try:
        options = build_parser(words).parse_args(words)
        _describe(options, terminal.console())
    except ConvGaugeError as error:
        say_error(error)
        return error.exit_code
    return EXIT_GOOD


def _describe(options: argparse.Namespace, console: Console) -> None:
    command = import_module(f"{__package__}.{options.command}")
    prepared: Prepared[Any] = command.prepared_for(options, console)
    folder = Path(FOLDER)
    folder.mkdir(exist_ok=True)
    settings = _settings(command, prepared, folder / LOG)
    name = "-".join(file.name for file in prepared.files)
    manifest = record(prepared, prepared.catalogue, folder, name, settings, console)
    entries = {entry.name: entry for entry in prepared.catalogue.entries}
    own = set(names_of_plugins(prepared.request, prepared.catalogue))
    rows = [
        {
            "name": arm.name,
            "family": arm.family,
            "is_own": arm.name in own,
            "unavailable": entries[arm.name].unavailable,
            "module": arm.source.location,
            "kinds": arm.declared.kinds,
        }
        for arm in prepared.arms
    ]
    ids = [scenario.id for scenario in prepared.scenarios]
    text = json.dumps({"manifest": manifest, "rows": rows, "scenarios": ids})
    Path(FILE).write_text(text + "\n", encoding="utf-8")


def _settings(command: Any, prepared: Prepared[Any], log: Path) -> Settings:
    if hasattr(command, "settings_of_run"):
        settings: Settings = command.settings_of_run(prepared.request, log)
        return settings
    return settings_for(prepared.request, log)
