"""Which repository a plug-in's file is part of, and whether its commit names the code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from suite.machine.repositories import repository_of, state_of_code
from suite.results.manifest import checked_manifest
from suite.results.revisions import plugin_revisions
from tests.conftest import ROOT


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    told = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository `filters` with one commit and a plug-in in its folder `bench`."""
    folder = tmp_path / "filters"
    (folder / "bench").mkdir(parents=True)
    (folder / "bench" / "mine.py").write_text("# a plug-in\n")
    (folder / ".gitignore").write_text("venv/\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def plugins(*files: Path) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = state_of_code(ROOT, map(str, files))["plugins"]
    return entries


def test_a_plug_in_is_of_its_own_repository(repository):
    (entry,) = plugins(repository / "bench" / "mine.py")
    assert entry == {
        "name": str(repository / "bench" / "mine.py"),
        "repository": "filters",
        "path": "bench/mine.py",
        "git_revision": git(repository, "rev-parse", "HEAD"),
        "git_dirty": False,
    }


@pytest.mark.parametrize("kind", ["changed", "imported", "new"])
def test_code_that_the_commit_does_not_name_is_said(repository, kind):
    mine = repository / "bench" / "mine.py"
    if kind == "changed":
        mine.write_text("# another\n")
    elif kind == "imported":
        (repository / "helper.py").write_text("")
    else:
        mine = mine.with_name("new.py")
        mine.write_text("")
    (entry,) = plugins(mine)
    assert entry["git_dirty"] is True
    assert entry["git_revision"] == git(repository, "rev-parse", "HEAD")


def test_results_in_the_repository_are_no_change_of_its_code(repository):
    (repository / "results").mkdir()
    (repository / "results" / "manifest.json").write_text("{}")
    (entry,) = plugins(repository / "bench" / "mine.py")
    assert entry["git_dirty"] is False


@pytest.mark.parametrize("folder", ["venv/lib/there", "other/site-packages/there"])
def test_a_package_installed_within_a_checkout_is_not_of_that_checkout(repository, folder):
    (repository / folder).mkdir(parents=True)
    installed = repository / folder / "package.py"
    installed.write_text("")
    assert repository_of(installed) is None
    assert plugins(installed) == [{"name": str(installed)}]


def test_a_worktree_has_the_name_of_its_repository(repository, tmp_path):
    git(repository, "worktree", "add", "-q", str(tmp_path / "checkout"))
    (entry,) = plugins(tmp_path / "checkout" / "bench" / "mine.py")
    assert (entry["repository"], entry["path"]) == ("filters", "bench/mine.py")


def test_no_repository_and_one_without_a_commit_have_no_revision(tmp_path):
    (tmp_path / "mine.py").write_text("")
    assert repository_of(tmp_path / "mine.py") is None
    git(tmp_path, "init", "-q")
    assert repository_of(tmp_path / "mine.py") is None


def test_files_of_convgauges_own_tree_are_no_plug_ins():
    assert plugins(ROOT / "impls" / "loops.py") == []


def test_without_git_nothing_is_known_and_nothing_fails(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    state = state_of_code(ROOT, [str(repository / "bench" / "mine.py")])
    assert state["git_revision"] is None
    assert [entry.get("git_revision") for entry in state["plugins"]] == [None]


def test_what_a_hook_says_of_another_repository_does_not_count(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    (entry,) = plugins(repository / "bench" / "mine.py")
    assert entry["repository"] == "filters"


def test_the_manifest_takes_what_is_recorded(repository):
    mine = repository / "bench" / "mine.py"
    manifest = checked_manifest({"name": "quick", "plugins": plugins(mine)})
    (revision,) = plugin_revisions(manifest)
    commit = git(repository, "rev-parse", "HEAD")
    assert revision.words == f"filters {commit[:10]} (bench/mine.py)"
