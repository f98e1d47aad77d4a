"""A user's model as each revision has it: the same names in another folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from suite.conditions import Scenario
from suite.workload import network_of


class Place(NamedTuple):
    """Where a model's code is, as a `Network` says it."""

    module: str
    folder: str
    tree: str | None = None

    def within(self, root: Path, tree: Path) -> Place:
        """Return where it is in a checkout; the same place where the repository has none of it.

        Args:
            root: the repository.
            tree: the checkout.
        """
        is_file = self.module.endswith(".py")
        module, folder = Path(self.module), Path(self.folder)
        if not (module if is_file else folder).is_relative_to(root):
            return self
        if folder.is_relative_to(root):
            folder = tree / folder.relative_to(root)
            folder = folder if folder.is_dir() else tree  # it has no tracked files
        return Place(
            module=str(tree / module.relative_to(root)) if is_file else self.module,
            folder=str(folder),
            tree=str(tree),
        )


def placed(scenario: Scenario, root: Path, tree: Path) -> Scenario:
    """Return a scenario whose network's code is that of a checkout, if the repository has it."""
    network = network_of(scenario)
    if network is None:
        return scenario
    place = Place(network.module, network.folder).within(root, tree)
    own = dataclasses.replace(network, **place._asdict())
    return dataclasses.replace(scenario, problem=own)  # type: ignore[arg-type]
