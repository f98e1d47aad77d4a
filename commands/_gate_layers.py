"""What `gate --base` compares: the implementations that both revisions register, on scenarios."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commands._preparing import ChosenScenarios, find_scenarios
from suite.conditions import Scenario
from suite.errors import NotComparable, UsageError
from suite.gate.inventory import Inventory, NothingToMeasure, read_revision, take_stock
from suite.gate.revision import Revision
from suite.gate.run import Trees
from suite.registry.catalogue import Catalogue, Entry
from suite.results.request import GateRequest
from suite.scenario import ScenarioFile


@dataclass(frozen=True, kw_only=True)
class Revisions:
    """What is compared, before anything of it is loaded."""

    base: Revision
    head: Revision
    trees: Trees
    """Their checkouts."""
    plugins: Sequence[Path]
    """Inside the repository."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is measured on both sides."""

    chosen: ChosenScenarios[GateRequest]
    inventory: Inventory
    catalogue: Catalogue
    """Head's."""
    notes: tuple[str, ...]
    """What of the base does not import."""
    of_head: Mapping[str, Scenario] = field(default_factory=dict)
    """Scenario's id → the same as head has it, where it is another."""


def layers(request: GateRequest, revisions: Revisions, log: Path) -> Compared:
    """Find what both revisions have."""
    old, new = read_both(revisions, log)
    refuse_new_failures(old, new)
    chosen = find_scenarios(request, log)
    inventory = take_stock(
        old,
        new,
        _patterns(request, chosen.files, (*old.entries, *new.entries), revisions.plugins),
        asked_by="--impl",
    )
    return Compared(chosen=chosen, inventory=inventory, catalogue=new, notes=old.failures)


def read_both(revisions: Revisions, log: Path) -> tuple[Catalogue, Catalogue]:
    """Describe what base and head register.

    Raises:
        UsageError: neither registers anything, or nothing of head imports.
        NotComparable: one side alone has something.
    """
    base, head, trees = revisions.base, revisions.head, revisions.trees

    def read(tree: Path, revision: str) -> Catalogue:
        return read_revision(tree, revisions.plugins, revision, log, asked_by="--plugin")

    try:
        new = read(trees.head, f"head {head.name}")
    except NothingToMeasure as nothing:
        read(trees.base, f"base {base.name}")
        raise NotComparable(f"{nothing}\n  base {base.name} has it") from nothing
    try:
        old = read(trees.base, f"base {base.name}")
    except UsageError as nothing:
        raise NotComparable(
            f"{nothing}\n  head {head.name} has it; give a --base that has it, too"
        ) from nothing
    return old, new


def refuse_new_failures(old: Catalogue, new: Catalogue) -> None:
    """Stop where a file of head does not import that base's does."""
    known = {_failed_file(text) for text in old.failures}
    if broken := [text for text in new.failures if _failed_file(text) not in known]:
        raise UsageError("\n".join(broken))


def _failed_file(failure: str) -> str:
    """Return the file or module of "head abc: mine.py:1: does not import: ..."."""
    return failure.split(": ")[1].partition(":")[0]


def _patterns(
    request: GateRequest,
    files: Sequence[ScenarioFile],
    entries: Sequence[Entry],
    plugins: Sequence[Path],
) -> list[str]:
    """Return which implementations to gate: as asked; else the plug-ins', or the files' choice.

    Args:
        entries: of both revisions, so that what is gone is noticed.
    """
    if request.implementations:
        return list(request.implementations)
    if plugins:
        return names_in(plugins, entries)
    if all(file.implementations for file in files):
        known = [entry.name for entry in entries]
        named = [pattern for file in files for pattern in file.implementations]
        return [pattern for pattern in named if fnmatch.filter(known, pattern)]
    return []


def names_in(plugins: Sequence[Path], entries: Sequence[Entry]) -> list[str]:
    """Return what plug-in files register."""
    return [e.name for e in entries if any(Path(e.file).match(str(p)) for p in plugins)]
