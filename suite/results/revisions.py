"""Of which code a run is: ConvGauge's own revision, and those of the plug-ins' repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN = 10
"""Digits of a revision: git shows 7 to 12."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One repository as it was when a run began."""

    repository: str
    """Its folder's name; "ConvGauge" for ConvGauge's own."""
    commit: str
    has_changes: bool
    """Whether something in it was not as the commit has it."""
    files: tuple[str, ...] = ()
    """Of a plug-in's: where the plug-ins lie in it."""

    @property
    def words(self) -> str:
        """Return it as a line has room for: "filters 3a8ce5b0c1+ (bench/mine.py)"."""
        files = f" ({', '.join(self.files)})" if self.files else ""
        return f"{self.repository} {self.short}{files}"

    @property
    def short(self) -> str:
        """Return the commit's first digits, and "+" where it does not name the code."""
        return f"{self.commit[:SHOWN]}{'+' if self.has_changes else ''}"


def revisions(manifest: Mapping[str, Any]) -> list[Revision]:
    """Return all that are known of a run, those of its plug-ins first."""
    return [*plugin_revisions(manifest), *filter(None, [own_revision(manifest)])]


def own_revision(manifest: Mapping[str, Any]) -> Revision | None:
    """Return ConvGauge's own; None where it was no checkout."""
    commit = manifest.get("git_revision")
    if not commit:
        return None
    return Revision(
        repository="ConvGauge", commit=commit, has_changes=bool(manifest.get("git_dirty"))
    )


def plugin_revisions(manifest: Mapping[str, Any]) -> list[Revision]:
    """Return one for each repository that plug-ins of the run came from."""
    files: dict[tuple[str, str, bool], list[str]] = {}
    for plugin in manifest.get("plugins") or []:
        if commit := plugin.get("git_revision"):
            repository = plugin.get("repository") or plugin["name"]
            key = repository, commit, bool(plugin.get("git_dirty"))
            files.setdefault(key, []).append(plugin.get("path") or plugin["name"])
    return [
        Revision(repository=name, commit=commit, has_changes=changed, files=tuple(paths))
        for (name, commit, changed), paths in files.items()
    ]
