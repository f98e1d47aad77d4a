"""Worktrees of the revisions under comparison, gone when the gate is done or interrupted."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from types import TracebackType

from suite.errors import UsageError
from suite.gate.aliases import Aliases
from suite.gate.revision import GitFailed, Repository, Revision, git


class Checkouts(Aliases):
    """Context manager; `add` checks a revision out, `alias` gives it a new path."""

    def __init__(self, repository: Repository) -> None:
        super().__init__()
        self._repository = repository
        self._trees: list[Path] = []

    @property
    def root(self) -> Path:
        """The repository's own working tree."""
        return self._repository.root.resolve()

    def __enter__(self) -> Checkouts:
        # What a killed run left behind: its folders are gone or will go, git still lists them.
        with contextlib.suppress(GitFailed):
            git(self._repository.root, "worktree", "prune")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for tree in self._trees:
            with contextlib.suppress(GitFailed):
                git(self._repository.root, "worktree", "remove", "--force", str(tree))
        self.remove()
        with contextlib.suppress(GitFailed):
            git(self._repository.root, "worktree", "prune")

    def add(self, revision: Revision) -> Path:
        """Check a revision out and return its folder.

        Raises:
            UsageError: git cannot.
        """
        tree = self._folder / self._name() / self._repository.root.name
        self._trees.append(tree)
        words = ("worktree", "add", "--detach", "--force", "--quiet", str(tree), revision.commit)
        try:
            git(self._repository.root, *words)
        except GitFailed as failed:
            raise UsageError(
                f"{revision.name}: cannot be checked out into {tree}: {failed}"
            ) from None
        return tree

    def shorten(self, text: str) -> str:
        """Return a message without the checkouts' own paths: files as the repository names them."""
        folder, name = re.escape(str(self._folder)), re.escape(self._repository.root.name)
        return re.sub(rf"{folder}/[a-z]+/(?:{name}/)?", "", text)
