"""Other paths of a folder, so that no two processes see their files in the same place."""

from __future__ import annotations

import random
import shutil
import string
import tempfile
from pathlib import Path

LONGEST_NAME = 120


class Aliases:
    """Hands out links to folders, in a scratch folder that `remove` deletes.

    Where a file lies decides how long its path is, and that shifts what lies behind it in memory.
    Every process therefore sees its files under a path of its own: a link with a name of random
    length.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="convgauge-"))
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
