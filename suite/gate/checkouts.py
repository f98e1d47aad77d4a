"""Folders with the revisions under comparison, and other paths of a folder.

Both lie in one scratch folder, gone when the gate is done or interrupted.
"""

from __future__ import annotations

import random
import re
import shutil
import string
import tempfile
from pathlib import Path
from types import TracebackType

from suite.gate.revision import Repository, Revision
from suite.gate.snapshots import Snapshots
from suite.processes.scratch import own_folder

LONGEST_NAME = 120


class Aliases:
    """Hands out links to folders, in a scratch folder that `remove` deletes.

    Where a file lies decides how long its path is, and that shifts what lies behind it in memory.
    Every process therefore sees its files under a path of its own: a link with a name of random
    length.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=own_folder()))
        self._random = random.Random()

    @property
    def root(self) -> Path:
        """A folder that nothing may be imported from; none, where all arms are the same code."""
        return self._folder / "none"

    def alias(self, tree: Path) -> Path:
        """Return another path of the same folder; the folder itself where links are forbidden."""
        link = self._folder / self._name()
        try:
            link.symlink_to(tree, target_is_directory=True)
        except OSError:
            return tree
        return link

    def drop(self, alias: Path) -> None:
        """Remove an alias that no process uses any more."""
        if alias.is_symlink():
            alias.unlink()

    def shorten(self, text: str) -> str:
        """Return a message as the user should read it."""
        return text

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _name(self) -> str:
        length = self._random.randint(8, LONGEST_NAME)
        return "".join(self._random.choices(string.ascii_lowercase, k=length))


class Checkouts(Aliases):
    """Context manager; `add` checks a revision out, `alias` gives it a new path."""

    def __init__(self, repository: Repository) -> None:
        super().__init__()
        self._repository = repository
        self._snapshots = Snapshots(repository, self._folder / ".git-of-the-gate")

    @property
    def root(self) -> Path:
        """The repository's own working tree."""
        return self._repository.root.resolve()

    @property
    def notes(self) -> list[str]:
        """What checkouts lack, and what the working tree's leaves out."""
        return list(self._snapshots.notes)

    def __enter__(self) -> Checkouts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def working_tree(self) -> Revision:
        """Return the working tree as a revision.

        Raises:
            UsageError: git cannot read it.
        """
        return self._snapshots.working_tree()

    def add(self, revision: Revision) -> Path:
        """Check a revision out and return its folder.

        Raises:
            UsageError: git cannot.
        """
        tree = self._folder / self._name() / self._repository.root.name
        self._snapshots.write_out(revision, tree)
        return tree

    def shorten(self, text: str) -> str:
        """Return a message without the checkouts' own paths: files as the repository names them."""
        folder, name = re.escape(str(self._folder)), re.escape(self._repository.root.name)
        return re.sub(rf"{folder}/[a-z]+/(?:{name}/)?", "", text)
