"""YAML on a page: scenario files are read as files are, workflows know the action's inputs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from suite.errors import UsageError
from suite.scenario import load_file
from tests.conftest import ROOT

SECTIONS = {"grid", "layers", "layers_from"}


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong in a block."""
    said = yaml.safe_load(text)
    if isinstance(said, dict) and SECTIONS & said.keys():
        yield from _scenarios(text)
    elif isinstance(said, dict) and "jobs" in said:
        yield from _workflow(said)


def _scenarios(text: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(ROOT / "scenarios" / "data", Path(name) / "data")
        file = Path(name) / "page.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            load_file(file)
        except UsageError as error:
            yield str(error)


def _workflow(said: dict[str, Any]) -> Iterator[str]:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    for job in said["jobs"].values():
        for step in job["steps"]:
            if "/convgauge@" in step.get("uses", ""):
                wrong = step.get("with", {}).keys() - inputs.keys()
                yield from (f"the action has no input {name}" for name in sorted(wrong))
