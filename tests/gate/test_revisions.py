"""Revisions and worktrees, with real git repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.errors import NotComparable, UsageError
from suite.gate.checkouts import Checkouts
from suite.gate.revision import NoRepository, Repository
from tests.gate.planting import commit, git, repository


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    folder = repository(tmp_path / "repo")
    commit(folder, {"mine.py": "one", ".gitignore": "ignored.py\n"})
    commit(folder, {"mine.py": "two"})
    return folder


def test_the_working_tree_is_a_revision_with_changes_and_new_files(planted):
    (planted / "mine.py").write_text("three")
    (planted / "new.py").write_text("new")
    (planted / "ignored.py").write_text("ignored")
    before = git(planted, "status", "--porcelain")
    repo = Repository(planted)
    head = repo.working_tree()

    assert head.name == "working tree with 2 changed files"
    with Checkouts(repo) as checkouts:
        tree = checkouts.add(head)
        assert (tree / "mine.py").read_text(encoding="utf-8") == "three"
        assert (tree / "new.py").read_text(encoding="utf-8") == "new"
        assert not (tree / "ignored.py").exists()
    assert git(planted, "status", "--porcelain") == before
    assert git(planted, "branch", "--list").split() == ["*", "main"]


def test_a_clean_working_tree_is_its_commit(planted):
    assert Repository(planted).working_tree().commit == git(planted, "rev-parse", "HEAD")


def test_worktrees_have_paths_of_different_lengths_and_are_gone_afterwards(planted):
    repo = Repository(planted)
    with Checkouts(repo) as checkouts:
        base = repo.resolve("HEAD~1", "--base")
        trees = [checkouts.add(base) for _ in range(3)]
        aliases = [checkouts.alias(trees[0]) for _ in range(8)]
        assert [(tree / "mine.py").read_text(encoding="utf-8") for tree in [*trees, *aliases]] == [
            "one"
        ] * 11
        assert len({len(str(path)) for path in aliases}) > 1
        folder = trees[0].parents[1]
    assert not folder.exists()
    assert len(git(planted, "worktree", "list").splitlines()) == 1


def test_worktrees_are_gone_after_an_interruption(planted):
    repo = Repository(planted)
    trees = []

    def interrupted() -> None:
        with Checkouts(repo) as checkouts:
            trees.append(checkouts.add(repo.resolve("HEAD", "--base")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not trees[0].exists()
    assert len(git(planted, "worktree", "list").splitlines()) == 1


def test_a_folder_outside_any_repository_is_refused(tmp_path):
    with pytest.raises(NoRepository, match="not in a git repository"):
        Repository(tmp_path)


def test_an_unknown_revision_is_refused_and_known_ones_are_named(planted):
    with pytest.raises(UsageError, match=r"--base nonsense: no such revision.*there are: main"):
        Repository(planted).resolve("nonsense", "--base")


def test_a_shallow_clone_says_how_to_deepen_it(planted, tmp_path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", planted.as_uri(), str(clone))
    with pytest.raises(NotComparable, match=r"shallow clone.*fetch-depth: 0"):
        Repository(clone).resolve("HEAD~1", "--base")


def test_a_hooks_environment_does_not_mislead_git(planted, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert Repository(planted).root == planted


def test_messages_name_files_as_the_repository_does(planted):
    repo = Repository(planted)
    with Checkouts(repo) as checkouts:
        tree = checkouts.add(repo.resolve("HEAD", "--base"))
        alias = checkouts.alias(tree)
        assert checkouts.shorten(f"in {tree}/mine.py, {alias}/mine.py") == "in mine.py, mine.py"
