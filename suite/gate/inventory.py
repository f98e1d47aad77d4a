"""Which cells there are on both sides, and what is on one side only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suite.conditions import Scenario
from suite.errors import NotComparable, UsageError
from suite.gate.side import HEAD
from suite.measuring.arm import Arm
from suite.registry.catalogue import Catalogue, Entry, describe
from suite.registry.sources import Source, builtin_sources
from suite.results.cell import cell_key


@dataclass(frozen=True, kw_only=True)
class CellPair:
    """A cell that both revisions have."""

    scenario: Scenario
    base: Arm
    head: Arm
    scenario_of_head: Scenario | None = None
    """Where it is head's own: a network, whose code is of the revision, too."""

    @property
    def key(self) -> str:
        return cell_key(self.scenario.id, self.head.name)

    def scenario_on(self, label: str) -> Scenario:
        """Return what a side computes."""
        own = self.scenario_of_head if label == HEAD else None
        return own or self.scenario


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What the two revisions register, side by side."""

    both: tuple[tuple[Arm, Arm], ...]
    """Base's and head's arm of each implementation that both have."""
    only_base: tuple[str, ...]
    """Implementations that are gone."""
    only_head: tuple[str, ...]
    """Implementations that are new."""
    renamed: tuple[tuple[str, str], ...]
    """Of those: old and new name where only one of each comes from the same file."""


class NothingToMeasure(UsageError):
    """A revision registers nothing."""


def sources_in(tree: Path, plugins: Sequence[Path]) -> list[Source]:
    """Return what a checkout offers: its `impls/` if it is ConvGauge's own, and plug-in files.

    Args:
        plugins: inside the repository, relative to its root.
    """
    own = builtin_sources(tree) if is_own(tree) else []
    files = [tree / plugin for plugin in plugins]
    return [*own, *(Source(str(file), str(tree)) for file in files if file.is_file())]


def is_own(tree: Path) -> bool:
    """Return whether a checkout is ConvGauge's own."""
    # Before its rooms, suite/ had the registry in one file: a base may be of that time.
    registries = (tree / "suite/registry/registering.py", tree / "suite/registry.py")
    return any(path.is_file() for path in registries)


def read_revision(
    tree: Path, plugins: Sequence[Path], revision: str, log: Path, *, asked_by: str
) -> Catalogue:
    """Describe what one checkout registers.

    Args:
        asked_by: what plug-ins are given by, for the message.

    Raises:
        NothingToMeasure: it registers nothing.
        UsageError: none of it imports.
    """
    sources = sources_in(tree, plugins)
    catalogue = describe(sources, log)
    failures = [text.replace(f"{tree}/", "") for text in catalogue.failures]
    if failures and not catalogue.entries:
        details = "\n  ".join(failures)
        raise UsageError(f"{revision}: nothing to measure in it\n  {details}")
    if not catalogue.entries:
        wanted = ", ".join(map(str, plugins)) or f"a {asked_by} file"
        raise NothingToMeasure(
            f"{revision}: nothing to measure in it\n  neither impls/ nor {wanted} is in it"
        )
    return Catalogue(catalogue.entries, tuple(f"{revision}: {text}" for text in failures))


def take_stock(
    base: Catalogue, head: Catalogue, patterns: Sequence[str], *, asked_by: str
) -> Inventory:
    """Return which of the implementations asked for are on both sides.

    Raises:
        UsageError: a pattern that matches on neither side.
        NotComparable: nothing is on both sides.
    """
    everything = Catalogue(tuple({e.name: e for e in (*base.entries, *head.entries)}.values()), ())
    chosen = {entry.name for entry in everything.select(patterns, asked_by=asked_by)}
    old = {entry.name: entry for entry in base.entries if entry.name in chosen}
    new = {entry.name: entry for entry in head.entries if entry.name in chosen}
    inventory = Inventory(
        both=tuple((_arm(old[name]), _arm(new[name])) for name in new if name in old),
        only_base=tuple(name for name in old if name not in new),
        only_head=tuple(name for name in new if name not in old),
        renamed=tuple(_renamed(old, new)),
    )
    if not inventory.both:
        sides = [
            f"only in {side}: {', '.join(names)}"
            for side, names in (("base", inventory.only_base), ("head", inventory.only_head))
            if names
        ]
        raise NotComparable(f"no implementation is on both sides; {'; '.join(sides)}")
    return inventory


def _arm(entry: Entry) -> Arm:
    return Arm(entry.declared, entry.source)


def _renamed(old: dict[str, Entry], new: dict[str, Entry]) -> list[tuple[str, str]]:
    """Return gone and new names that are probably the same: alone in one file, of one family."""

    def origin(entry: Entry) -> tuple[str, str]:
        return Path(entry.file).name, entry.family

    pairs = []
    for gone in (entry for name, entry in old.items() if name not in new):
        heirs = [e.name for n, e in new.items() if n not in old and origin(e) == origin(gone)]
        rivals = [n for n, e in old.items() if n not in new and origin(e) == origin(gone)]
        if len(heirs) == len(rivals) == 1:
            pairs.append((gone.name, heirs[0]))
    return pairs
