"""Revisions of a repository as folders of files, without writing into the repository.

What git has to store goes into an object folder of our own, which reads the repository's beside it;
every folder of files has an index of its own. Nothing is registered in the user's .git, so that a
gate that is killed leaves nothing there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from suite.errors import UsageError
from suite.gate.git import GitFailed, git
from suite.gate.revision import Repository, Revision

MUCH_BYTES = 100 * 2**20
"""Uncommitted files of more are mentioned: they are copied, and most are there by mistake."""
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "ConvGauge"), ("EMAIL", "convgauge@localhost"))
}


class Snapshots:
    """The revisions of one repository, with objects and indexes in `folder`."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self.repository = repository
        self._folder = folder
        self._objects = folder / "objects"
        self._objects.mkdir(parents=True)
        self._submodules: dict[str, Snapshots] = {}
        self._indexes = 0
        self.notes: dict[str, None] = {}
        """What a snapshot leaves out or cannot fetch, each sentence once."""

    def working_tree(self) -> Revision:
        """Return the working tree as a commit that no branch knows: with changes, new files too.

        A repository within this one that is no submodule is left out, and noted.

        Raises:
            UsageError: git cannot read a file.
        """
        try:
            return self._working_tree()
        except GitFailed as failed:
            raise UsageError(
                f"{self.repository.root}: git cannot take the working tree in; measure a commit "
                f"in its place, or mend what git says:\n{failed}"
            ) from None

    def _working_tree(self) -> Revision:
        root = self.repository.root
        changed = self.repository.changes()
        strangers = [name for name in changed if name.endswith("/")]
        changed = [name for name in changed if not name.endswith("/")]
        for name in strangers:
            self._note(f"{name} is a repository of its own, no submodule: not in the working tree")
        if not changed:
            head = git(root, "rev-parse", "HEAD")
            return Revision(commit=head, name=f"working tree {head[:10]}")
        self._note_size(changed)
        index = self._new_index()
        ours = root / git(root, "rev-parse", "--git-path", "index")
        if ours.exists():
            shutil.copyfile(ours, index)
        environment = {**self._environment(index), **_IDENTITY}
        left_out = [f":(exclude,literal,top){name.rstrip('/')}" for name in strangers]
        git(root, "add", "--all", "--", ".", *left_out, environment=environment)
        tree = git(root, "write-tree", environment=environment)
        words = ("commit-tree", tree, "-p", "HEAD", "-m", "working tree, measured by the gate")
        commit = git(root, *words, environment=environment)
        files = f"{len(changed)} changed file{'s' if len(changed) > 1 else ''}"
        return Revision(commit=commit, name=f"working tree with {files}", is_working_tree=True)

    def write_out(self, revision: Revision, tree: Path) -> None:
        """Write a revision's files into the folder `tree`, those of its submodules too.

        Raises:
            UsageError: git cannot.
        """
        tree.mkdir(parents=True, exist_ok=True)
        environment = {
            **self._environment(self._new_index()),
            "GIT_DIR": str(self.repository.git_folder),
            "GIT_WORK_TREE": str(tree),
        }
        try:
            git(tree, "read-tree", "--reset", "-u", revision.commit, environment=environment)
            self._note_pointers(tree, environment)
            submodules = list(self._submodules_of(revision, environment))
        except GitFailed as failed:
            raise UsageError(
                f"{revision.name}: cannot be checked out into {tree}: {failed}"
            ) from None
        for path, snapshots, wanted in submodules:
            snapshots.write_out(wanted, tree / path)
            self.notes |= snapshots.notes

    def _submodules_of(
        self, revision: Revision, environment: dict[str, str]
    ) -> Iterator[tuple[str, Snapshots, Revision]]:
        """Yield path, snapshots and revision of each submodule whose files are here."""
        listed = git(
            self.repository.root,
            *("ls-tree", "-r", "-z", "--full-tree", revision.commit),
            environment=environment,
        )
        for entry in listed.split("\0"):
            if not entry.startswith("160000 "):
                continue
            description, _, path = entry.partition("\t")
            commit = description.split()[2]
            snapshots = self._snapshots_of(path)
            if snapshots is None or not snapshots.repository.has(commit):
                self._note(
                    f"{revision.name}: submodule {path} at {commit[:10]} is not here, so its files "
                    "are missing: git submodule update --init --recursive"
                )
            elif revision.is_working_tree:
                yield path, snapshots, snapshots.working_tree()
            else:
                yield path, snapshots, Revision(commit=commit, name=f"{revision.name}, {path}")

    def _snapshots_of(self, path: str) -> Snapshots | None:
        """Return the snapshots of the submodule at `path`, None where it was never fetched."""
        if path not in self._submodules:
            repository = self.repository.submodule(path)
            if repository is None:
                return None
            folder = self._folder / f"submodule-{len(self._submodules)}"
            self._submodules[path] = Snapshots(repository, folder)
        return self._submodules[path]

    def _environment(self, index: Path) -> dict[str, str]:
        """Return the variables that make git store in our folder and know the repository's."""
        theirs = git(self.repository.root, "rev-parse", "--git-path", "objects")
        return {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(self._objects),
            # Quoted, as a colon parts two folders.
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": json.dumps(
                str((self.repository.root / theirs).resolve()), ensure_ascii=False
            ),
        }

    def _new_index(self) -> Path:
        self._indexes += 1
        return self._folder / f"index-{self._indexes}"

    def _note(self, text: str) -> None:
        self.notes[text] = None

    def _note_size(self, changed: list[str]) -> None:
        """Mention that the uncommitted files are large."""
        paths = [self.repository.root / name for name in changed]
        total_bytes = sum(path.lstat().st_size for path in paths if path.is_file())
        if total_bytes > MUCH_BYTES:
            self._note(
                f"{total_bytes / 2**20:.0f} MiB of uncommitted files were copied for the working "
                "tree; name in .gitignore what does not belong to it"
            )

    def _note_pointers(self, tree: Path, environment: dict[str, str]) -> None:
        """Mention files of Git LFS that git, for want of a filter, wrote out as pointers."""
        named = git(tree, "ls-files", "-z", "--", ":(attr:filter=lfs)", environment=environment)
        pointers = [
            name
            for name in named.split("\0")
            if name and _starts_with(tree / name, b"version https://git-lfs")
        ]
        if pointers:
            self._note(
                f"{len(pointers)} files of Git LFS ({pointers[0]}, …) are pointers here, not their "
                "contents: git lfs install, then git lfs pull"
            )


def _starts_with(file: Path, start: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(start)) == start
    except OSError:
        return False
