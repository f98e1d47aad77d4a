"""Where the tree goes in a wheel: into `convgauge_tree/`, next to `convgauge.py`.

Its folders have names that other projects have, too, and must not stand in site-packages; see
suite/own_imports.py. An editable install gets nothing of this: there, `.install/editable` is on
the path, which holds `convgauge` alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TREE = (
    "commands",
    "docs/learn/recorded",  # what `lesson` shows beside what it measures
    "impls",
    "reports",
    "run_bench.py",
    "scenarios",
    "suite",
)


class TreeInItsOwnFolder(BuildHookInterface[Any]):
    """Adds the tree to a wheel that is no editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] |= {
                str(Path(self.root) / name): f"convgauge_tree/{name}" for name in TREE
            }
