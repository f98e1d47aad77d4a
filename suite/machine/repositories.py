"""Of which code a run is: what git says of ConvGauge's own tree and of those of its plug-ins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = ("*.py", "*.pyx", "*.c", "*.cc", "*.cpp", "*.cu", "*.h", "*.hpp", "*.so")
"""Files that git does not know count as changes if they are of these kinds: a folder of results or
a notebook is no part of what ran."""
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages: what lies in them is of no checkout, wherever the environment lies."""
TIMEOUT_S = 10


@dataclass(frozen=True)
class Repository:
    """A checkout and its state."""

    name: str
    """Of the folder that holds the repository, whichever of its worktrees this is."""
    folder: Path
    commit: str
    has_changes: bool


def state_of_code(tree: Path, plugins: Iterable[str]) -> dict[str, Any]:
    """Return a manifest's entries on revisions.

    Args:
        tree: ConvGauge's own.
        plugins: files of implementations from elsewhere, by their absolute paths.
    """
    own = repository_of(Path(__file__))
    return {
        "git_revision": own.commit if own else None,
        "git_dirty": own.has_changes if own else None,
        "plugins": [
            _plugin(file) for file in sorted(set(plugins)) if not Path(file).is_relative_to(tree)
        ],
    }


def _plugin(file: str) -> dict[str, Any]:
    repository = repository_of(Path(file))
    if repository is None:
        return {"name": file}
    return {
        "name": file,
        "repository": repository.name,
        "path": Path(file).resolve().relative_to(repository.folder).as_posix(),
        "git_revision": repository.commit,
        "git_dirty": repository.has_changes,
    }


def repository_of(file: Path) -> Repository | None:
    """Return the repository that a file is part of; None where there is none, or no git.

    A file that the repository ignores is no part of it: packages in an environment that lies in
    somebody's checkout are not that checkout's. One that git does not know yet is, with changes.
    """
    file = file.resolve()
    if not INSTALLED.isdisjoint(file.parts):
        return None
    told = _git(file.parent, "rev-parse", "--git-common-dir", "--show-toplevel", "HEAD")
    if told is None or _git(file.parent, "check-ignore", "-q", "--", str(file)) is not None:
        return None
    lines = told.split("\n")
    if len(lines) != 3:  # a folder whose name has line ends
        return None
    common, top, commit = lines
    folder = Path(top).resolve()
    if not file.is_relative_to(folder):
        return None
    git_folder = (file.parent / common).resolve()
    name = git_folder.parent.name if git_folder.name == ".git" else folder.name
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    unknown = _git(folder, "ls-files", "--others", "--exclude-standard", "--", *SOURCES)
    return Repository(name, folder, commit, has_changes=bool(changed or unknown))


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says; None where it fails or is not there.

    Whatever a calling hook has set to name another repository does not count.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), *words],
            env=own,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip()
