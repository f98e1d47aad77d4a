"""Revisions of a git repository, and the working tree as one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from suite.errors import NotComparable, UsageError

GIT_TIMEOUT_S = 300.0


class GitFailed(Exception):
    """git ended with an error; the text is what it said."""


def git(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> str:
    """Run git in `folder` and return what it printed.

    Hooks are off, and so is what a calling hook may have set.

    Raises:
        GitFailed: with git's own words.
        UsageError: git is not installed.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", *words]
    try:
        done = subprocess.run(
            command,
            env={**inherited, **(environment or {})},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=GIT_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed; the gate needs it to fetch revisions") from None
    except subprocess.TimeoutExpired:
        raise GitFailed(f"git {words[0]} took more than {GIT_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise GitFailed(said[-1] if said else f"git {words[0]}: exit code {done.returncode}")
    return done.stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One commit, and how it is called in messages."""

    commit: str
    name: str
    """What the user wrote, and the short commit."""


class NoRepository(UsageError):
    """A folder is in no git repository."""


class Repository:
    """A git repository with a working tree.

    Raises:
        NoRepository: `folder` is not in one.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.root = Path(git(folder, "rev-parse", "--show-toplevel"))
        except GitFailed as failed:
            raise NoRepository(
                f"{folder.resolve()}: not in a git repository with files ({failed})"
            ) from None

    def resolve(self, text: str, option: str) -> Revision:
        """Return the commit that `text` names.

        Raises:
            UsageError: there is no such revision.
            NotComparable: there is none in this shallow clone.
        """
        try:
            commit = git(self.root, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")
        except GitFailed:
            if self.is_shallow:
                raise NotComparable(
                    f"{option} {text}: not in this shallow clone of {self.root}; fetch the history "
                    "first: git fetch --unshallow, or actions/checkout with fetch-depth: 0"
                ) from None
            raise UsageError(
                f"{option} {text}: no such revision in {self.root}; give a commit, branch or tag "
                f"({self._known()})"
            ) from None
        short = commit[:10]
        return Revision(commit=commit, name=short if commit.startswith(text) else f"{text} {short}")

    def working_tree(self) -> Revision:
        """Return the working tree as a commit that no branch knows: with changes, new files too."""
        changed = self.changes()
        if not changed:
            head = git(self.root, "rev-parse", "HEAD")
            return Revision(commit=head, name=f"working tree {head[:10]}")
        with tempfile.TemporaryDirectory(prefix="convgauge-") as scratch:
            index = Path(scratch) / "index"
            ours = Path(git(self.root, "rev-parse", "--absolute-git-dir")) / "index"
            if ours.exists():
                shutil.copyfile(ours, index)
            environment = {
                "GIT_INDEX_FILE": str(index),
                **{f"GIT_{who}_NAME": "ConvGauge" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_EMAIL": "convgauge@localhost" for who in ("AUTHOR", "COMMITTER")},
            }
            git(self.root, "add", "--all", environment=environment)
            tree = git(self.root, "write-tree", environment=environment)
            words = ("commit-tree", tree, "-p", "HEAD", "-m", "working tree, measured by the gate")
            commit = git(self.root, *words, environment=environment)
        files = f"{len(changed)} changed file{'s' if len(changed) > 1 else ''}"
        return Revision(commit=commit, name=f"working tree with {files}")

    def changes(self) -> list[str]:
        """Return the files that differ from the last commit, new ones too, ignored ones not."""
        status = git(self.root, "status", "--porcelain", "--untracked-files=all")
        return [line[3:] for line in status.splitlines()]

    def inside(self, file: Path) -> Path | None:
        """Return the path of `file` within the repository, None if it lies elsewhere."""
        try:
            return file.resolve().relative_to(self.root.resolve())
        except ValueError:
            return None

    @property
    def is_shallow(self) -> bool:
        return git(self.root, "rev-parse", "--is-shallow-repository") == "true"

    def _known(self) -> str:
        names = git(self.root, "for-each-ref", "--count=8", "--format=%(refname:short)")
        return f"there are: {', '.join(names.split())}" if names else "it has no branch or tag"
