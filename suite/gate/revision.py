"""A git repository as the gate finds it: its revisions, and what its working tree changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from suite.errors import NotComparable, UsageError
from suite.gate.git import GitFailed, git


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One commit, and how it is called in messages."""

    commit: str
    name: str
    """What the user wrote, and the short commit."""
    is_working_tree: bool = False
    """Whether it stands for files on disk, those of submodules too, that no commit has."""


class NoRepository(UsageError):
    """A folder is in no git repository."""


class Repository:
    """A git repository with a working tree.

    Raises:
        NoRepository: `folder` is not in one.
        UsageError: git refuses to read it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.root = Path(git(folder, "rev-parse", "--show-toplevel"))
            self.git_folder = Path(git(folder, "rev-parse", "--absolute-git-dir"))
        except GitFailed as failed:
            if "not a git repository" in str(failed) or "work tree" in str(failed):
                raise NoRepository(
                    f"{folder.resolve()}: not in a git repository with files ({failed})"
                ) from None
            raise UsageError(f"{folder.resolve()}: git refuses to read it: {failed}") from None

    def resolve(self, text: str, option: str) -> Revision:
        """Return the commit that `text` names.

        Raises:
            UsageError: there is no such revision.
            NotComparable: there is none in this shallow clone, or `text` says that there is none.
        """
        if not text.strip(" 0"):
            raise NotComparable(
                f"{option} {text or repr(text)}: names no commit; this is what CI hands over where "
                "there is no earlier one, as for a new branch. Nothing to compare with: give a "
                f"commit, branch or tag ({self._known()})"
            )
        try:
            # A branch may be called -lead.
            words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
            commit = git(self.root, *words).splitlines()[-1]
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

    def changes(self) -> list[str]:
        """Return the files that differ from the last commit, new ones too, ignored ones not.

        A repository within this one that is no submodule of it is named with a slash at its end.
        """
        entries = iter(git(self.root, "status", "--porcelain", "-z", "-uall").split("\0"))
        files = []
        for entry in entries:
            if entry:
                files.append(entry[3:])
                if "R" in entry[:2] or "C" in entry[:2]:
                    next(entries)  # the name it had
        return files

    def inside(self, file: Path) -> Path | None:
        """Return the path of `file` within the repository, None if it lies elsewhere."""
        try:
            return file.resolve().relative_to(self.root.resolve())
        except ValueError:
            return None

    def has(self, commit: str) -> bool:
        try:
            git(self.root, "cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return False
        return True

    def submodule(self, path: str) -> Repository | None:
        """Return the submodule at `path` as a repository, None where it was never fetched."""
        try:
            submodule = Repository(self.root / path)
        except (UsageError, OSError):
            return None
        return None if submodule.root.resolve() == self.root.resolve() else submodule

    @property
    def is_shallow(self) -> bool:
        return git(self.root, "rev-parse", "--is-shallow-repository") == "true"

    def _known(self) -> str:
        names = git(self.root, "for-each-ref", "--count=8", "--format=%(refname:short)")
        return f"there are: {', '.join(names.split())}" if names else "it has no branch or tag"
